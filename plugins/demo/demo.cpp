#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <stepd/distributed_task.hpp>
#include <stepd/plugin.hpp>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace demo {

using namespace std::chrono_literals;

struct Greeting {
  std::string name;
  std::int32_t times = 1;
};
BOOST_DESCRIBE_STRUCT(Greeting, (), (name, times))

struct Reply {
  std::string text;
};
BOOST_DESCRIBE_STRUCT(Reply, (), (text))

Reply greet(stepd::Context&, const Greeting& greeting) {
  if (greeting.times < 1 || greeting.times > 1000) {
    throw stepd::Refused{"times_out_of_range", "times is " + std::to_string(greeting.times) +
                                                   "; it must be between 1 and 1000"};
  }
  Reply reply;
  for (std::int32_t time = 0; time < greeting.times; ++time) {
    reply.text += (time == 0 ? "hello " : ", hello ") + greeting.name;
  }
  return reply;
}

struct Span {
  std::int64_t milliseconds = 0;
};
BOOST_DESCRIBE_STRUCT(Span, (), (milliseconds))

std::chrono::milliseconds wait_of(const Span& span) {
  constexpr std::chrono::milliseconds longest = 24h * 36525;
  const std::chrono::milliseconds wait(span.milliseconds);
  if (wait < 0ms || wait > longest) {
    throw stepd::Refused{"milliseconds_out_of_range", "milliseconds is " +
                                                          std::to_string(span.milliseconds) +
                                                          "; it must be between 0 and 100 years"};
  }
  return wait;
}

/// Holds its thread for the whole time, as a step that works would.
void sleep(stepd::Context& context, const Span& span) { context.sleep(wait_of(span)); }

/// Holds no thread: the wait is on disk.
void suspend(stepd::Context& context, const Span& span) {
  context.sleep_durably("suspend", wait_of(span));
}

struct Failures {
  std::uint32_t failures = 0;
};
BOOST_DESCRIBE_STRUCT(Failures, (), (failures))

struct Attempts {
  std::uint32_t attempts = 0;
};
BOOST_DESCRIBE_STRUCT(Attempts, (), (attempts))

Attempts flaky(stepd::Context& context, const Failures& wanted) {
  if (context.attempt() <= wanted.failures) {
    throw stepd::Retry{"flaky", "attempt " + std::to_string(context.attempt()) + " of " +
                                    std::to_string(wanted.failures) + " that fail"};
  }
  return {context.attempt()};
}

struct Refusal {
  std::string code;
  std::string message;
};
BOOST_DESCRIBE_STRUCT(Refusal, (), (code, message))

void refuse(stepd::Context&, const Refusal& refusal) {
  throw stepd::Refused{refusal.code, refusal.message};
}

enum class How { abort, segv, exit };
BOOST_DESCRIBE_ENUM(How, abort, segv, exit)

struct Crash {
  How how = How::abort;
};
BOOST_DESCRIBE_STRUCT(Crash, (), (how))

void crash(stepd::Context& context, const Crash& wanted) {
  context.warning("about to end this process",
                  {{"how", boost::describe::enum_to_string(wanted.how, "?")}});
  if (wanted.how == How::exit) std::_Exit(70);
  if (wanted.how == How::segv) std::raise(SIGSEGV);
  std::abort();
}

struct Deed {
  std::string note;
  bool fail = false;
};
BOOST_DESCRIBE_STRUCT(Deed, (), (note, fail))

/// Tells what it does and undoes, one line each: in the log, or in the file that the configuration
/// names as `undoable_file`.
class Undoable : public stepd::SagaStep<Deed> {
 public:
  void execute(stepd::Context& context, const Deed& deed) {
    tell(context, "did", deed);
    if (deed.fail) {
      throw stepd::Failed{"asked_to_fail", deed.note + " was done, and then failed as asked"};
    }
  }

  void compensate(stepd::Context& context, const Deed& deed, const std::optional<stepd::Nothing>&) {
    tell(context, "undid", deed);
  }

 private:
  static void tell(stepd::Context& context, const std::string& verb, const Deed& deed) {
    const auto file = context.configuration<std::string>("undoable_file");
    if (!file) {
      context.info(verb + " " + deed.note);
      return;
    }
    append(*file, verb + " " + deed.note + " job=" + std::string(context.job_id()) +
                      " step=" + std::string(context.step_id()) + "\n");
  }

