#include "host/runtime/crash_mark.hpp"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>

#include "host/plugin/current_call.hpp"
#include "host/plugin/exit_watch.hpp"

namespace stepd::runtime {

namespace {

/// What stands in the file; its size and magic tell it from a torn or foreign one.
struct Mark {
  std::array<char, 8> magic{'s', 't', 'e', 'p', 'd', ' ', 'c', '1'};
  std::int64_t job = 0;
  std::uint64_t number = 0;
};
static_assert(sizeof(Mark) == 24);

constexpr std::array fatal_signals{SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};

// A signal handler can reach nothing but what has static storage: these are set while a CrashMark
// lives and read by the handlers alone.
std::atomic<int> mark_file{-1};
std::atomic<pid_t> mark_process{0};
std::atomic<const CrashSeats*> mark_seats{nullptr};
std::array<struct sigaction, fatal_signals.size()> actions_before;

/// What a call has forked shares the file, and with vfork the memory, but not the blame.
bool is_marked_process() { return mark_process.load() == ::getpid(); }

void write_mark() {
  if (!is_marked_process()) return;
  const int file = mark_file.exchange(-1);
  const CrashSeats* seats = mark_seats.load();
  if (file < 0 || !seats) return;
  const auto suspect = seats->suspect();
  if (!suspect) return;
  Mark mark;
  mark.job = suspect->job.value;
  mark.number = suspect->number;
  // Nothing can be done about a failure here: then nobody is blamed.
  [[maybe_unused]] const auto written = ::pwrite(file, &mark, sizeof mark, 0);
}

bool came_from_outside(const siginfo_t& signal) {
  return signal.si_code <= 0 && signal.si_pid != ::getpid();
}

extern "C" void on_fatal_signal(int signal, siginfo_t* signal_facts, void*) {
  const int error = errno;
  if (!came_from_outside(*signal_facts)) write_mark();
  for (std::size_t at = 0; at < fatal_signals.size(); ++at) {
    if (fatal_signals[at] == signal) ::sigaction(signal, &actions_before[at], nullptr);
  }
  ::raise(signal);  // held back until this handler returns
  errno = error;
}

// A plugin that calls exit() would run the host's destructors under its feet: end here instead.
extern "C" void on_exit_called() {
  if (mark_file.load() < 0 || !is_marked_process()) return;
  write_mark();
  exit_blaming_nobody(EXIT_FAILURE);
}

std::optional<engine::CallId> read_mark(int file) {
  Mark mark;
  const Mark expected;
  if (::pread(file, &mark, sizeof mark, 0) != sizeof mark) return std::nullopt;
  if (mark.magic != expected.magic || mark.number == 0) return std::nullopt;
  return engine::CallId{.job = {mark.job}, .number = mark.number};
}

}  // namespace

std::optional<engine::CallId> CrashSeats::suspect() const {
  if (const auto* here = plugin::current_call()) return here->id;
  if (standing_.load() != 0) return std::nullopt;
  std::optional<engine::CallId> only;
  for (const auto& seat : seats_) {
    const auto number = seat.number.load();
    if (number == 0) continue;
    if (only) return std::nullopt;
    only = engine::CallId{.job = {seat.job.load()}, .number = number};
  }
  return only;
}

CrashSeat::CrashSeat(CrashSeats& seats) : seats_(seats) {
  for (auto& seat : seats_.seats_) {
    bool taken = false;
    if (!seat.taken.compare_exchange_strong(taken, true)) continue;
    seat_ = &seat;
    break;
  }
  if (!seat_) seats_.standing_.fetch_add(1);
}

CrashSeat::~CrashSeat() {
  if (!seat_) {
    seats_.standing_.fetch_sub(1);
    return;
  }
  seat_->number.store(0);
  seat_->taken.store(false);
}

void CrashSeat::began(const engine::CallId& call) {
  if (!seat_) return;
  seat_->job.store(call.job.value, std::memory_order_relaxed);
  seat_->number.store(call.number, std::memory_order_release);
}

void CrashSeat::over() {
  if (seat_) seat_->number.store(0, std::memory_order_release);
}

CrashMark::CrashMark(const std::filesystem::path& file, const CrashSeats& seats) {
  const int opened = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (opened < 0) {
    throw std::system_error(errno, std::generic_category(), "cannot open " + file.string());
  }
  found_ = read_mark(opened);
  if (::ftruncate(opened, 0) != 0) {
    const int error = errno;
    ::close(opened);
    throw std::system_error(error, std::generic_category(), "cannot write " + file.string());
  }
  mark_seats.store(&seats);
  mark_process.store(::getpid());
  mark_file.store(opened);
  struct sigaction action {};
  action.sa_sigaction = on_fatal_signal;
  action.sa_flags = SA_ONSTACK | SA_SIGINFO;
  ::sigemptyset(&action.sa_mask);
  for (std::size_t at = 0; at < fatal_signals.size(); ++at) {
    ::sigaction(fatal_signals[at], &action, &actions_before[at]);
  }
  plugin::hear_exits(write_mark);
  // Registered with every mark made, and inert once it is gone.
  std::atexit(on_exit_called);
  std::at_quick_exit(on_exit_called);
}

CrashMark::~CrashMark() {
  for (std::size_t at = 0; at < fatal_signals.size(); ++at) {
    ::sigaction(fatal_signals[at], &actions_before[at], nullptr);
  }
  plugin::hear_exits(nullptr);
  const int file = mark_file.exchange(-1);
  mark_seats.store(nullptr);
  if (file >= 0) ::close(file);
}

void exit_blaming_nobody(int status) noexcept { plugin::exit_unheard(status); }

}  // namespace stepd::runtime
