#include "host/workshop/module_copy.hpp"

#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <utility>

#include "host/plugin/module_folder.hpp"

namespace stepd::workshop {
namespace {

std::filesystem::path new_folder() {
  std::string name = (std::filesystem::temp_directory_path() / "stepd-workshop-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) {
    throw std::system_error(errno, std::generic_category(), "cannot make the folder " + name);
  }
  return name;
}

}  // namespace

std::variant<ModuleCopy, plugin::Refusal> ModuleCopy::of(const std::filesystem::path& file) {
  auto read = plugin::read_plugin_file(file);
  if (auto* refusal = std::get_if<plugin::Refusal>(&read)) return std::move(*refusal);
  return ModuleCopy(std::get<plugin::PluginFile>(std::move(read)));
}

ModuleCopy::ModuleCopy(plugin::PluginFile original)
    : original_(std::move(original)), folder_(new_folder()) {
  const plugin::ModuleFolder modules(folder_);
  const plugin::Module module = modules.module_of(original_.bytes);
  modules.keep(module, original_.bytes);
  file_ = module.file;
}

ModuleCopy::ModuleCopy(ModuleCopy&& other) noexcept
    : original_(std::move(other.original_)),
      folder_(std::exchange(other.folder_, {})),
      file_(std::move(other.file_)) {}

ModuleCopy::~ModuleCopy() {
  std::error_code left_behind;  // nothing that anybody could act on
  if (!folder_.empty()) std::filesystem::remove_all(folder_, left_behind);
}

}  // namespace stepd::workshop
