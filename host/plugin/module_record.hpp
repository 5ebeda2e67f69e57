#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "host/engine/time.hpp"
#include "host/plugin/module_folder.hpp"
#include "host/plugin/plugin_file.hpp"

namespace stepd::plugin {

/// What is remembered of a build that has run, beside its copy: `<sha-256>.json`.
struct ModuleRecord {
  Module module;
  PluginNote note;
  std::filesystem::path file;                    // where it lay when it was loaded
  std::optional<engine::TimePoint> replaced_at;  // absent: it takes new jobs
  std::string signed_by;                         // the file of the key; empty: by none
  std::string taken_back;                        // why it is not loaded again; empty: it is
};

/// It is whole on disk when this returns, or as it was. Throws std::system_error.
void write_record(const ModuleRecord& record);

/// The file it is written to.
[[nodiscard]] std::filesystem::path record_file_of(std::filesystem::path module);

/// Of all builds in the folder of modules whose copy and record are there and can be read. Throws
/// std::filesystem::filesystem_error when the folder cannot be.
[[nodiscard]] std::vector<ModuleRecord> records_in(const ModuleFolder& folder);

}  // namespace stepd::plugin
