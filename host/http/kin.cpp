#include "host/http/kin.hpp"

#include "host/engine/job_state.hpp"
#include "host/engine/why.hpp"

namespace stepd::http {

JobKin kin_of(storage::Reader& reader, const engine::LoadedJob& job) {
  JobKin kin{.derived = reader.derived(job.id, derived_max), .children = job.children};
  const auto id = reader.undo_of(job.id);
  if (!id) return kin;
  kin.undo.emplace().job = *id;
  if (const auto undo = reader.find(*id)) {
    kin.undo->state = engine::word_of(engine::fold(*undo), undo->head);
  }
  return kin;
}

}  // namespace stepd::http
