#include "tools/stepctl/example_args.hpp"

#include <algorithm>

namespace stepd::stepctl {
namespace {

constexpr int depth_max = 8;

json::value example(const json::object& schema, const json::object& root, int depth);

/// The schema a "$ref" of this document points at ("#/$defs/address"); itself without one.
const json::object& resolved(const json::object& schema, const json::object& root) {
  const std::string pointer = text_at(schema, "$ref");
  if (!pointer.starts_with("#")) return schema;
  const json::object* place = &root;
  std::size_t at = 1;
  while (at < pointer.size()) {
    const std::size_t end = std::min(pointer.find('/', at + 1), pointer.size());
    place = &object_at(*place, pointer.substr(at + 1, end - at - 1));
    at = end;
  }
  return *place;
}

/// "type" may be a list; the first that is not null counts.
std::string type_of(const json::object& schema) {
  for (const json::value& name : list_at(schema, "type")) {
    if (name.is_string() && name.get_string() != "null") return std::string(name.get_string());
  }
  const std::string type = text_at(schema, "type");
  if (type.empty() && member(schema, "properties") != nullptr) return "object";
  return type;
}

/// As the daemon would take it.
std::string example_text(const std::string& format) {
  if (format == "stepd-duration") return "1s";
  return format == "http-url" ? "http://127.0.0.1/" : "";
}

json::value example_object(const json::object& schema, const json::object& root, int depth) {
  const json::array& required = list_at(schema, "required");
  json::object made;
  for (const auto& [name, property] : object_at(schema, "properties")) {
    if (!property.is_object()) continue;
    const json::value name_value(name);
    const bool wanted = std::find(required.begin(), required.end(), name_value) != required.end();
    if (wanted || property.get_object().contains("default")) {
      made[name] = example(property.get_object(), root, depth + 1);
    }
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
  for (const char* variants : {"anyOf", "oneOf", "allOf"}) {
    const json::array& list = list_at(schema, variants);
    if (!list.empty() && list.front().is_object() && depth < depth_max) {
      return example(list.front().get_object(), root, depth + 1);
    }
  }
  const std::string type = type_of(schema);
  if (type == "object") {
    return depth < depth_max ? example_object(schema, root, depth) : json::object();
  }
  if (type == "array") return json::array();
  if (type == "string") return json::string(example_text(text_at(schema, "format")));
  if (type == "boolean") return false;
  if (type == "integer" || type == "number") {
    return member(schema, "minimum") == nullptr ? json::value(0) : schema.at("minimum");
  }
  return nullptr;
}

}  // namespace

json::value example_args(const json::object& schema) { return example(schema, schema, 0); }

}  // namespace stepd::stepctl
