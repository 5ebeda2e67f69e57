#pragma once

#include <string>

#include "tools/stepctl/json_text.hpp"
#include "tools/stepctl/screen.hpp"

namespace stepd::stepctl {

/// A problem document (RFC 9457) for people:
///
///   error: the step id "out" stands twice
///     at /steps/1/id: …
///
/// `place` ("jobs.jsonl:3") goes in front when it is not empty.
[[nodiscard]] std::string problem_text(const json::object& problem, const std::string& place,
                                       const Screen& screen);

/// The same for an answer that may be no problem document at all.
[[nodiscard]] std::string refusal_text(int status, const std::string& body,
                                       const std::string& place, const Screen& screen);

/// "error: …" for what this program itself has to say.
[[nodiscard]] std::string error_line(const std::string& message, const Screen& screen);

/// The `warnings` of an accepted job, a line each.
[[nodiscard]] std::string warnings_text(const json::object& answer, const std::string& place,
                                        const Screen& screen);

}  // namespace stepd::stepctl
