#include "host/plugin/module_record.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <fstream>
#include <iterator>
#include <system_error>
#include <utility>

namespace stepd::plugin {
namespace {

namespace json = boost::json;

std::string read(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

std::string text_at(const json::object& object, std::string_view name) {
  return std::string(object.at(name).as_string());
}

/// Nothing when it is no record of this module; throws what Boost.JSON throws.
std::optional<ModuleRecord> parsed(const ModuleFolder& folder, const std::filesystem::path& file) {
  const json::value value = json::parse(read(file));
  const json::object& object = value.as_object();
  auto copy = file;
  // A copy that is not what its name says is none.
  const Module module = folder.module_of(read(copy.replace_extension(".so")));
  if (module.file != copy) return std::nullopt;
  ModuleRecord record{
      .module = module,
      .note = {.abi_minor_needed = object.at("abi_minor").to_number<std::uint32_t>(),
               .id = text_at(object, "plugin"),
               .version = text_at(object, "version")},
      .file = text_at(object, "file"),
      .replaced_at = std::nullopt,
      .signed_by = text_at(object, "signed_by"),
      .taken_back = text_at(object, "taken_back")};
  if (!object.at("replaced_at").is_null()) {
    const engine::Duration since(object.at("replaced_at").to_number<std::int64_t>());
    record.replaced_at = engine::TimePoint(since);
  }
  return record;
}

}  // namespace

std::filesystem::path record_file_of(std::filesystem::path module) {
  return module.replace_extension(".json");
}

void write_record(const ModuleRecord& record) {
  json::object object{{"plugin", record.note.id},
                      {"version", record.note.version},
                      {"abi_minor", record.note.abi_minor_needed},
                      {"file", record.file.string()},
                      {"replaced_at", nullptr},
                      {"signed_by", record.signed_by},
                      {"taken_back", record.taken_back}};
  if (record.replaced_at) object["replaced_at"] = record.replaced_at->time_since_epoch().count();
  write_whole(record_file_of(record.module.file), json::serialize(object));
}

std::vector<ModuleRecord> records_in(const ModuleFolder& folder) {
  std::vector<ModuleRecord> records;
  for (const auto& file : folder.files()) {
    if (file.extension() != ".json") continue;
    try {
      if (auto record = parsed(folder, file)) records.push_back(*std::move(record));
    } catch (const std::exception&) {
      continue;  // not ours, or damaged: its copy is tidied away with it
    }
  }
  return records;
}

}  // namespace stepd::plugin
