#include "host/runtime/crash_mark.hpp"

#include <dlfcn.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <functional>
#include <latch>
#include <thread>

#include "host/plugin/alternate_stack.hpp"
#include "host/plugin/current_call.hpp"
#include "tests/support/child_process.hpp"
#include "tests/support/temporary_folder.hpp"

namespace stepd::runtime {
namespace {

const engine::CallId first{.job = {11}, .number = 3};
const engine::CallId second{.job = {12}, .number = 4};

/// Says that this thread runs the call's code, as run_call does.
class Running {
 public:
  explicit Running(const engine::CallId& call) : call_{.id = call} {}

 private:
  plugin::CurrentCall call_;
  plugin::CallMark mark_{call_};
};

/// What the host before left in its mark, and how it ended.
struct Left {
  std::optional<engine::CallId> blamed;
  int status = 0;
};

/// Lets a process of its own die of `body`, and `meanwhile` happen to it.
Left left_after(const std::function<void(CrashSeats&)>& body,
                const std::function<void(support::ChildProcess&)>& meanwhile = {}) {
  const support::TemporaryFolder folder;
  const auto file = folder.path() / "crash";
  support::ChildProcess child([&] {
    // Not the sanitizers' business: dying is what is wanted here.
    for (const int signal : {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL}) ::signal(signal, SIG_DFL);
    CrashSeats seats;
    const CrashMark mark(file, seats);
    body(seats);
    return 0;
  });
  if (meanwhile) meanwhile(child);
  const int status = child.wait();
  const CrashSeats seats;
  const CrashMark next(file, seats);
  return {next.found(), status};
}

std::optional<engine::CallId> blamed_after(const std::function<void(CrashSeats&)>& body) {
  return left_after(body).blamed;
}

/// A function of a module that was loaded as plugins are.
void (*found_in_module(const char* name))(int) {
  void* const module = ::dlopen(STEPD_TEST_LEAVING_MODULE, RTLD_NOW | RTLD_LOCAL);
  if (!module) throw std::runtime_error(::dlerror());
  return reinterpret_cast<void (*)(int)>(::dlsym(module, name));
}

TEST_CASE("A7: the call that brings the host down by a signal is blamed") {
  const int signal = GENERATE(SIGSEGV, SIGABRT, SIGFPE, SIGILL, SIGBUS);
  const auto blamed = blamed_after([signal](CrashSeats& seats) {
    CrashSeat seat(seats);
    const plugin::AlternateStack stack;
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

TEST_CASE("A7: a module's call that exits without any exit function is blamed") {
  const char* const way = GENERATE("leave_by__exit", "leave_by__Exit");
  const auto left = left_after([way](CrashSeats& seats) {
    CrashSeat seat(seats);
    seat.began(first);
    const Running running(first);
    found_in_module(way)(70);
  });
  CHECK(left.blamed == first);
  CHECK(left.status == 70);
}

TEST_CASE("A7: the host that ends itself while a call runs blames nobody") {
  const auto left = left_after([](CrashSeats& seats) {
    CrashSeat seat(seats);
    seat.began(first);
    exit_blaming_nobody(7);
  });
  CHECK_FALSE(left.blamed);
  CHECK(left.status == 7);
}

TEST_CASE("A7: a signal sent by another process blames nobody") {
  const int signal = GENERATE(SIGABRT, SIGSEGV);
  std::array<int, 2> begun{};
  REQUIRE(::pipe(begun.data()) == 0);
  const auto left = left_after(
      [&](CrashSeats& seats) {
        CrashSeat seat(seats);
        seat.began(first);
        const Running running(first);
        if (::write(begun[1], "!", 1) == 1) ::pause();
      },
      [&](support::ChildProcess& child) {
        char word = 0;
        REQUIRE(::read(begun[0], &word, 1) == 1);
        child.send(signal);
      });
  ::close(begun[0]);
  ::close(begun[1]);
  CHECK_FALSE(left.blamed);
  CHECK(left.status == -signal);
}

TEST_CASE("A7: a process that a call forks may end as it likes") {
  const bool by_signal = GENERATE(false, true);
  const auto left = left_after([by_signal](CrashSeats& seats) {
    CrashSeat seat(seats);
    seat.began(first);
    const Running running(first);
    support::ChildProcess forked([by_signal] {
      if (by_signal) std::abort();
      return 5;
    });
    exit_blaming_nobody(forked.wait() == (by_signal ? -SIGABRT : 5) ? 0 : 1);
  });
  CHECK_FALSE(left.blamed);
  CHECK(left.status == 0);
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
  const support::TemporaryFolder folder;
  const auto file = folder.path() / "crash";
  const CrashSeats seats;
  support::ChildProcess child([&]() -> int {
    ::signal(SIGABRT, SIG_DFL);
    CrashSeats own;
    const CrashMark mark(file, own);
    CrashSeat seat(own);
    seat.began(first);
    std::abort();
  });
  REQUIRE(child.wait() == -SIGABRT);

  { CHECK(CrashMark(file, seats).found() == first); }
  CHECK_FALSE(CrashMark(file, seats).found());
}

}  // namespace
}  // namespace stepd::runtime
