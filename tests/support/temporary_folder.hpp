#pragma once

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

namespace stepd::support {

/// A new empty folder, gone with all it holds when the test ends.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "stepd-test-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) {
      throw std::system_error{errno, std::generic_category(), "cannot make the folder " + name};
    }
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;  // a left-over folder fails no test
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace stepd::support
