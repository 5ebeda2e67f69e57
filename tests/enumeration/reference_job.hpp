#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "host/engine/catalogue.hpp"
#include "host/engine/definition.hpp"
#include "host/engine/record.hpp"
#include "host/rehearsal/script.hpp"

namespace stepd::enumeration {

/// One job of the reference set: what it is, what its calls do, what happens beside them and how it
/// ends. The form of the files is told in this folder's README.
struct ReferenceJob {
  std::string name{};
  std::shared_ptr<const engine::JobDefinition> job{};  // shared with every engine that runs it
  std::optional<engine::SubmitKey> key{};
  std::shared_ptr<const engine::Catalogue> catalogue{};
  rehearsal::Script script{};
  std::string ends{};     // the word of the job
  bool in_pairs = false;  // crash twice, at every pair of commits
  bool on_disk = false;   // also on a file of SQLite
};

/// All of a file's jobs. Throws std::runtime_error for what it does not understand.
[[nodiscard]] std::vector<ReferenceJob> read_reference_jobs(const std::string& file);

}  // namespace stepd::enumeration
