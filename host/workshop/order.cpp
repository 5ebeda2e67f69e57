#include "host/workshop/order.hpp"

#include <boost/json.hpp>
#include <fstream>
#include <iostream>
#include <iterator>

#include "host/engine/json_check.hpp"
#include "host/engine/names.hpp"

namespace stepd::workshop {

namespace json = boost::json;

namespace {

constexpr std::size_t depth_max = 100;

std::string text_at(const json::object& order, std::string_view name) {
  return json::value_to<std::string>(order.at(name));
}

engine::Phase phase_of(std::string_view word) {
  using engine::Phase;
  for (const Phase phase : {Phase::execute, Phase::probe, Phase::compensate}) {
    if (engine::name_of(phase) == word) return phase;
  }
  throw BadOrder(std::string(word) + " is no phase of a step");
}

RunStep run_step(const json::object& order) {
  RunStep run{.file = text_at(order, "file"),
              .type = text_at(order, "type"),
              .args = {text_at(order, "args")},
              .configuration = {text_at(order, "config")},
              .debug = order.at("debug").as_bool()};
  for (const json::value& phase : order.at("phases").as_array()) {
    run.phases.push_back(phase_of(phase.as_string()));
  }
  return run;
}

ValidatePlugin validate_plugin(const json::object& order) {
  ValidatePlugin work{.file = text_at(order, "file"),
                      .configuration = {text_at(order, "config")},
                      .only = text_at(order, "check"),
                      .calls = order.at("calls").as_bool()};
  for (const auto& [type, source] : order.at("args").as_object()) {
    work.args[type] = {json::value_to<std::string>(source)};
  }
  if (order.contains("seed")) work.seed = order.at("seed").to_number<std::uint32_t>();
  return work;
}

BenchStep bench_step(const json::object& order) {
  BenchStep work{.file = text_at(order, "file"),
                 .type = text_at(order, "type"),
                 .args = {text_at(order, "args")},
                 .configuration = {text_at(order, "config")},
                 .lasts = std::chrono::seconds(order.at("seconds").to_number<std::int64_t>())};
  if (order.contains("calls")) work.calls = order.at("calls").to_number<std::uint64_t>();
  return work;
}

Work work_of(const json::object& order) {
  const std::string verb = text_at(order, "verb");
  if (verb == "run") return run_step(order);
  if (verb == "validate") return validate_plugin(order);
  if (verb == "bench") return bench_step(order);
  throw BadOrder("it knows no verb " + verb);
}

std::string read_all(std::istream& stream) {
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

std::string whole_text(const TextSource& source, std::string_view what) {
  if (source.words == "-") return read_all(std::cin);
  if (!source.words.starts_with('@')) return source.words;
  const std::string file = source.words.substr(1);
  std::ifstream stream(file, std::ios::binary);
  if (!stream) throw BadOrder(std::string(what) + ": cannot read " + file);
  return read_all(stream);
}

}  // namespace

Order parse_order(std::string_view text) {
  try {
    const json::object order = json::parse(text).as_object();
    return {.work = work_of(order),
            .json = order.at("json").as_bool(),
            .quiet = order.at("quiet").as_bool()};
  } catch (const BadOrder&) {
    throw;
  } catch (const std::exception& error) {
    throw BadOrder(std::string("this is no order of a stepctl of the same version (") +
                   error.what() + "); install both from one build");
  }
}

std::string object_text(const TextSource& source, std::string_view what) {
  std::string text = whole_text(source, what);
  if (const auto fault = engine::find_fault(text, depth_max)) {
    throw BadOrder(std::string(what) + " is no JSON: " + fault->message + " (line " +
                   std::to_string(fault->line) + ", column " + std::to_string(fault->column) + ")");
  }
  if (!json::parse(text).is_object()) {
    throw BadOrder(std::string(what) + " is a JSON object, as {\"name\": \"Ada\"}");
  }
  return text;
}

}  // namespace stepd::workshop
