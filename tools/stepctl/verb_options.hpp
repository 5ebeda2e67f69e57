#pragma once

#include <functional>
#include <map>
#include <string>

#include "tools/stepctl/command_line.hpp"

namespace CLI {
class App;
}

namespace stepd::stepctl {

/// The operators' verbs on the command line: each about the job that ID names or, where filter
/// flags stand in for ID, about all jobs they match. It stays where it is made: the parser points
/// into it.
class VerbOptions {
 public:
  VerbOptions() = default;
  VerbOptions(const VerbOptions&) = delete;
  VerbOptions& operator=(const VerbOptions&) = delete;

  /// Makes a command below `job`, of this name, description and examples.
  using MakeCommand =
      std::function<CLI::App*(const std::string&, const std::string&, const std::string&)>;
  void add(const MakeCommand& make);

  [[nodiscard]] const std::map<CLI::App*, ActOnJob>& commands() const { return verbs_; }

  /// What the rules of single flags cannot say; empty when all is well.
  [[nodiscard]] std::string complete(CLI::App* app, ActOnJob& act) const;

 private:
  ActOnJob& add_verb(CLI::App* app, const std::string& verb);
  void add_step_verb(CLI::App* app, const std::string& verb);
  void add_new_job_verbs(const MakeCommand& make);

  std::map<CLI::App*, ActOnJob> verbs_;
  std::string skip_output_;
  std::string resolve_output_;
  std::string priority_;
  bool resolve_none_ = false;
  bool resolve_undone_ = false;
};

/// The flags that choose jobs; `list` has them too.
void add_selection(CLI::App* app, JobSelection& selection);

}  // namespace stepd::stepctl
