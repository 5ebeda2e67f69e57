#include "host/daemon/log.hpp"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

namespace stepd::daemon::log {

void set_up(std::string_view level) {
  auto logger = spdlog::stderr_logger_mt("stepd");
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc);
  logger->set_level(spdlog::level::from_str(std::string(level)));
  logger->flush_on(spdlog::level::debug);
  spdlog::set_default_logger(std::move(logger));
}

void flush() { spdlog::default_logger()->flush(); }

void debug(const std::string& line) { spdlog::default_logger_raw()->debug("{}", line); }
void info(const std::string& line) { spdlog::default_logger_raw()->info("{}", line); }
void warn(const std::string& line) { spdlog::default_logger_raw()->warn("{}", line); }
void error(const std::string& line) { spdlog::default_logger_raw()->error("{}", line); }

void at_level(std::int32_t level, const std::string& line) {
  if (level >= 3) return error(line);
  if (level == 2) return warn(line);
  if (level == 1) return info(line);
  debug(line);
}

std::string quoted(std::string_view text) {
  return boost::json::serialize(boost::json::value(boost::json::string_view(text)));
}

std::string on_one_line(std::string_view json) {
  std::string line(json);
  for (char& character : line) {
    if (character == '\n' || character == '\r') character = ' ';
  }
  return line;
}

}  // namespace stepd::daemon::log
