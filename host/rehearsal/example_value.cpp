#include "host/rehearsal/example_value.hpp"

#include <algorithm>
#include <boost/json.hpp>

#include "host/engine/json_pointer.hpp"

namespace stepd::rehearsal {

namespace json = boost::json;

namespace {

constexpr int depth_max = 12;

const json::object& nothing() {
  static const json::object empty;
  return empty;
}

const json::object& object_at(const json::object& object, std::string_view name) {
  const json::value* found = object.if_contains(name);
  return found && found->is_object() ? found->get_object() : nothing();
}

const json::array& list_at(const json::object& object, std::string_view name) {
  static const json::array empty;
  const json::value* found = object.if_contains(name);
  return found && found->is_array() ? found->get_array() : empty;
}

/// What a "$ref" of this document points at ("#/$defs/address"); itself without one.
const json::object& resolved(const json::object& schema, const json::object& root) {
  const json::value* reference = schema.if_contains("$ref");
  if (!reference || !reference->is_string()) return schema;
  const std::string_view pointer = reference->get_string();
  if (!pointer.starts_with('#')) return schema;
  const auto tokens = engine::pointer_tokens(pointer.substr(1));
  const json::object* place = &root;
  for (const std::string& token : tokens.value_or(std::vector<std::string>{})) {
    place = &object_at(*place, token);
  }
  return *place;
}

std::string type_of(const json::object& schema) {
  const json::value* type = schema.if_contains("type");
  if (type && type->is_string()) return std::string(type->get_string());
  for (const json::value& name : list_at(schema, "type")) {
    if (name.is_string() && name.get_string() != "null") return std::string(name.get_string());
  }
  if (schema.contains("properties")) return "object";
  return schema.contains("items") ? "array" : "";
}

double number_at(const json::object& schema, std::string_view name, double otherwise) {
  const json::value* found = schema.if_contains(name);
  return found && found->is_number() ? found->to_number<double>() : otherwise;
}

json::value example_number(const json::object& schema, bool whole) {
  double value = std::max(1.0, number_at(schema, "minimum", 1.0));
  value = std::max(value, number_at(schema, "exclusiveMinimum", 0.0) + 1.0);
  value = std::min(value, number_at(schema, "maximum", value));
  const double below = number_at(schema, "exclusiveMaximum", value + 2.0);
  if (value >= below) value = below - 1.0;
  const double step = number_at(schema, "multipleOf", 0.0);
  if (step > 0.0)
    value = step * static_cast<double>(static_cast<std::int64_t>(value / step + 0.999));
  if (whole || value == static_cast<double>(static_cast<std::int64_t>(value))) {
    return static_cast<std::int64_t>(value);
  }
  return value;
}

json::value example_text(const json::object& schema) {
  const json::value* format = schema.if_contains("format");
  if (format && *format == "stepd-duration") return "1s";
  if (format && *format == "http-url") return "http://example.invalid/";
  std::string text = "example";
  text.resize(std::max(text.size(), static_cast<std::size_t>(number_at(schema, "minLength", 0))),
              'e');
  const auto most =
      static_cast<std::size_t>(number_at(schema, "maxLength", static_cast<double>(text.size())));
  if (text.size() > most) text.resize(most);
  return json::string(text);
}

json::value example(const json::object& given, const json::object& root, int depth);

json::value example_object(const json::object& schema, const json::object& root, int depth) {
  json::object made;
  const json::array& required = list_at(schema, "required");
  for (const auto& [name, property] : object_at(schema, "properties")) {
    if (!property.is_object()) continue;
    const bool wanted = std::ranges::find(required, json::value(name)) != required.end();
    if (!wanted && !property.get_object().contains("default")) continue;
    made[name] = example(property.get_object(), root, depth + 1);
  }
  return made;
}

json::value example_array(const json::object& schema, const json::object& root, int depth) {
  json::array made;
  for (const json::value& prefix : list_at(schema, "prefixItems")) {
    made.push_back(prefix.is_object() ? example(prefix.get_object(), root, depth + 1)
                                      : json::value(nullptr));
  }
  const auto least = static_cast<std::size_t>(std::min(number_at(schema, "minItems", 0), 100.0));
  while (made.size() < least) {
    made.push_back(example(object_at(schema, "items"), root, depth + 1));
  }
  return made;
}

json::value example(const json::object& given, const json::object& root, int depth) {
  const json::object& schema = resolved(given, root);
  for (const char* ready : {"default", "const"}) {
    if (schema.contains(ready)) return schema.at(ready);
  }
  for (const char* choices : {"examples", "enum"}) {
    if (!list_at(schema, choices).empty()) return list_at(schema, choices).front();
  }
  if (depth >= depth_max) return nullptr;
  for (const char* variants : {"anyOf", "oneOf", "allOf"}) {
    const json::array& list = list_at(schema, variants);
    if (!list.empty() && list.front().is_object()) {
      return example(list.front().get_object(), root, depth + 1);
    }
  }
  const std::string type = type_of(schema);
  if (type == "object") return example_object(schema, root, depth);
  if (type == "array") return example_array(schema, root, depth);
  if (type == "boolean") return true;
  if (type == "integer" || type == "number") return example_number(schema, type == "integer");
  if (type == "null") return nullptr;
  return example_text(schema);
}

}  // namespace

const json::object& schema_of_child(const json::object& given, const json::object& root,
                                    const std::string& token) {
  const json::object& schema = resolved(given, root);
  const json::object& properties = object_at(schema, "properties");
  if (properties.contains(token)) return resolved(object_at(properties, token), root);
  if (const auto index = engine::array_index(token)) {
    const json::array& prefix = list_at(schema, "prefixItems");
    if (*index < prefix.size() && prefix[*index].is_object()) {
      return resolved(prefix[*index].get_object(), root);
    }
    return resolved(object_at(schema, "items"), root);
  }
  return nothing();
}

json::value example_value(const json::object& schema, const json::object& root) {
  return example(schema, root, 0);
}

}  // namespace stepd::rehearsal
