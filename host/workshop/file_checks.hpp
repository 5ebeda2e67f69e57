#pragma once

#include <string_view>

#include "host/plugin/plugin_description.hpp"
#include "host/plugin/plugin_file.hpp"
#include "host/workshop/elf_contents.hpp"
#include "host/workshop/finding.hpp"

/// What can be told of a plugin without calling any of its steps.
namespace stepd::workshop {

/// It exports its entry and nothing else.
[[nodiscard]] Finding check_exports(const ElfContents& contents);
/// It holds no symbol of which there is one in the whole process.
[[nodiscard]] Finding check_unique_symbols(const ElfContents& contents);
/// It needs no Boost of its host's; and which distributions have the C and C++ libraries it needs.
[[nodiscard]] Finding check_libraries(const ElfContents& contents);
/// The code says of itself what the note in the file says.
[[nodiscard]] Finding check_descriptor(const plugin::PluginNote& note,
                                       const plugin::PluginDescription& description);
/// Defaults fit the schemas they stand in, and an example of the arguments can be made.
[[nodiscard]] Finding check_schemas(const engine::StepType& type);

}  // namespace stepd::workshop
