#pragma once

#include <toml++/toml.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "host/daemon/config.hpp"

namespace stepd::daemon {

/// Reads one table key by key and notes every problem with file, line, key and remedy. What is
/// absent or wrong yields nothing.
class TomlReader {
 public:
  struct Origin {
    std::filesystem::path file;
    std::vector<ConfigProblem>& problems;
  };
  /// `prefix` is what the table is called in messages: "retention.", or nothing.
  TomlReader(const toml::table& table, std::string prefix, Origin origin);
  /// Notes the keys nobody has read.
  ~TomlReader();
  TomlReader(const TomlReader&) = delete;
  TomlReader& operator=(const TomlReader&) = delete;

  struct Range {
    std::int64_t least = 0;
    std::int64_t most = 0;
  };
  [[nodiscard]] std::optional<std::string> text(std::string_view key);
  [[nodiscard]] std::optional<std::vector<std::string>> texts(std::string_view key);
  [[nodiscard]] std::optional<std::int64_t> number(std::string_view key, const Range& range);
  [[nodiscard]] std::optional<double> fraction(std::string_view key, double least, double most);
  [[nodiscard]] std::optional<engine::Duration> span(std::string_view key,
                                                     engine::Duration least = {});
  [[nodiscard]] std::optional<bool> truth(std::string_view key);
  /// A count, or "unlimited" for 0.
  [[nodiscard]] std::optional<std::uint32_t> count_or_unlimited(std::string_view key);
  /// Reads a table within this one, if it is there.
  void table(std::string_view key, const std::function<void(TomlReader&)>& read);
  /// Every table within this one that has not been read yet, by its name.
  void each_table(const std::function<void(const std::string&, const toml::table&)>& read);

  void note(std::string_view key, std::string message);

 private:
  [[nodiscard]] const toml::node* find(std::string_view key);

  const toml::table& table_;
  const std::string prefix_;
  const Origin origin_;
  std::set<std::string, std::less<>> known_;
};

/// A TOML value as JSON; dates and times become text.
[[nodiscard]] boost::json::object to_json(const toml::table& table);

}  // namespace stepd::daemon
