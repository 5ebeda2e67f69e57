#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "host/engine/json_text.hpp"
#include "host/engine/outcome.hpp"
#include "host/engine/step_schema.hpp"
#include "host/engine/validate.hpp"

namespace boost::json {
class value;
}

namespace stepd::engine {

struct JobState;

/// A reference as it stands in a document: where, and what it points at.
struct Reference {
  std::string pointer{};  // where in the arguments: "/memo"
  std::string target{};   // "/steps/out/output/receipt"
};

/// All references in a value, `$literal` apart; problems for malformed ones (a `$ref` that is not
/// the object's only member, is no string, or is no JSON pointer).
struct References {
  std::vector<Reference> found{};
  std::vector<Problem> problems{};
};
[[nodiscard]] References references_in(const boost::json::value& value);

/// The expression with its references replaced by what is recorded and `$literal` unwrapped (J7);
/// every other byte stays as it was sent. What a reference yields is not searched again. An Error
/// names the reference that could not be resolved, or a result of more than `bytes_max` bytes:
/// references multiply, and a short expression could fill the memory.
using Resolution = std::variant<JsonText, Error>;
[[nodiscard]] Resolution resolve(const JsonText& expression, const JobState& job,
                                 std::size_t bytes_max = Limits{}.args_bytes_max);

/// The arguments a step's calls see: resolved, completed with the schema's defaults and checked
/// against it (an empty schema: anything fits).
[[nodiscard]] Resolution resolve_args(const JobState& job, StepIndex step,
                                      const StepSchema& args_schema,
                                      std::size_t bytes_max = Limits{}.args_bytes_max);

/// The job's output (J9): its `output` expression, else the output of its only last step; no value
/// when there are several last steps, or the only one has none.
[[nodiscard]] Resolution job_output(const JobState& job,
                                    std::size_t bytes_max = Limits{}.output_bytes_max);

}  // namespace stepd::engine
