#include "host/engine/schema.hpp"

#include <algorithm>
#include <boost/json/value.hpp>
#include <cmath>
#include <cstddef>
#include <functional>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "host/engine/json_compare.hpp"
#include "host/engine/json_place.hpp"
#include "host/engine/json_value.hpp"
#include "host/engine/schema_keywords.hpp"
#include "host/engine/spelling.hpp"
#include "host/engine/text_format.hpp"

namespace stepd::engine {
namespace {

namespace json = boost::json;

std::string_view view_of(json::string_view text) { return {text.data(), text.size()}; }

std::size_t code_points(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char letter) { return (static_cast<unsigned char>(letter) & 0xc0U) != 0x80U; }));
}

bool is_multiple(long double number, long double of) {
  const long double rest = std::remainder(number, of);
  if (rest == 0) return true;
  // Neither 0.3 nor 0.1 is what a double holds for it.
  return std::trunc(of) != of && std::abs(rest) <= std::abs(number) * 1e-15L;
}

bool holds_reference(const json::value& value) {
  if (const json::array* array = value.if_array()) {
    return std::ranges::any_of(*array, holds_reference);
  }
  const json::object* object = value.if_object();
  if (object == nullptr) return false;
  return object->contains("$ref") || object->contains("$literal") ||
         std::ranges::any_of(*object,
                             [](const auto& member) { return holds_reference(member.value()); });
}

/// The keywords that bound a size, and what is counted.
struct Bounds {
  json::string_view least;
  json::string_view most;
  std::string_view unit;
};

