#include "host/runtime/crash_mark.hpp"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <functional>
#include <latch>
#include <thread>

#include "host/plugin/current_call.hpp"

namespace stepd::runtime {
namespace {

const engine::CallId first{.job = {11}, .number = 3};
const engine::CallId second{.job = {12}, .number = 4};

class Folder {
 public:
  Folder() {
    auto pattern = (std::filesystem::temp_directory_path() / "crash_mark.XXXXXX").string();
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  [[nodiscard]] std::filesystem::path mark() const { return path_ / "crash"; }

 private:
  std::filesystem::path path_;
};

/// Says that this thread runs the call's code, as run_call does.
class Running {
 public:
  explicit Running(const engine::CallId& call) : call_{.id = call} {}

 private:
  plugin::CurrentCall call_;
  plugin::CallMark mark_{call_};
};

/// Lets a process of its own die of `body` and tells what the next host finds.
std::optional<engine::CallId> blamed_after(const std::function<void(CrashSeats&)>& body) {
  const Folder folder;
  const auto child = ::fork();
  if (child == 0) {
    // Not the sanitizers' business: dying is what is wanted here.
    for (const int signal : {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL}) ::signal(signal, SIG_DFL);
    CrashSeats seats;
    const CrashMark mark(folder.mark(), seats);
    body(seats);
    ::_exit(0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  const CrashSeats seats;
  const CrashMark next(folder.mark(), seats);
  return next.found();
}

TEST_CASE("A7: the call that brings the host down by a signal is blamed") {
  const int signal = GENERATE(SIGSEGV, SIGABRT, SIGFPE, SIGILL, SIGBUS);
  const auto blamed = blamed_after([signal](CrashSeats& seats) {
    CrashSeat seat(seats);
    const AlternateStack stack;
    seat.began(first);
    const Running running(first);
    ::raise(signal);
  });
  CHECK(blamed == first);
}

TEST_CASE("A7: a call that exits is blamed") {
  const bool quick = GENERATE(false, true);
  const auto blamed = blamed_after([quick](CrashSeats& seats) {
    CrashSeat seat(seats);
    seat.began(first);
    const Running running(first);
    if (quick) std::quick_exit(0);
    std::exit(0);
  });
  CHECK(blamed == first);
}

TEST_CASE("A7: of several calls under way the one on the crashing thread is blamed") {
  const auto blamed = blamed_after([](CrashSeats& seats) {
    std::latch other_began(1);
    std::latch never(1);
    std::thread other([&] {
      CrashSeat seat(seats);
      seat.began(second);
      other_began.count_down();
      never.wait();
    });
    CrashSeat seat(seats);
    seat.began(first);
    const Running running(first);
    other_began.wait();
    std::abort();
  });
  CHECK(blamed == first);
}

TEST_CASE("A7: a crash on a thread without a call blames the only call under way") {
  const auto blamed = blamed_after([](CrashSeats& seats) {
    CrashSeat seat(seats);
    seat.began(first);
    std::thread([] { std::abort(); }).join();
  });
  CHECK(blamed == first);
}

TEST_CASE("A7: a crash on a thread without a call blames nobody when two calls were under way") {
  const auto blamed = blamed_after([](CrashSeats& seats) {
    CrashSeat seat(seats);
    seat.began(first);
    std::thread([&seats] {
      CrashSeat other(seats);
      other.began(second);
      std::thread([] { std::abort(); }).join();
    }).join();
  });
  CHECK_FALSE(blamed);
}

TEST_CASE("A7: a crash without any call under way blames nobody") {
  const auto blamed = blamed_after([](CrashSeats& seats) {
    CrashSeat seat(seats);
    seat.began(first);
    seat.over();
    std::abort();
  });
  CHECK_FALSE(blamed);
}

TEST_CASE("a crash mark is read once") {
  const Folder folder;
  const CrashSeats seats;
  if (const auto child = ::fork(); child == 0) {
    ::signal(SIGABRT, SIG_DFL);
    CrashSeats own;
    const CrashMark mark(folder.mark(), own);
    CrashSeat seat(own);
    seat.began(first);
    std::abort();
  } else {
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
  }

  { CHECK(CrashMark(folder.mark(), seats).found() == first); }
  CHECK_FALSE(CrashMark(folder.mark(), seats).found());
}

}  // namespace
}  // namespace stepd::runtime
