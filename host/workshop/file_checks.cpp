#include "host/workshop/file_checks.hpp"

#include <algorithm>
#include <boost/json.hpp>

#include "host/engine/schema.hpp"
#include "host/workshop/conduct_arguments.hpp"
#include "host/workshop/distributions.hpp"

namespace stepd::workshop {

namespace json = boost::json;

namespace {

constexpr std::string_view entry = "stepd_plugin_v1";
constexpr std::string_view cure =
    "; build it with stepd_add_plugin(), which hides all but the entry";
constexpr std::size_t names_told = 3;

/// The first few, and how many there are.
std::string some_of(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t at = 0; at < std::min(names.size(), names_told); ++at) {
    text += (at == 0 ? "" : ", ") + names[at];
  }
  const std::size_t left = names.size() - std::min(names.size(), names_told);
  return left == 0 ? text : text + " and " + std::to_string(left) + " more";
}

bool is_of_boost(const std::string& symbol) {
  return symbol.starts_with("_Z") && symbol.find("5boost") != std::string::npos;
}

bool comes_with_every_system(const std::string& library) {
  constexpr std::array<std::string_view, 8> base{
      "libc.so.",       "libm.so.",  "libstdc++.so.", "libgcc_s.so.",
      "libpthread.so.", "libdl.so.", "librt.so.",     "ld-linux-x86-64.so."};
  return std::ranges::any_of(base, [&](auto name) { return library.starts_with(name); });
}

std::vector<std::string> those(const std::vector<std::string>& names,
                               bool (*are)(const std::string&)) {
  std::vector<std::string> found;
  std::ranges::copy_if(names, std::back_inserter(found), are);
  return found;
}

}  // namespace

Finding check_exports(const ElfContents& contents) {
  std::vector<std::string> others = contents.exported;
  std::erase(others, entry);
  if (others.size() == contents.exported.size()) {
    return failed("does not export " + std::string(entry) +
                  "; describe the plugin with STEPD_PLUGIN, or define that function in C");
  }
  if (!others.empty()) {
    return failed("exports " + some_of(others) +
                  " besides its entry: another plugin's code may be bound to it" +
                  std::string(cure));
  }
  return passed("exports " + std::string(entry) + " and nothing else");
}

Finding check_unique_symbols(const ElfContents& contents) {
  if (contents.unique.empty()) return passed("holds no symbol that is one for the whole process");
  return failed("shares " + some_of(contents.unique) +
                " with all other code of its process that has a symbol of this name" +
                std::string(cure) + ", or compile with -fno-gnu-unique");
}

Finding check_libraries(const ElfContents& contents) {
  const auto is_boost_library = [](const std::string& name) {
    return name.starts_with("libboost");
  };
  const auto libraries = those(contents.libraries, is_boost_library);
  const auto symbols = those(contents.wanted, is_of_boost);
  if (!libraries.empty() || !symbols.empty()) {
    return failed(
        "takes Boost from outside (" + some_of(libraries.empty() ? symbols : libraries) +
        "), where there may be another version; link Boost's static libraries, hidden, as "
        "stepd_add_plugin() does with Boost.JSON");
  }
  std::string text = distributions_text(highest(contents.versions_needed));
  const auto is_another = [](const std::string& name) { return !comes_with_every_system(name); };
  const auto others = those(contents.libraries, is_another);
  if (!others.empty()) {
    text += "; must be installed beside it:";
    for (const std::string& library : others) text += " " + library;
  }
  return passed(text);
}

Finding check_descriptor(const plugin::PluginNote& note,
                         const plugin::PluginDescription& description) {
  if (note.id != description.id || note.version != description.version) {
    return failed("is " + note.id + " " + note.version + " by its note and " + description.id +
                  " " + description.version +
                  " by its code, and is refused for it; build all of it anew from one source");
  }
  if (description.steps.empty()) {
    return failed("offers no step types; declare one: plugin.step<function>(\"word.word\")");
  }
  return passed("is " + description.id + " " + description.version + ", built with " +
                (description.sdk.empty() ? "no SDK that it names" : description.sdk) +
                ", and offers " + std::to_string(description.steps.size()) + " step type" +
                (description.steps.size() == 1 ? "" : "s"));
}

namespace {

/// The first default that its own schema would refuse, told with its place.
std::string wrong_default(const engine::StepSchema& schema) {
  if (schema.empty() || !schema.value().is_object()) return {};
  const auto* properties = schema.value().get_object().if_contains("properties");
  if (!properties || !properties->is_object()) return {};
  for (const auto& [name, property] : properties->get_object()) {
    if (!property.is_object() || !property.get_object().contains("default")) continue;
    json::object whole = schema.value().get_object();
    json::value given{{name, property.get_object().at("default")}};
    whole.erase("required");
    const auto verdict = engine::check_and_complete(given, json::value(whole), {});
    if (!verdict.problems.empty()) {
      return verdict.problems.front().pointer + ": " + verdict.problems.front().message;
    }
  }
  return {};
}

}  // namespace

Finding check_schemas(const engine::StepType& type) {
  const std::string complaint = wrong_default(type.args_schema);
  if (!complaint.empty()) {
    return failed("declares a default that its schema does not take: " + complaint);
  }
  const auto example = example_arguments(type);
  if (const auto* fault = std::get_if<NoExample>(&example)) {
    return skipped("no example of its arguments could be made (" + fault->why +
                   "); give one in the schema: \"examples\": [...]");
  }
  return passed("an example of its arguments is " +
                json::serialize(std::get<json::object>(example)));
}

}  // namespace stepd::workshop
