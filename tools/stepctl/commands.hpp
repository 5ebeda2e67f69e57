#pragma once

#include "tools/stepctl/client.hpp"
#include "tools/stepctl/command_line.hpp"
#include "tools/stepctl/output.hpp"

namespace stepd::stepctl {

enum class ExitCode : std::uint8_t { done = 0, refused = 1, usage = 2, unreachable = 3 };

/// What a command works with.
struct Session {
  const Client& client;
  Output& output;
  bool json = false;
};

/// Each does one command, prints what it has to say and answers with the exit code. They throw
/// CannotRead, Unreachable, ConnectionLost and BrokenPipe.
[[nodiscard]] ExitCode run(const Session& session, const SubmitJobs& command);
[[nodiscard]] ExitCode run(const Session& session, const PlanJob& command);
[[nodiscard]] ExitCode run(const Session& session, const TestJob& command);
[[nodiscard]] ExitCode run(const Session& session, const ListJobs& command);
[[nodiscard]] ExitCode run(const Session& session, const ShowJob& command);
[[nodiscard]] ExitCode run(const Session& session, const WatchJob& command);
[[nodiscard]] ExitCode run(const Session& session, const AskWhy& command);
[[nodiscard]] ExitCode run(const Session& session, const ActOnJob& command);
[[nodiscard]] ExitCode run(const Session& session, const ListPlugins& command);
[[nodiscard]] ExitCode run(const Session& session, const ShowPlugin& command);
[[nodiscard]] ExitCode run(const Session& session, const MakeKeys& command);
[[nodiscard]] ExitCode run(const Session& session, const SignPlugin& command);
[[nodiscard]] ExitCode run(const Session& session, const LockPlugins& command);
[[nodiscard]] ExitCode run(const Session& session, const ListStepTypes& command);
[[nodiscard]] ExitCode run(const Session& session, const ShowStepType& command);
[[nodiscard]] ExitCode run(const Session& session, const ShowStatus& command);
[[nodiscard]] ExitCode run(const Session& session, const WatchStepTypes& command);
[[nodiscard]] ExitCode run(const Session& session, const WriteCompletion& command);
[[nodiscard]] ExitCode run(const Session& session, const SendEvent& command);
[[nodiscard]] ExitCode run(const Session& session, const ListEvents& command);
[[nodiscard]] ExitCode run(const Session& session, const ListChildren& command);
[[nodiscard]] ExitCode run(const Session& session, const WorkHere& command);
[[nodiscard]] ExitCode run(const Session& session, const NewPlugin& command);

/// Prints the problem document of an answer that is not good, behind the file it is about.
ExitCode refuse(const Session& session, const Answer& answer, const std::string& place = {});

}  // namespace stepd::stepctl
