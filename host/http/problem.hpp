#pragma once

#include <exception>
#include <string>
#include <string_view>
#include <vector>

#include "host/engine/validate.hpp"

namespace stepd::http {

/// A problem document (RFC 9457): why a request was not carried out, and what to do.
struct Problem {
  int status = 400;
  std::string code{};    // for programs: "duplicate_step"
  std::string detail{};  // one sentence for people
  std::vector<engine::Problem> errors{};
  std::string id{};  // the job that is in the way, where there is one
};

/// Ends a request wherever its trouble is noticed; answered by the connection that reads it.
struct Refusal : std::exception {
  explicit Refusal(Problem problem_) : problem(std::move(problem_)) {}
  [[nodiscard]] const char* what() const noexcept override { return problem.detail.c_str(); }
  Problem problem;
};

[[noreturn]] void refuse(int status, std::string code, std::string detail);

/// The phrase of RFC 9110 (and 6585, 4918) for a status.
[[nodiscard]] std::string_view phrase(int status);

[[nodiscard]] std::string to_json(const Problem& problem);

/// What is wrong with a job, as one document: the first problem speaks for all.
[[nodiscard]] Problem job_refused(std::vector<engine::Problem> errors);

}  // namespace stepd::http