std::string shortened(std::string text) {
  constexpr std::size_t most = 200;
  if (text.size() <= most) return text;
  std::size_t end = most;  // not inside a UTF-8 sequence
  while ((static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80U) --end;
  return text.substr(0, end) + "…";
}

class Check {
 public:
  Check(const json::value& root, bool references_fit)
      : root_(root), references_fit_(references_fit) {}

  void value(json::value& value, const json::value& schema, const Place& place);

  SchemaVerdict verdict() && {
    if (loop_) return {.problems = {std::move(*loop_)}};
    return std::move(verdict_);
  }

 private:
  // As deep as references within a schema may lead without the value getting any smaller.
  static constexpr std::size_t nesting_max = 1000;

  void by_object(json::value& value, const json::object& schema, const Place& place);
  void by_type(const json::value& value, const json::value& types, const Place& place);
  void number(const json::value& value, const json::object& schema, const Place& place);
  void text(const json::value& value, const json::object& schema, const Place& place);
  void list(json::array& list, const json::object& schema, const Place& place);
  void elements(json::array& list, const json::object& schema, const Place& place);
  void object(json::object& object, const json::object& schema, const Place& place);
  void complete(json::object& object, const json::object& properties);
  void members(json::object& object, const json::object* properties, const json::value* others,
               const Place& place);
  void unknown_member(const Place& place, const json::object* properties);
  void allowed_values(const json::value& value, const json::object& schema, const Place& place);
  void combinations(json::value& value, const json::object& schema, const Place& place);
  void one_of(json::value& value, const json::array& forms, const Place& place, bool only_one);
  void size(std::size_t size, const Bounds& bounds, const json::object& schema, const Place& place);

  SchemaVerdict tried(json::value& value, const json::value& schema, const Place& place);
  [[nodiscard]] bool is_open(const json::value& value) const {
    return references_fit_ && holds_reference(value);
  }
  [[nodiscard]] bool is_full() const { return verdict_.problems.size() >= problems_max; }
  void refuse(const Place& place, std::string_view code, std::string message) {
    if (is_full()) return;
    verdict_.problems.push_back({std::string(code), place.pointer(), std::move(message)});
  }

  const json::value& root_;
  bool references_fit_;
  std::size_t nesting_ = 0;
  std::optional<Problem> loop_;  // ends the check: a schema may refer to itself in several ways
  SchemaVerdict verdict_;
};

void Check::value(json::value& value, const json::value& schema, const Place& place) {
  if (schema.is_bool() && !schema.get_bool()) {
    return refuse(place, "not_allowed", "must not be here; leave it out");
  }
  const json::object* keywords = schema.if_object();
  if (keywords == nullptr || loop_) return;
  if (json::object* object = references_fit_ ? value.if_object() : nullptr) {
    if (object->contains("$ref")) return;
    if (json::value* literal = object->if_contains("$literal")) {
      references_fit_ = false;  // what it holds is not searched
      this->value(*literal, schema, place.at("$literal"));
      references_fit_ = true;
      return;
    }
  }
  if (nesting_ == nesting_max) {
    loop_ = {"schema_loop", place.pointer(),
             "cannot be checked: the schema refers to itself for ever"};
    return;
  }
  ++nesting_;
  by_object(value, *keywords, place);
  --nesting_;
}

void Check::by_object(json::value& value, const json::object& schema, const Place& place) {
  if (const json::value* reference = schema.if_contains("$ref");
      reference && reference->is_string()) {
    const json::value* target = schema_at(root_, view_of(reference->get_string()));
    if (target != nullptr) this->value(value, *target, place);
  }
  if (const json::value* types = schema.if_contains("type")) {
    const std::size_t before = verdict_.problems.size();
    by_type(value, *types, place);
    if (verdict_.problems.size() != before) return;
  }
  allowed_values(value, schema, place);
  if (is_number(value)) number(value, schema, place);
  if (value.is_string()) text(value, schema, place);
  if (json::array* elements = value.if_array()) list(*elements, schema, place);
  if (json::object* members = value.if_object()) object(*members, schema, place);
  combinations(value, schema, place);
}

void Check::by_type(const json::value& value, const json::value& types, const Place& place) {
  std::string allowed;
  const auto fits = [&](const json::value& type) {
    if (!type.is_string()) return true;
    if (!allowed.empty()) allowed += " or ";
    allowed += in_words(view_of(type.get_string()));
    return is_of_type(value, view_of(type.get_string()));
  };
  const json::array* several = types.if_array();
  if (several ? std::ranges::any_of(*several, fits) : fits(types)) return;
  refuse(place, "wrong_type", "must be " + allowed + ", not " + std::string(type_in_words(value)));
}

void Check::number(const json::value& value, const json::object& schema, const Place& place) {
  const long double number = number_in(value);
  const auto limit = [&](json::string_view name, std::string_view words, auto&& holds) {
    const json::value* bound = schema.if_contains(name);
    if (bound == nullptr || !is_number(*bound) || holds(number, number_in(*bound))) return;
    refuse(place, "out_of_range",
           "must be " + std::string(words) + " " + text_of(*bound) + ", not " + text_of(value));
  };
  limit("minimum", "at least", std::greater_equal<>());
  limit("maximum", "at most", std::less_equal<>());
  limit("exclusiveMinimum", "more than", std::greater<>());
  limit("exclusiveMaximum", "less than", std::less<>());
  limit("multipleOf", "a multiple of",
        [](long double each, long double of) { return of <= 0 || is_multiple(each, of); });
}

void Check::size(std::size_t size, const Bounds& bounds, const json::object& schema,
                 const Place& place) {
  const auto limit = [&](json::string_view name, std::string_view words, auto&& holds) {
    const json::value* bound = schema.if_contains(name);
    if (bound == nullptr || !is_number(*bound)) return;
    if (holds(static_cast<long double>(size), number_in(*bound))) return;
    refuse(place, "wrong_size",
           "must have " + std::string(words) + " " + text_of(*bound) + " " +
               std::string(bounds.unit) + ", not " + std::to_string(size));
  };
  limit(bounds.least, "at least", std::greater_equal<>());
  limit(bounds.most, "at most", std::less_equal<>());
}

void Check::text(const json::value& value, const json::object& schema, const Place& place) {
  const json::value* format = schema.if_contains("format");
  if (format && format->is_string()) {
    const auto told = view_of(value.get_string());
    const std::string_view wanted = unmet_format(view_of(format->get_string()), told);
    if (!wanted.empty()) {
      refuse(place, "wrong_format",
             "must be " + std::string(wanted) + ", not " + shortened(text_of(value)));
    }
  }
  constexpr Bounds bounds{"minLength", "maxLength", "characters"};
  if (!schema.contains(bounds.least) && !schema.contains(bounds.most)) return;
  size(code_points(view_of(value.get_string())), bounds, schema, place);
}

void Check::list(json::array& list, const json::object& schema, const Place& place) {
  size(list.size(), {"minItems", "maxItems", "elements"}, schema, place);
  elements(list, schema, place);
  const json::value* unique = schema.if_contains("uniqueItems");
  if (!unique || !unique->is_bool() || !unique->get_bool()) return;
  if (references_fit_ && std::ranges::any_of(list, holds_reference)) return;
  std::vector<std::string> sorted;
  for (const json::value& element : list) sorted.push_back(comparable(element));
  std::ranges::sort(sorted);
  const auto repeated = std::ranges::adjacent_find(sorted);
  if (repeated == sorted.end()) return;
  refuse(place, "repeated_element", "must not hold an element twice: " + shortened(*repeated));
}

void Check::elements(json::array& list, const json::object& schema, const Place& place) {
  const json::value* first = schema.if_contains("prefixItems");
  const json::value* rest = schema.if_contains("items");
  const json::array* prefix = first ? first->if_array() : nullptr;
  for (std::size_t index = 0; index < list.size(); ++index) {
    const bool in_prefix = prefix && index < prefix->size();
    const json::value* element = in_prefix ? &(*prefix)[index] : rest;
    if (element) value(list[index], *element, place.at(index));
  }
}

void Check::object(json::object& object, const json::object& schema, const Place& place) {
  const json::value* named = schema.if_contains("properties");
  const json::object* properties = named ? named->if_object() : nullptr;
  if (properties) complete(object, *properties);
  const json::value* required = schema.if_contains("required");
  if (const json::array* keys = required ? required->if_array() : nullptr) {
    for (const json::value& key : *keys) {
      if (!key.is_string() || object.contains(key.get_string())) continue;
      refuse(place.at(view_of(key.get_string())), "missing_member",
             "is missing and has no default; give it a value");
    }
  }
  size(object.size(), {"minProperties", "maxProperties", "members"}, schema, place);
  members(object, properties, schema.if_contains("additionalProperties"), place);
}

void Check::complete(json::object& object, const json::object& properties) {
  for (const auto& [key, property] : properties) {
    const json::object* schema = property.if_object();
    const json::value* value = schema ? schema->if_contains("default") : nullptr;
    if (value == nullptr || object.contains(key)) continue;
    object.emplace(key, *value);
    verdict_.completed = true;
  }
}

void Check::members(json::object& object, const json::object* properties, const json::value* others,
                    const Place& place) {
  for (auto& [key, member] : object) {
    const Place here = place.at(view_of(key));
    if (const json::value* property = properties ? properties->if_contains(key) : nullptr) {
      value(member, *property, here);
    } else if (others && others->is_bool() && !others->get_bool()) {
      unknown_member(here, properties);
    } else if (others) {
      value(member, *others, here);
    }
  }
}

void Check::unknown_member(const Place& place, const json::object* properties) {
  if (is_full()) return;  // looking for near words takes its time
  std::vector<std::string_view> known;
  if (properties) {
    for (const auto& [key, property] : *properties) known.push_back(view_of(key));
  }
  const std::string near = suggestion(place.key, known);
  refuse(place, "unknown_member",
         "is no member of this" + (!near.empty() || known.empty()
                                       ? near + "; leave it out"
                                       : "; its members are " + listed(known)));
}

void Check::allowed_values(const json::value& value, const json::object& schema,
                           const Place& place) {
  const json::value* only = schema.if_contains("const");
  const json::value* listed_values = schema.if_contains("enum");
  if ((!only && !listed_values) || is_open(value)) return;
  if (only && !are_same(value, *only)) {
    refuse(place, "not_allowed", "must be " + shortened(text_of(*only)));
  }
  const json::array* values = listed_values ? listed_values->if_array() : nullptr;
  const auto is_value = [&](const json::value& each) { return are_same(value, each); };
  if (!values || std::ranges::any_of(*values, is_value)) return;
  std::string allowed;
  for (const json::value& each : *values) {
    allowed += (allowed.empty() ? "" : ", ") + text_of(each);
  }
  refuse(place, "not_allowed",
         "must be one of " + shortened(allowed) + ", not " + shortened(text_of(value)));
}

void Check::combinations(json::value& value, const json::object& schema, const Place& place) {
  const auto forms = [&](json::string_view name) -> const json::array* {
    const json::value* found = schema.if_contains(name);
    return found ? found->if_array() : nullptr;
  };
  if (const json::array* all = forms("allOf")) {
    for (const json::value& form : *all) this->value(value, form, place);
  }
  if (const json::array* any = forms("anyOf")) one_of(value, *any, place, false);
  if (const json::array* one = forms("oneOf")) one_of(value, *one, place, !is_open(value));
  if (const json::value* banned = schema.if_contains("not"); banned && !is_open(value)) {
    json::value copy(value);
    if (tried(copy, *banned, place).problems.empty()) {
      refuse(place, "not_allowed", "has a form that is not allowed here");
    }
  }
}

/// The first form that fits gives its defaults; when none does, the one that came nearest (it has
/// the right type) tells what is wrong.
void Check::one_of(json::value& value, const json::array& forms, const Place& place,
                   bool only_one) {
  std::size_t fitting = 0;
  std::vector<Problem> nearest;
  json::value completed;
  bool was_completed = false;
  for (const json::value& form : forms) {
    json::value copy(value);
    SchemaVerdict verdict = tried(copy, form, place);
    if (!verdict.problems.empty()) {
      const bool of_other_type = verdict.problems.front().code == "wrong_type" &&
                                 verdict.problems.front().pointer == place.pointer();
      if (!of_other_type && nearest.empty()) nearest = std::move(verdict.problems);
      continue;
    }
    if (++fitting == 1) {
      completed = std::move(copy);
      was_completed = verdict.completed;
    }
    if (!only_one) break;
  }
  if (fitting == 0 && !nearest.empty()) {
    std::ranges::move(nearest, std::back_inserter(verdict_.problems));
  } else if (fitting == 0) {
    refuse(place, "wrong_form",
           "fits none of the " + std::to_string(forms.size()) + " forms that are allowed here");
  } else if (only_one && fitting > 1) {
    refuse(place, "wrong_form",
           "must fit one of the forms that are allowed here, and fits " + std::to_string(fitting));
  } else if (was_completed) {
    value = std::move(completed);
    verdict_.completed = true;
  }
}

SchemaVerdict Check::tried(json::value& value, const json::value& schema, const Place& place) {
  SchemaVerdict outer = std::exchange(verdict_, {});
  this->value(value, schema, place);
  return std::exchange(verdict_, std::move(outer));
}

}  // namespace

SchemaVerdict check_and_complete(json::value& value, const json::value& schema,
                                 const SchemaCheck& how) {
  Check check(schema, how.references_fit);
  check.value(value, schema, {.key = how.pointer});
  return std::move(check).verdict();
}

}  // namespace stepd::engine
