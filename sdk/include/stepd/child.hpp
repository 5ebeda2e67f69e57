#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stepd/json_reader.hpp>
#include <stepd/outcome.hpp>
#include <string>
#include <string_view>

namespace stepd {

/// A job that the step has started, as it stands.
template <class T>
struct Child {
  std::string key;
  std::string job_id;
  std::uint32_t number = 0;  // which of the step's to settle it was, from 1; 0: it has not
  std::string state;         // "succeeded", "failed" …; empty until it has settled
  std::optional<T> output;   // when it succeeded
  std::string error_code;    // when it did not; likewise the next
  std::string error_message;

  [[nodiscard]] bool settled() const { return !state.empty(); }
  [[nodiscard]] bool succeeded() const { return state == "succeeded"; }
  /// Of a job that undoes another: it has undone all of it.
  [[nodiscard]] bool undid() const { return state == "compensated"; }
};

namespace detail {

template <class T>
[[nodiscard]] Child<T> child_in(const boost::json::value& told) {
  const boost::json::object& members = told.as_object();
  const auto text = [](const boost::json::value& value) {
    return value.is_string() ? std::string(std::string_view(value.get_string())) : std::string();
  };
  Child<T> child;
  child.key = text(members.at("key"));
  child.job_id = text(members.at("job"));
  child.number = members.at("number").to_number<std::uint32_t>();
  child.state = text(members.at("state"));
  if (child.succeeded()) {
    JsonReader(rules_of_earlier_output).read(members.at("output"), child.output.emplace(), {});
  }
  if (const auto* error = members.at("error").if_object()) {
    child.error_code = text(error->at("code"));
    child.error_message = text(error->at("message"));
  }
  return child;
}

/// Those of a step's jobs that are not undone though they should be, and why.
class UndoShortfall final {
 public:
  void add(const Child<boost::json::value>& child, const std::string& why) {
    ++missing_;
    if (missing_ <= told_max) {
      lines_ += (lines_.empty() ? "" : "; ") + line(child, why);
      told_.push_back({{"job", child.job_id}, {"key", child.key}, {"why", why}});
    }
  }
  void add(const Child<boost::json::value>& child, const Child<boost::json::value>& undo) {
    if (undo.undid()) return;
    if (undo.settled()) return add(child, undo.error_message);
    if (under_way_.empty()) {
      under_way_ = "job " + child.job_id + " is still being undone, by job " + undo.job_id;
    }
  }
  void add_not_made(const Child<boost::json::value>& child) {
    add(child,
        "because a rerun keeps what it did, say: undo it once that can be (stepctl job undo " +
            child.job_id + ")");
  }

  /// `job` and `step` are those whose compensation it is.
  void throw_if_any(std::string_view job, std::string_view step) const {
    if (!under_way_.empty()) throw Retry{"undo_under_way", under_way_};
    if (missing_ == 0) return;
    const std::string place = std::string(job) + " " + std::string(step);
    throw Failed{"child_not_undone",
                 (missing_ == 1 ? std::string("not undone: ")
                                : "not undone are " + std::to_string(missing_) + " jobs: ") +
                     lines_ + (missing_ > told_max ? "; and more" : "") +
                     ". Once that is mended, retry this step (stepctl job retry " + place +
                     "); where it cannot be, undo by hand what is left and say so (stepctl job "
                     "resolve " +
                     place + " --undone --reason …)",
                 {{"not_undone", told_}}};
  }

 private:
  static constexpr std::size_t told_max = 20;

  /// A refusal of the host's begins with the job itself.
  [[nodiscard]] static std::string line(const Child<boost::json::value>& child,
                                        const std::string& why) {
    const std::string job = "job " + child.job_id;
    const std::string named = job + " (" + child.key + ")";
    return why.starts_with(job + " ") ? named + why.substr(job.size()) : named + ": " + why;
  }

  std::size_t missing_ = 0;
  std::string lines_;
  boost::json::array told_;
  std::string under_way_;  // the first
};

}  // namespace detail
}  // namespace stepd
