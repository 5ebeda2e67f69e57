#include "host/daemon/toml_reader.hpp"

#include <sstream>
#include <utility>

#include "host/engine/span.hpp"
#include "host/engine/spelling.hpp"
#include "host/http/text.hpp"

namespace stepd::daemon {

namespace {

boost::json::value to_value(const toml::node& node) {
  if (const auto* table = node.as_table()) return to_json(*table);
  if (const auto* list = node.as_array()) {
    boost::json::array array;
    for (const auto& element : *list) array.push_back(to_value(element));
    return array;
  }
  if (const auto* text = node.as_string()) return boost::json::string(text->get());
  if (const auto* number = node.as_integer()) return number->get();
  if (const auto* fraction = node.as_floating_point()) return fraction->get();
  if (const auto* truth = node.as_boolean()) return truth->get();
  std::ostringstream text;
  if (const auto* date = node.as_date()) text << date->get();
  if (const auto* time = node.as_time()) text << time->get();
  if (const auto* moment = node.as_date_time()) text << moment->get();
  return boost::json::string(text.str());
}

}  // namespace

boost::json::object to_json(const toml::table& table) {
  boost::json::object object;
  for (const auto& [key, node] : table) object.emplace(key.str(), to_value(node));
  return object;
}

TomlReader::TomlReader(const toml::table& table, std::string prefix, Origin origin)
    : table_(table), prefix_(std::move(prefix)), origin_(std::move(origin)) {}

TomlReader::~TomlReader() {
  const std::vector<std::string_view> known(known_.begin(), known_.end());
  for (const auto& [key, node] : table_) {
    if (known_.contains(key.str())) continue;
    note(key.str(), "is not a key here" + engine::suggestion(key.str(), known) + "; there are " +
                        engine::listed(known, 20));
  }
}

void TomlReader::note(std::string_view key, std::string message) {
  std::string place = origin_.file.string();
  if (const auto* node = table_.get(key)) {
    place += ":" + std::to_string(node->source().begin.line);
  }
  origin_.problems.push_back({.place = std::move(place),
                              .key = prefix_ + std::string(key),
                              .message = std::move(message)});
}

const toml::node* TomlReader::find(std::string_view key) {
  known_.emplace(key);
  return table_.get(key);
}

std::optional<std::string> TomlReader::text(std::string_view key) {
  const auto* node = find(key);
  if (!node) return std::nullopt;
  if (const auto* text = node->as_string(); text && !text->get().empty()) return text->get();
  note(key, "must be a text that is not empty, in quotes");
  return std::nullopt;
}

std::optional<std::vector<std::string>> TomlReader::texts(std::string_view key) {
  const auto* node = find(key);
  if (!node) return std::nullopt;
  std::vector<std::string> texts;
  const auto* list = node->as_array();
  bool good = list != nullptr;
  if (list) {
    for (const auto& element : *list) {
      const auto* text = element.as_string();
      good = good && text && !text->get().empty();
      if (good) texts.push_back(text->get());
    }
  }
  if (good) return texts;
  note(key, "must be a list of texts, as in [\"one\", \"two\"]");
  return std::nullopt;
}

std::optional<std::int64_t> TomlReader::number(std::string_view key, const Range& range) {
  const auto* node = find(key);
  if (!node) return std::nullopt;
  const auto* number = node->as_integer();
  if (number && number->get() >= range.least && number->get() <= range.most) return number->get();
  note(key, "must be a whole number from " + std::to_string(range.least) + " to " +
                std::to_string(range.most));
  return std::nullopt;
}

std::optional<double> TomlReader::fraction(std::string_view key, double least, double most) {
  const auto* node = find(key);
  if (!node) return std::nullopt;
  std::optional<double> value;
  if (const auto* number = node->as_integer()) value = static_cast<double>(number->get());
  if (const auto* number = node->as_floating_point()) value = number->get();
  if (value && *value >= least && *value <= most) return value;
  std::ostringstream range;
  range << "must be a number from " << least << " to " << most;
  note(key, range.str());
  return std::nullopt;
}

std::optional<bool> TomlReader::truth(std::string_view key) {
  const auto* node = find(key);
  if (!node) return std::nullopt;
  if (const auto* truth = node->as_boolean()) return truth->get();
  note(key, "must be true or false");
  return std::nullopt;
}

std::optional<engine::Duration> TomlReader::span(std::string_view key, engine::Duration least) {
  const auto* node = find(key);
  if (!node) return std::nullopt;
  std::optional<engine::Duration> span;
  if (const auto* text = node->as_string()) span = engine::parse_span(text->get());
  if (span && *span >= least) return span;
  note(key, "must be a span of time: a number and one of ms, s, m, h or d, as in \"7d\", from " +
                http::to_text(least) + " to " + http::to_text(engine::span_max));
  return std::nullopt;
}

std::optional<std::uint32_t> TomlReader::count_or_unlimited(std::string_view key) {
  const auto* node = find(key);
  if (!node) return std::nullopt;
  if (const auto* text = node->as_string(); text && text->get() == "unlimited") return 0;
  const auto* number = node->as_integer();
  if (number && number->get() >= 1 && number->get() <= 1'000'000) {
    return static_cast<std::uint32_t>(number->get());
  }
  note(key, "must be a whole number from 1 to 1000000, or \"unlimited\"");
  return std::nullopt;
}

void TomlReader::table(std::string_view key, const std::function<void(TomlReader&)>& read) {
  const auto* node = find(key);
  if (!node) return;
  const auto* table = node->as_table();
  if (!table) {
    note(key, "must be a table: write [" + prefix_ + std::string(key) + "]");
    return;
  }
  TomlReader within(*table, prefix_ + std::string(key) + ".", origin_);
  read(within);
}

void TomlReader::each_table(
    const std::function<void(const std::string&, const toml::table&)>& read) {
  for (const auto& [name, node] : table_) {
    if (!known_.emplace(name.str()).second) continue;
    if (const auto* table = node.as_table()) {
      read(std::string(name.str()), *table);
    } else {
      note(name.str(), "must be a table: write [" + prefix_ + "\"" + std::string(name.str()) +
                           "\"] and its keys below");
    }
  }
}

}  // namespace stepd::daemon
