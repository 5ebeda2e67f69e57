#pragma once

#include <algorithm>
#include <boost/describe.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <charconv>
#include <concepts>
#include <cstdint>
#include <optional>
#include <stepd/context.hpp>
#include <stepd/json_writer.hpp>
#include <stepd/nothing.hpp>
#include <stepd/step.hpp>
#include <string>
#include <string_view>

namespace stepd {

/// How a subtask ended that did not succeed.
struct SubtaskError {
  std::string state;  // of its job: "failed", "cancelled" …
  std::string code;
  std::string message;
};

namespace detail {

/// What a distributed task keeps between its calls.
template <class State>
struct TaskRecord {
  State state{};
  std::uint64_t dispatched = 0;
  std::uint32_t delivered = 0;
  BOOST_DESCRIBE_CLASS(TaskRecord, (), (state, dispatched, delivered), (), ())
};

}  // namespace detail

/// A step that splits its work into subtasks, each a job of one step of the type `subtask_type`,
/// which run wherever that type is offered. Derive with the class itself as the first argument:
///
///     class FactorAll : public DistributedTask<FactorAll, Numbers, State, Report> {
///      public:
///       static constexpr std::string_view subtask_type = "factor.one";
///       using SubtaskOutput = Factors;
///       std::uint64_t subtask_count(const Numbers&, const State&);
///       Number subtask_input(const Numbers&, const State&, std::uint64_t index);
///       void deliver_output(State&, std::uint64_t index, const Factors&);
///       void subtask_failed(State&, std::uint64_t index, const SubtaskError&);
///       Report output(const Numbers&, const State&);
///     };
///
/// The state is on disk with everything it has been told: each output and each failure is delivered
/// once, one at a time, however often the host dies. The count is read again at every dispatch, so
/// that what a delivery adds is dispatched before the task can complete. Optional:
///
///     bool is_complete(const Numbers&, const State&, bool all_delivered);  // all_delivered
///     static constexpr std::uint64_t in_flight_max = 256;  // subtasks started and not settled
///     static constexpr std::uint32_t subtask_attempts_max = 5;
///     static constexpr bool is_saga_step = true;  // false
///
/// The last of these makes it a saga step, to be registered as one: undoing it undoes each subtask
/// that succeeded. A subtask that has nothing to undo is left alone; an undo that fails parks the
/// compensation.
template <class Task, class ArgumentsType, class State, class OutputType>
class DistributedTask : public Step<ArgumentsType, OutputType> {
 public:
  using Arguments = typename Step<ArgumentsType, OutputType>::Arguments;
  using Output = OutputType;

  static constexpr std::uint64_t in_flight_max = 256;
  static constexpr std::uint32_t subtask_attempts_max = 5;

  [[nodiscard]] bool is_complete(const Arguments&, const State&, bool all_delivered) {
    return all_delivered;
  }

  Output execute(Context& context, const Arguments& arguments) {
    auto record = context.checkpoint<Record>().value_or(Record{});
    deliver(context, record);
    const std::uint64_t count = task().subtask_count(arguments, record.state);
    const bool all_delivered = record.dispatched >= count && record.delivered >= record.dispatched;
    if (task().is_complete(arguments, record.state, all_delivered)) {
      return task().output(arguments, record.state);
    }
    dispatch(context, arguments, record, count);
    context.progress(count == 0 ? 0.0 : double(record.delivered) / double(count),
                     std::to_string(record.delivered) + " of " + std::to_string(count));
    context.checkpoint_with_answer(record);
    context.suspend_for_another_child(record.delivered);
  }

  void compensate(Context& context, const Arguments&, const std::optional<Valued<OutputType>>&) {
    context.undo_children();
    context.wait_for_children();
    context.require_children_undone();
  }

 private:
  using Record = detail::TaskRecord<State>;
  static constexpr std::uint64_t spawned_max = 1000;  // in one call: the host's limit

  [[nodiscard]] Task& task() { return static_cast<Task&>(*this); }

  void deliver(Context& context, Record& record) {
    while (true) {
      const auto children = context.settled_children<boost::json::value>(record.delivered);
      if (children.empty()) return;
      for (const auto& child : children) {
        deliver(record.state, child);
        record.delivered = child.number;
      }
    }
  }

  void deliver(State& state, const Child<boost::json::value>& child) {
    std::uint64_t index = 0;
    std::from_chars(child.key.data(), child.key.data() + child.key.size(), index);
    if (!child.succeeded()) {
      task().subtask_failed(state, index, {child.state, child.error_code, child.error_message});
      return;
    }
    typename Task::SubtaskOutput output{};
    try {
      detail::JsonReader(detail::rules_of_earlier_output).read(*child.output, output, {});
    } catch (const BadValue& error) {
      task().subtask_failed(state, index, {child.state, "bad_output", error.what()});
      return;
    }
    task().deliver_output(state, index, output);
  }

  void dispatch(Context& context, const Arguments& arguments, Record& record, std::uint64_t count) {
    const std::uint64_t in_flight = record.dispatched - record.delivered;
    const std::uint64_t room = Task::in_flight_max - std::min(in_flight, Task::in_flight_max);
    const std::uint64_t end = std::min(count, record.dispatched + std::min(room, spawned_max));
    for (; record.dispatched < end; ++record.dispatched) {
      const auto input = task().subtask_input(arguments, record.state, record.dispatched);
      const std::string key = std::to_string(record.dispatched);
      context.spawn(key, {{"name", std::string(Task::subtask_type) + " " + key},
                          {"steps",
                           {{{"id", "subtask"},
                             {"step", Task::subtask_type},
                             {"args", boost::json::parse(detail::json_text_of(input))},
                             {"retry", {{"attempts_max", Task::subtask_attempts_max}}}}}}});
    }
  }
};

}  // namespace stepd
