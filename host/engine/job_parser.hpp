#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "host/engine/definition.hpp"
#include "host/engine/validate.hpp"

namespace stepd::engine {

/// The code of a problem with a text that is no JSON at all; every other problem is one of a job.
inline constexpr std::string_view malformed_json_code = "malformed_json";

/// A submitted job as it was sent: read, not yet judged (see `validate`). The form is that of the
/// http room's README. Every problem says where (a JSON pointer) and what would do.
struct ParsedJob {
  JobDefinition definition{};
  bool rerun_unsuccessful = false;  // "on_settled": "rerun_unsuccessful" (J3)
  std::string canonical{};          // what a content hash is made of; empty when there is no key
  std::vector<Problem> problems{};  // any: the rest is not to be used
};

[[nodiscard]] ParsedJob parse_job(std::string_view text, const Limits& limits);

}  // namespace stepd::engine
