#include "host/workshop/conduct_arguments.hpp"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <functional>

#include "host/engine/schema.hpp"
#include "host/rehearsal/example_value.hpp"

namespace stepd::workshop {

namespace json = boost::json;

namespace {

constexpr std::size_t huge_bytes = 1'000'000;  // a job's arguments may have a little more
constexpr std::size_t huge_elements = 10'000;
constexpr std::size_t wrong_tried = 4;

bool fits(const engine::StepType& type, json::value value) {
  if (type.args_schema.empty()) return true;
  return engine::check_and_complete(value, type.args_schema.value(), {}).problems.empty();
}

/// Every text and list of the value, in place.
void for_each_text(json::value& value, const std::function<void(json::string&)>& change) {
  if (value.is_string()) return change(value.get_string());
  if (value.is_array()) {
    for (json::value& element : value.get_array()) for_each_text(element, change);
  } else if (value.is_object()) {
    for (auto& member : value.get_object()) for_each_text(member.value(), change);
  }
}

json::value of_another_type(const json::value& value) {
  if (value.is_string()) return 7;
  if (value.is_number()) return "seven";
  if (value.is_object()) return json::array{1, 2, 3};
  return json::object{{"no", "such"}};
}

/// As the example, with all its texts replaced.
json::value with_texts(const json::object& example, std::string_view text) {
  json::value changed = example;
  for_each_text(changed, [text](json::string& one) { one = text; });
  return changed;
}

std::size_t texts_in(const json::object& example) {
  json::value copy = example;
  std::size_t count = 0;
  for_each_text(copy, [&count](json::string&) { ++count; });
  return count;
}

}  // namespace

std::variant<json::object, NoExample> example_arguments(const engine::StepType& type) {
  if (type.args_schema.empty() || !type.args_schema.value().is_object()) return json::object{};
  const json::object& schema = type.args_schema.value().get_object();
  json::value made = rehearsal::example_value(schema, schema);
  if (!made.is_object()) return NoExample{"its schema asks for something other than an object"};
  const auto verdict = engine::check_and_complete(made, type.args_schema.value(), {});
  if (verdict.problems.empty()) return made.get_object();
  const auto& problem = verdict.problems.front();
  return NoExample{problem.pointer + ": " + problem.message};
}

std::vector<OddArguments> wrong_arguments(const engine::StepType& type, const json::object& example,
                                          Chance& chance) {
  std::vector<OddArguments> all;
  const auto add = [&](std::string what, json::object args) {
    if (!fits(type, args)) all.push_back({std::move(what), json::serialize(args)});
  };
  json::object stranger = example;
  stranger["no_such_member"] = true;
  add("a member that the schema does not know", std::move(stranger));
  for (const auto& [name, value] : example) {
    json::object without = example;
    without.erase(name);
    add("no member " + std::string(name), std::move(without));
    json::object another = example;
    another[name] = of_another_type(value);
    add("a member " + std::string(name) + " of another type", std::move(another));
    json::object null = example;
    null[name] = nullptr;
    add("a member " + std::string(name) + " that is null", std::move(null));
  }
  std::ranges::shuffle(all, chance);
  if (all.size() > wrong_tried) all.resize(wrong_tried);
  return all;
}

std::vector<OddArguments> empty_arguments(const json::object& example) {
  std::vector<OddArguments> all{{"no members", "{}"}};
  json::object emptied = with_texts(example, "").get_object();
  for (auto& member : emptied) {
    if (member.value().is_array()) member.value() = json::array{};
  }
  if (emptied != example) all.push_back({"empty texts and lists", json::serialize(emptied)});
  return all;
}

std::vector<OddArguments> huge_arguments(const engine::StepType& type,
                                         const json::object& example) {
  std::vector<OddArguments> all;
  if (const std::size_t texts = texts_in(example); texts != 0) {
    const json::value huge = with_texts(example, std::string(huge_bytes / texts, 'x'));
    if (fits(type, huge)) all.push_back({"texts of a megabyte", json::serialize(huge)});
  }
  for (const auto& [name, value] : example) {
    if (!value.is_array() || value.get_array().empty()) continue;
    json::object many = example;
    many[name] = json::array(huge_elements, value.get_array().front());
    if (json::serialize(many).size() > huge_bytes || !fits(type, many)) continue;
    all.push_back({"a list of " + std::to_string(huge_elements), json::serialize(many)});
  }
  return all;
}

std::vector<OddArguments> broken_arguments(const json::object& example, Chance& chance) {
  // Alone, cut short, a surrogate, too long a form of '/', and beyond the last character.
  constexpr std::array<std::string_view, 5> broken{"\xff", "\xc3(", "\xed\xa0\x80", "\xc0\xaf",
                                                   "\xf5\x80\x80\x80"};
  const std::string_view bytes = broken[chance() % broken.size()];
  std::vector<OddArguments> all;
  all.push_back({"a member's name that is no UTF-8", "{\"" + std::string(bytes) + "\":1}"});
  if (texts_in(example) == 0) return all;
  constexpr std::string_view mark = "text-that-is-no-utf-8";
  std::string text = json::serialize(with_texts(example, mark));
  for (auto at = text.find(mark); at != text.npos; at = text.find(mark)) {
    text.replace(at, mark.size(), bytes);
  }
  all.push_back({"texts that are no UTF-8", std::move(text)});
  return all;
}

}  // namespace stepd::workshop
