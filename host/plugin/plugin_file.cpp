#include "host/plugin/plugin_file.hpp"

#include <stepd/plugin.h>

#include <algorithm>
#include <cstring>

#include "host/plugin/elf_file.hpp"
#include "host/plugin/judged_file.hpp"

namespace stepd::plugin {
namespace {

constexpr std::size_t file_bytes_max = std::size_t{1} << 30U;
constexpr std::string_view build_cure = "build it with stepd_add_plugin";
constexpr std::string_view copy_cure =
    "copy it again, under a name that does not end in .so until "
    "it is whole";

Refusal refused(const std::filesystem::path& path, std::string_view fact, std::string_view cure) {
  return {path.string() + " " + std::string(fact) + "; " + std::string(cure)};
}

Refusal unfit(const std::filesystem::path& path, const FileFault& fault) {
  if (fault.kind != FileFault::Kind::folder) return refused(path, fault.fact, fault.cure);
  return refused(path, "is a folder, not a plugin",
                 "rename it, or name it with --plugins to have what is in it loaded");
}

/// A word of letters, digits and the marks given; what ends up in file names, logs and JSON.
bool is_word(std::string_view text, std::string_view marks) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [marks](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           marks.find(c) != std::string_view::npos;
  });
}

template <std::size_t size>
std::string_view bounded(const char (&text)[size]) {
  return {text, ::strnlen(text, size)};
}

std::string abi_text(std::uint32_t major, std::uint32_t minor) {
  return std::to_string(major) + "." + std::to_string(minor);
}

std::variant<PluginNote, Refusal> judge_note(const std::filesystem::path& path,
                                             const ElfNote& found) {
  decltype(stepd_note::description) note{};
  // A later ABI may lengthen the note; its versions stay where they are.
  if (found.description.size() < sizeof note) {
    return refused(path, "carries a damaged stepd note", build_cure);
  }
  std::memcpy(&note, found.description.data(), sizeof note);
  if (note.abi_major != STEPD_ABI_MAJOR || note.abi_minor_needed > STEPD_ABI_MINOR) {
    return refused(path,
                   "needs the stepd plugin ABI " + abi_text(note.abi_major, note.abi_minor_needed) +
                       " and this stepd offers " + abi_text(STEPD_ABI_MAJOR, STEPD_ABI_MINOR),
                   note.abi_major < STEPD_ABI_MAJOR ? "build it with a current SDK"
                                                    : "run a newer stepd or build it with an "
                                                      "older SDK");
  }
  const std::string_view id = bounded(note.id);
  const std::string_view version = bounded(note.version);
  if (id.size() == sizeof note.id || !is_word(id, "._-")) {
    return refused(path, "carries a stepd note without a usable plugin id",
                   "name the plugin with 1 to 63 letters, digits, dots, dashes or underscores");
  }
  if (version.size() == sizeof note.version || !is_word(version, ".+-~")) {
    return refused(path, "carries a stepd note without a usable version",
                   "give the plugin a version such as 1.0.0, of at most 31 characters");
  }
  return PluginNote{note.abi_minor_needed, std::string(id), std::string(version)};
}

}  // namespace

std::variant<PluginNote, Refusal> judge(const std::filesystem::path& path, std::string_view bytes) {
  const auto read = read_shared_library(bytes);
  if (const auto* problem = std::get_if<NotLoadable>(&read)) {
    return refused(path, problem->fact,
                   problem->fact.starts_with("is cut short") ? copy_cure : build_cure);
  }
  const auto& notes = std::get<SharedLibrary>(read).notes;
  const auto is_ours = [](const ElfNote& note) {
    return note.name == STEPD_NOTE_NAME && note.type == STEPD_NOTE_TYPE;
  };
  const auto found = std::find_if(notes.begin(), notes.end(), is_ours);
  if (found == notes.end()) {
    return refused(path, "carries no stepd note: it is built without STEPD_PLUGIN or STEPD_NOTE",
                   build_cure);
  }
  if (std::any_of(std::next(found), notes.end(), is_ours)) {
    return refused(path, "carries more than one stepd note",
                   "let one source file alone say STEPD_PLUGIN or STEPD_NOTE");
  }
  return judge_note(path, *found);
}

std::variant<PluginFile, Refusal> read_plugin_file(const std::filesystem::path& path) {
  auto read = read_judged(path, Writers::host_only, file_bytes_max);
  if (const auto* fault = std::get_if<FileFault>(&read)) return unfit(path, *fault);
  auto& bytes = std::get<std::string>(read);
  auto judged = judge(path, bytes);
  if (auto* refusal = std::get_if<Refusal>(&judged)) return std::move(*refusal);
  return PluginFile{path, std::get<PluginNote>(std::move(judged)), std::move(bytes)};
}

bool is_gone(const std::filesystem::path& file) {
  std::error_code unknown;
  return !std::filesystem::exists(std::filesystem::symlink_status(file, unknown)) &&
         std::filesystem::exists(file.parent_path(), unknown);
}

bool is_plugin_name(const std::filesystem::path& path) {
  const std::string name = path.filename().string();
  return name.ends_with(".so") && !name.starts_with(".");
}

std::vector<std::filesystem::path> plugin_files(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (is_plugin_name(entry.path())) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace stepd::plugin
