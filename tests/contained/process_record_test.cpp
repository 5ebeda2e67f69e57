#include "host/contained/process_record.hpp"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <fstream>
#include <iterator>

#include "tests/support/temporary_folder.hpp"

using namespace stepd;
using namespace stepd::contained;

namespace {

/// Leads a session, with one more process in it, until somebody kills it.
class Session {
 public:
  Session() {
    std::array<int, 2> ends{};
    REQUIRE(::pipe(ends.data()) == 0);
    leader_ = ::fork();
    if (leader_ == 0) {
      ::setsid();
      const pid_t member = ::fork();
      if (member == 0) {
        while (true) ::pause();
      }
      static_cast<void>(::write(ends[1], &member, sizeof member));
      while (true) ::pause();
    }
    REQUIRE(::read(ends[0], &member_, sizeof member_) == sizeof member_);
    ::close(ends[0]);
    ::close(ends[1]);
  }
  ~Session() {
    ::kill(-leader_, SIGKILL);
    ::waitpid(leader_, nullptr, 0);
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  [[nodiscard]] pid_t leader() const { return leader_; }
  [[nodiscard]] bool lives() const {
    siginfo_t end{};
    const auto leader = static_cast<id_t>(leader_);
    const int asked = ::waitid(P_PID, leader, &end, WEXITED | WNOHANG | WNOWAIT);
    return asked == 0 && end.si_pid == 0 && member_lives();
  }
  [[nodiscard]] bool member_lives() const {
    std::ifstream file("/proc/" + std::to_string(member_) + "/stat");
    std::string words((std::istreambuf_iterator<char>(file)), {});
    return !words.empty() && words.find(") Z ") == std::string::npos;
  }

 private:
  pid_t leader_ = 0;
  pid_t member_ = 0;
};

}  // namespace

TEST_CASE("A8: a host ends what the processes of the host before have left") {
  const support::TemporaryFolder folder;
  const auto file = folder.path() / "processes";
  const Session session;
  {
    ProcessRecord before(file);
    before.add(session.leader());
  }
  CHECK(session.lives());

  const ProcessRecord after(file);

  CHECK_FALSE(session.lives());
  CHECK_FALSE(session.member_lives());
}

TEST_CASE("A8: what has been struck off the record is left alone") {
  const support::TemporaryFolder folder;
  const auto file = folder.path() / "processes";
  const Session session;
  {
    ProcessRecord before(file);
    before.add(session.leader());
    before.remove(session.leader());
  }

  const ProcessRecord after(file);

  CHECK(session.lives());
}

TEST_CASE("A8: a process that only has the number of one on record is left alone") {
  const support::TemporaryFolder folder;
  const auto file = folder.path() / "processes";
  const Session session;
  {
    ProcessRecord before(file);
    before.add(session.leader());
  }
  std::ifstream in(file);
  std::string record((std::istreambuf_iterator<char>(in)), {});
  const std::string leader = std::to_string(session.leader());
  const bool other_boot = GENERATE(true, false);
  if (other_boot) {
    record = "another boot\n" + record.substr(record.find('\n') + 1);
  } else {
    record = record.substr(0, record.find('\n') + 1) + leader + " 12\n";
  }
  std::ofstream(file) << record;

  const ProcessRecord after(file);

  CHECK(session.lives());
}
