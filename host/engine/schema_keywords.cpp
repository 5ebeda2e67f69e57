#include "host/engine/schema_keywords.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "host/engine/json_compare.hpp"
#include "host/engine/json_pointer.hpp"
#include "host/engine/schema.hpp"

namespace stepd::engine {
namespace {

namespace json = boost::json;

constexpr std::pair<std::string_view, Takes> keywords[] = {
    {"$comment", Takes::annotation},
    {"$defs", Takes::named_schemas},
    {"$id", Takes::annotation},
    {"$ref", Takes::reference},
    {"$schema", Takes::annotation},
    {"additionalProperties", Takes::schema},
    {"allOf", Takes::schemas},
    {"anyOf", Takes::schemas},
    {"const", Takes::value},
    {"contentEncoding", Takes::annotation},
    {"contentMediaType", Takes::annotation},
    {"default", Takes::value},
    {"deprecated", Takes::annotation},
    {"description", Takes::annotation},
    {"enum", Takes::values},
    {"examples", Takes::annotation},
    {"exclusiveMaximum", Takes::number},
    {"exclusiveMinimum", Takes::number},
    {"format", Takes::annotation},
    {"items", Takes::schema},
    {"maxItems", Takes::count},
    {"maxLength", Takes::count},
    {"maxProperties", Takes::count},
    {"maximum", Takes::number},
    {"minItems", Takes::count},
    {"minLength", Takes::count},
    {"minProperties", Takes::count},
    {"minimum", Takes::number},
    {"multipleOf", Takes::positive_number},
    {"not", Takes::schema},
    {"oneOf", Takes::schemas},
    {"prefixItems", Takes::schemas},
    {"properties", Takes::named_schemas},
    {"readOnly", Takes::annotation},
    {"required", Takes::names},
    {"title", Takes::annotation},
    {"type", Takes::types},
    {"uniqueItems", Takes::flag},
    {"writeOnly", Takes::annotation},
};
static_assert(std::ranges::is_sorted(keywords, {}, &std::pair<std::string_view, Takes>::first));

constexpr std::pair<std::string_view, std::string_view> types[] = {
    {"array", "a list"},  {"boolean", "true or false"}, {"integer", "a whole number"},
    {"null", "null"},     {"number", "a number"},       {"object", "an object"},
    {"string", "a text"},
};

bool is_type(const json::value& name) {
  return name.is_string() && !in_words(name.get_string()).empty();
}

bool is_list_of_text(const json::value& value) {
  return value.is_array() &&
         std::ranges::all_of(value.get_array(), [](const auto& each) { return each.is_string(); });
}

bool is_count(const json::value& value) {
  return is_of_type(value, "integer") && number_in(value) >= 0;
}

/// Finds what a schema holds that the check would pass over.
class Audit {
 public:
  explicit Audit(const json::value& root) : root_(root) {}

  void schema(const json::value& schema, const std::string& pointer) {
    if (schema.is_bool()) return;
    if (!schema.is_object()) {
      found_.push_back("a schema that is neither an object nor true or false" + at(pointer));
      return;
    }
    for (const auto& [key, value] : schema.get_object()) {
      const std::string_view keyword(key.data(), key.size());
      const auto kind = takes(keyword);
      if (!kind || (keyword == "$id" && !pointer.empty())) {
        found_.push_back(std::string(keyword) + at(pointer));
      } else if (!is_taken(*kind, value, pointer_to(pointer, keyword))) {
        found_.push_back(std::string(keyword) + " with a value it does not take" + at(pointer));
      }
    }
  }

  std::vector<std::string> found() && { return std::move(found_); }

 private:
  static std::string at(const std::string& pointer) {
    return pointer.empty() ? "" : " (at " + pointer + ")";
  }

  bool is_taken(Takes kind, const json::value& value, const std::string& pointer) {
    switch (kind) {
      case Takes::annotation:
      case Takes::value:
        return true;
      case Takes::schema:
        schema(value, pointer);
        return true;
      case Takes::schemas:
        return are_schemas(value, pointer);
      case Takes::named_schemas:
        return are_named_schemas(value, pointer);
      case Takes::reference:
        return value.is_string() && schema_at(root_, value.get_string()) != nullptr;
      case Takes::types:
        return is_type(value) || (value.is_array() && !value.get_array().empty() &&
                                  std::ranges::all_of(value.get_array(), is_type));
      case Takes::names:
        return is_list_of_text(value);
      case Takes::values:
        return value.is_array();
      case Takes::number:
        return is_number(value);
      case Takes::positive_number:
        return is_number(value) && number_in(value) > 0;
      case Takes::count:
        return is_count(value);
      case Takes::flag:
        return value.is_bool();
    }
    return false;
  }

  bool are_schemas(const json::value& value, const std::string& pointer) {
    if (!value.is_array() || value.get_array().empty()) return false;
    std::size_t index = 0;
    for (const json::value& each : value.get_array()) schema(each, pointer_to(pointer, index++));
    return true;
  }

  bool are_named_schemas(const json::value& value, const std::string& pointer) {
    if (!value.is_object()) return false;
    for (const auto& [name, each] : value.get_object()) {
      schema(each, pointer_to(pointer, std::string_view(name.data(), name.size())));
    }
    return true;
  }

  const json::value& root_;
  std::vector<std::string> found_;
};

}  // namespace

std::optional<Takes> takes(std::string_view keyword) {
  if (keyword.starts_with("x-")) return Takes::annotation;
  const auto* const found =
      std::ranges::lower_bound(keywords, keyword, {}, &std::pair<std::string_view, Takes>::first);
  if (found == std::end(keywords) || found->first != keyword) return std::nullopt;
  return found->second;
}

const json::value* schema_at(const json::value& root, std::string_view reference) {
  if (!reference.starts_with('#')) return nullptr;
  const auto tokens = pointer_tokens(reference.substr(1));
  if (!tokens) return nullptr;
  const json::value* place = &root;
  for (const std::string& token : *tokens) {
    if (const json::object* object = place->if_object()) {
      place = object->if_contains(token);
    } else if (const json::array* array = place->if_array()) {
      const auto index = array_index(token);
      place = index ? array->if_contains(*index) : nullptr;
    } else {
      place = nullptr;
    }
    if (place == nullptr) return nullptr;
  }
  return place;
}

std::string_view in_words(std::string_view type) {
  for (const auto& [name, words] : types) {
    if (name == type) return words;
  }
  return {};
}

bool is_of_type(const json::value& value, std::string_view type) {
  if (type == "null") return value.is_null();
  if (type == "boolean") return value.is_bool();
  if (type == "string") return value.is_string();
  if (type == "array") return value.is_array();
  if (type == "object") return value.is_object();
  if (type == "number") return is_number(value);
  if (type != "integer") return true;
  if (value.is_double()) return std::trunc(value.get_double()) == value.get_double();
  return is_number(value);
}

std::string_view type_in_words(const json::value& value) {
  for (const auto& [name, words] : types) {
    if (is_of_type(value, name))
      return value.is_bool() ? (value.get_bool() ? "true" : "false") : words;
  }
  return "nothing";
}

std::vector<std::string> unsupported_keywords(const json::value& schema) {
  Audit audit(schema);
  audit.schema(schema, "");
  return std::move(audit).found();
}

}  // namespace stepd::engine
