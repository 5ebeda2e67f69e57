#include <algorithm>
#include <boost/json/value.hpp>

#include "host/engine/json_pointer.hpp"
#include "host/engine/schema.hpp"
#include "host/engine/schema_keywords.hpp"

namespace stepd::engine {
namespace {

namespace json = boost::json;

using Path = std::span<const std::string>;

/// Parts looked at: a schema may refer to itself without end, and in several ways at once.
constexpr int looks_max = 1000;

/// Looks for a place that no value which fits can have. In doubt there may be one.
class Reach {
 public:
  explicit Reach(const json::value& root) : root_(root) {}

  [[nodiscard]] bool ends_before(const json::value& schema, Path path) {
    if (schema.is_bool()) return !schema.get_bool();
    const json::object* keywords = schema.if_object();
    if (!keywords || path.empty() || looks_ == looks_max) return false;
    ++looks_;
    const auto rules_out = [&](const json::value& other) { return ends_before(other, path); };
    if (const json::value* target = referred(*keywords); target && rules_out(*target)) return true;
    if (std::ranges::any_of(list_at(*keywords, "allOf"), rules_out)) return true;
    for (const char* choices : {"anyOf", "oneOf"}) {
      const json::array& list = list_at(*keywords, choices);
      if (!list.empty() && std::ranges::all_of(list, rules_out)) return true;
    }
    return ends_as_object(*keywords, path) && ends_as_array(*keywords, path);
  }

 private:
  [[nodiscard]] static const json::array& list_at(const json::object& keywords,
                                                  std::string_view name) {
    static const json::array none;
    const json::value* found = keywords.if_contains(name);
    return found && found->is_array() ? found->get_array() : none;
  }

  [[nodiscard]] const json::value* referred(const json::object& keywords) const {
    const json::value* reference = keywords.if_contains("$ref");
    if (!reference || !reference->is_string()) return nullptr;
    return schema_at(root_, reference->get_string());
  }

  [[nodiscard]] static bool may_be(const json::object& keywords, std::string_view type) {
    const json::value* types = keywords.if_contains("type");
    if (!types) return true;
    const auto is_it = [type](const json::value& name) {
      return name.is_string() && name.get_string() == type;
    };
    return types->is_array() ? std::ranges::any_of(types->get_array(), is_it) : is_it(*types);
  }

  [[nodiscard]] bool ends_as_object(const json::object& keywords, Path path) {
    if (!may_be(keywords, "object")) return true;
    const json::value* named = keywords.if_contains("properties");
    const json::object* properties = named ? named->if_object() : nullptr;
    const json::value* member = properties ? properties->if_contains(path.front()) : nullptr;
    if (!member) member = keywords.if_contains("additionalProperties");
    return member && ends_before(*member, path.subspan(1));
  }

  [[nodiscard]] bool ends_as_array(const json::object& keywords, Path path) {
    const auto index = array_index(path.front());
    if (!index || !may_be(keywords, "array")) return true;
    const json::array& first = list_at(keywords, "prefixItems");
    const json::value* element =
        *index < first.size() ? &first[*index] : keywords.if_contains("items");
    return element && ends_before(*element, path.subspan(1));
  }

  const json::value& root_;
  int looks_ = 0;
};

}  // namespace

bool rules_out(const json::value& schema, std::span<const std::string> path) {
  return Reach(schema).ends_before(schema, path);
}

}  // namespace stepd::engine