  /// In one write, so that lines of steps running at once do not mix.
  static void append(const std::string& file, const std::string& line) {
    const int descriptor = ::open(file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    if (descriptor < 0) throw std::system_error(errno, std::generic_category(), file);
    const auto written = ::write(descriptor, line.data(), line.size());
    const int cause = errno;
    ::close(descriptor);
    if (written != static_cast<ssize_t>(line.size())) {
      throw std::system_error(written < 0 ? cause : EIO, std::generic_category(), file);
    }
  }
};

struct Deeds {
  std::vector<std::string> notes;
};
BOOST_DESCRIBE_STRUCT(Deeds, (), (notes))

struct Tally {
  std::uint32_t done = 0;
  std::uint32_t failed = 0;
};
BOOST_DESCRIBE_STRUCT(Tally, (), (done, failed))

/// Each deed is a job of its own, and undoing this step undoes those.
class UndoableMany : public stepd::DistributedTask<UndoableMany, Deeds, Tally, Tally> {
 public:
  static constexpr std::string_view subtask_type = "demo.undoable";
  static constexpr bool is_saga_step = true;
  using SubtaskOutput = stepd::Nothing;

  std::uint64_t subtask_count(const Deeds& deeds, const Tally&) { return deeds.notes.size(); }
  Deed subtask_input(const Deeds& deeds, const Tally&, std::uint64_t index) {
    return {deeds.notes[index]};
  }
  void deliver_output(Tally& tally, std::uint64_t, const stepd::Nothing&) { ++tally.done; }
  void subtask_failed(Tally& tally, std::uint64_t, const stepd::SubtaskError&) { ++tally.failed; }
  Tally output(const Deeds&, const Tally& tally) { return tally; }
};

void noop(stepd::Context&) {}

struct Count {
  std::uint64_t subtasks = 0;
};
BOOST_DESCRIBE_STRUCT(Count, (), (subtasks))

/// As many subtasks as asked for, none of which does anything.
class Split : public stepd::DistributedTask<Split, Count, Count, Count> {
 public:
  static constexpr std::string_view subtask_type = "demo.noop";
  using SubtaskOutput = stepd::Nothing;

  std::uint64_t subtask_count(const Count& wanted, const Count&) { return wanted.subtasks; }
  stepd::Nothing subtask_input(const Count&, const Count&, std::uint64_t) { return {}; }
  void deliver_output(Count& done, std::uint64_t, const stepd::Nothing&) { ++done.subtasks; }
  void subtask_failed(Count&, std::uint64_t index, const stepd::SubtaskError& error) {
    throw stepd::Failed{error.code, "subtask " + std::to_string(index) + ": " + error.message};
  }
  Count output(const Count&, const Count& done) { return done; }
};

}  // namespace demo

STEPD_PLUGIN("demo", "1.0.0", plugin) {
  using namespace demo;
  plugin.step<greet>("demo.greet")
      .title("Greet somebody")
      .description("Returns a greeting, said as often as asked.")
      .default_value(&Greeting::times, 1);
  plugin.step<demo::sleep>("demo.sleep")
      .title("Sleep in a thread")
      .description("Holds a thread for a while; stops when asked.");
  plugin.step<suspend>("demo.suspend")
      .title("Wait without a thread")
      .description("Suspends durably and succeeds when the time has come.");
  plugin.step<flaky>("demo.flaky")
      .title("Fail a few times")
      .description("Fails that many attempts and then succeeds.")
      .retry({.initial = 100ms});
  plugin.step<refuse>("demo.refuse")
      .title("Refuse")
      .description("Refuses with the given code and message.")
      .default_value(&Refusal::code, "refused_as_asked")
      .default_value(&Refusal::message, "this step refuses always; take it out of the job");
  plugin.step<demo::crash>("demo.crash")
      .title("Crash")
      .description("Ends the process it runs in by a signal or an exit.")
      .default_value(&Crash::how, How::abort);
  plugin.saga<Undoable>("demo.undoable")
      .title("Do something that can be undone")
      .description("Tells what it does and undoes; fails for good after doing it, if asked to.")
      .default_value(&Deed::fail, false)
      .retry({.attempts_max = 5});
  plugin.saga<UndoableMany>("demo.undoable_many")
      .title("Do many things that can be undone")
      .description("Starts a job of demo.undoable for each note; undoing it undoes those jobs.");
  plugin.step<noop>("demo.noop").title("Do nothing");
  plugin.step<Split>("demo.split")
      .title("Split work that does nothing")
      .description("Starts as many demo.noop subtasks as asked for and counts those done.");
}
