#include "host/contained/last_words.hpp"

#include <dlfcn.h>
#include <execinfo.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "host/contained/call_line.hpp"
#include "host/contained/peak_memory.hpp"
#include "host/plugin/current_call.hpp"
#include "host/plugin/exit_watch.hpp"

namespace stepd::contained {
namespace {

constexpr std::array fatal_signals{SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS, SIGXCPU};

/// Telling the names of functions may wait for a lock that the dying thread holds.
constexpr unsigned words_take_at_most_s = 2;

// A signal handler can reach nothing but what has static storage.
std::atomic<LastWords*> page_words{nullptr};
std::atomic<pid_t> speaking_process{0};

void append(LastWords& words, std::size_t frame, std::size_t& length, std::string_view text) {
  for (const char c : text) {
    if (length + 1 >= LastWords::frame_bytes) break;
    words.frame[frame][length++] = c;
  }
  words.frame[frame][length] = '\0';
}

void append_number(LastWords& words, std::size_t frame, std::size_t& length, std::uintptr_t value) {
  std::array<char, 2 * sizeof value> digits{};
  std::size_t count = 0;
  do {
    digits[count++] = "0123456789abcdef"[value & 0xfU];
    value >>= 4U;
  } while (value != 0);
  append(words, frame, length, "0x");
  while (count-- > 0) append(words, frame, length, {&digits[count], 1});
}

/// "file(function+0x12)": the function's name as the linker has it.
void name_frame(LastWords& words, std::size_t frame, void* address) {
  std::size_t length = 0;
  Dl_info place{};
  const auto at = reinterpret_cast<std::uintptr_t>(address);
  if (::dladdr(address, &place) == 0 || place.dli_fname == nullptr) {
    append_number(words, frame, length, at);
    return;
  }
  const char* slash = ::strrchr(place.dli_fname, '/');
  append(words, frame, length, slash == nullptr ? place.dli_fname : slash + 1);
  append(words, frame, length, "(");
  const bool named = place.dli_sname != nullptr;
  if (named) append(words, frame, length, place.dli_sname);
  append(words, frame, length, "+");
  const auto base = reinterpret_cast<std::uintptr_t>(named ? place.dli_saddr : place.dli_fbase);
  append_number(words, frame, length, at - base);
  append(words, frame, length, ")");
}

struct Cause {
  std::uint32_t signal = 0;
  bool from_outside = false;
};

void limit_the_time_to_speak() {
  struct sigaction usual {};
  usual.sa_handler = SIG_DFL;
  ::sigaction(SIGALRM, &usual, nullptr);
  sigset_t alarm_only;
  ::sigemptyset(&alarm_only);
  ::sigaddset(&alarm_only, SIGALRM);
  ::pthread_sigmask(SIG_UNBLOCK, &alarm_only, nullptr);
  ::alarm(words_take_at_most_s);
}

void speak(const Cause& cause) {
  // What a call has forked shares the page, and with vfork the memory, but not the end.
  if (speaking_process.load() != ::getpid()) return;
  LastWords* words = page_words.exchange(nullptr);
  if (words == nullptr) return;
  words->signal = cause.signal;
  words->from_outside = cause.from_outside ? 1 : 0;
  words->line = plugin::current_call() == nullptr ? 0 : line_of_this_thread_plus_1();
  if (const auto cpu = cpu_of_this_call()) words->cpu_us = cpu->count();
  if (const auto kib = peak_memory_of(0)) words->memory_kib = static_cast<std::int64_t>(*kib);
  words->whole.store(1);
  if (cause.signal == 0) return;
  limit_the_time_to_speak();
  std::array<void*, LastWords::frames_max> frames{};
  const int count = ::backtrace(frames.data(), static_cast<int>(frames.size()));
  for (int frame = 0; frame < count; ++frame) {
    name_frame(*words, static_cast<std::size_t>(frame), frames[static_cast<std::size_t>(frame)]);
    words->frames = static_cast<std::uint32_t>(frame) + 1;
  }
}

extern "C" void on_last_signal(int signal, siginfo_t* facts, void*) {
  speak({.signal = static_cast<std::uint32_t>(signal),
         .from_outside = facts->si_code <= 0 && facts->si_pid != ::getpid()});
  struct sigaction usual {};
  usual.sa_handler = SIG_DFL;
  ::sigaction(signal, &usual, nullptr);
  ::raise(signal);  // held back until this handler returns
}

void on_sudden_exit() { speak({}); }

extern "C" void on_quick_exit() { on_sudden_exit(); }

// What is left of an exit would take the host's part of this process down under its threads.
extern "C" void on_last_exit(int status, void*) {
  speak({});
  plugin::exit_unheard(status);
}

}  // namespace

void write_last_words_into(LastWords& words) {
  // What it loads on first use cannot be loaded in a signal handler.
  std::array<void*, 1> none{};
  ::backtrace(none.data(), 1);
  page_words.store(&words);
  speaking_process.store(::getpid());
  struct sigaction action {};
  action.sa_sigaction = on_last_signal;
  action.sa_flags = SA_ONSTACK | SA_SIGINFO;
  ::sigemptyset(&action.sa_mask);
  for (const int signal : fatal_signals) ::sigaction(signal, &action, nullptr);
  ::on_exit(on_last_exit, nullptr);
  std::at_quick_exit(on_quick_exit);
  plugin::hear_exits(on_sudden_exit);
}

}  // namespace stepd::contained
