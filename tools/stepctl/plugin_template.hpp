#pragma once

#include <span>
#include <string_view>

namespace stepd::stepctl {

/// A file of `sdk/template/`, in which the plugin is called `my_plugin`, in its name, too.
struct TemplateFile {
  std::string_view path;
  std::string_view text;
};
[[nodiscard]] std::span<const TemplateFile> plugin_template(bool saga);

}  // namespace stepd::stepctl
