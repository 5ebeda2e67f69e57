#pragma once

#include <optional>
#include <string>

#include "host/plugin/step_call.hpp"
#include "storage/store.hpp"

/// Undoing the jobs that a step has started, as far as the record tells (W3). Any thread.
namespace stepd::runtime {

/// See CallPorts; `call` is the compensation that asks. An undo that could not be made once,
/// because the store had an objection, is not tried again and again: it is refused with the remedy.
[[nodiscard]] plugin::CheckedUndo check_undo(storage::Reader& reader,
                                             const engine::CallRequest& call,
                                             const std::string& key);
/// `starter` and `place.step` are the job and the step whose execute started the child.
[[nodiscard]] std::optional<plugin::ChildNow> child_undo(storage::Reader& reader,
                                                         engine::JobId starter,
                                                         const storage::ChildPlace& place);

}  // namespace stepd::runtime
