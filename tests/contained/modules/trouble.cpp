// Steps that harm the process they run in, each in its own way.

#include <fcntl.h>
#include <signal.h>
#include <stepd/plugin.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

STEPD_NOTE("test.trouble", "1.0.0", 0);

namespace {

constexpr stepd_str text(const char* words) {
  return {words, std::char_traits<char>::length(words)};
}

/// So that the test knows.
void say_that_it_has_begun(stepd_context* context) {
  context->host->progress(context, 0, text("begun"));
}

[[noreturn]] void loop_for_ever() {
  std::atomic<int> turns{0};
  while (true) turns.fetch_add(1);
}

int use_up_the_stack(int depth) {
  std::array<volatile char, 4096> frame{};
  frame[0] = static_cast<char>(depth);
  return use_up_the_stack(depth + 1) + frame[0];
}

stepd_outcome segv(void*, stepd_context*) {
  // A place that no sanitizer watches for and no compiler sees through.
  volatile std::uintptr_t nowhere = 16;
  *reinterpret_cast<volatile int*>(nowhere) = 1;
  return STEPD_SUCCEEDED;
}

/// On a thread that runs no call.
stepd_outcome segv_elsewhere(void* self, stepd_context* context) {
  std::thread([self, context] { segv(self, context); }).detach();
  context->host->sleep_ms(context, 30'000);
  return STEPD_SUCCEEDED;
}

stepd_outcome aborts(void*, stepd_context*) {
  std::fputs("the table of rates is empty\n", stderr);
  std::abort();
}

stepd_outcome exits(void*, stepd_context*) { std::exit(3); }
stepd_outcome leaves(void*, stepd_context*) { ::_exit(4); }

stepd_outcome kills_itself(void*, stepd_context*) {
  ::kill(::getpid(), SIGKILL);
  loop_for_ever();
}

stepd_outcome overflows(void*, stepd_context*) {
  return use_up_the_stack(0) == 0 ? STEPD_SUCCEEDED : STEPD_FAILED;
}

stepd_outcome throws(void*, stepd_context*) { throw std::runtime_error("the door is open"); }

stepd_outcome loops(void*, stepd_context* context) {
  say_that_it_has_begun(context);
  loop_for_ever();
}

stepd_outcome closes_everything(void*, stepd_context*) {
  for (int descriptor = 3; descriptor < 256; ++descriptor) ::close(descriptor);
  return STEPD_SUCCEEDED;
}

/// To all sockets it finds, its own call's line among them.
stepd_outcome talks_nonsense(void*, stepd_context* context) {
  const std::string nonsense = "h\xff\xff\xff nonsense";
  for (int descriptor = 3; descriptor < 256; ++descriptor) {
    ::send(descriptor, nonsense.data(), nonsense.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  }
  context->host->sleep_ms(context, 30'000);
  return STEPD_SUCCEEDED;
}

stepd_outcome prints(void*, stepd_context*) {
  std::puts("to the standard output");
  std::fputs("to the standard error\n", stderr);
  return STEPD_SUCCEEDED;
}

stepd_outcome says_its_process(void*, stepd_context* context) {
  const std::string id = std::to_string(::getpid());
  context->host->set_output(context, {id.data(), id.size()});
  return STEPD_SUCCEEDED;
}

/// Leaves a process behind that holds a lock on the file its arguments name, as a JSON string.
stepd_outcome leaves_a_child(void*, stepd_context* context) {
  const stepd_str args = context->host->args_json(context);
  const std::string file(args.ptr + 1, args.len - 2);
  const int descriptor = ::open(file.c_str(), O_RDWR | O_CREAT, 0600);
  struct flock whole {};
  whole.l_type = F_WRLCK;
  if (::fork() == 0) {
    ::fcntl(descriptor, F_SETLK, &whole);
    ::write(descriptor, "held", 4);
    while (true) ::pause();
  }
  return STEPD_SUCCEEDED;
}

stepd_outcome waits_for_the_stop(void*, stepd_context* context) {
  say_that_it_has_begun(context);
  const auto status = context->host->sleep_ms(context, 60'000);
  return status == STEPD_STOPPED ? STEPD_CANCELLED : STEPD_FAILED;
}

stepd_outcome gives_back_its_arguments(void*, stepd_context* context) {
  context->host->set_output(context, context->host->args_json(context));
  return STEPD_SUCCEEDED;
}

/// Of its thread's time; beside another thread, whose time is not its own.
stepd_outcome burns(void*, stepd_context*) {
  const auto burn = [](std::int64_t milliseconds) {
    timespec spent{};
    do {
      ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
    } while (spent.tv_sec * 1000 + spent.tv_nsec / 1'000'000 < milliseconds);
  };
  std::thread beside([&burn] { burn(200); });
  beside.join();
  timespec before{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &before);
  burn(before.tv_sec * 1000 + before.tv_nsec / 1'000'000 + 50);
  return STEPD_SUCCEEDED;
}

stepd_outcome waits_a_little(void*, stepd_context* context) {
  context->host->sleep_ms(context, 600);
  return STEPD_SUCCEEDED;
}

stepd_outcome sees_the_environment(void*, stepd_context* context) {
  const char* secret = std::getenv("STEPD_TEST_SECRET");
  const std::string answer = secret == nullptr ? "null" : "\"seen\"";
  context->host->set_output(context, {answer.data(), answer.size()});
  return STEPD_SUCCEEDED;
}

/// A copy in a session of its own, which holds all that this process held.
stepd_outcome leaves_a_copy(void* self, stepd_context* context) {
  if (::fork() == 0) {
    ::setsid();
    ::alarm(30);
    while (true) ::pause();
  }
  return segv(self, context);
}

/// The copy comes back from the step, too, with another answer.
stepd_outcome comes_back_twice(void*, stepd_context* context) {
  const pid_t copy = ::fork();
  if (copy == 0) return STEPD_FAILED;
  ::waitpid(copy, nullptr, 0);
  return gives_back_its_arguments(nullptr, context);
}

stepd_outcome prints_for_ever(void*, stepd_context* context) {
  say_that_it_has_begun(context);
  const std::string line(1000, '.');
  while (true) std::puts(line.c_str());
}

/// One key twice, and another one: three jobs that are told apart by what they hold.
stepd_outcome starts_jobs(void*, stepd_context* context) {
  stepd_str refusal{};
  context->host->spawn(context, text("a"), text("1"), &refusal);
  context->host->spawn(context, text("a"), text("2"), &refusal);
  context->host->spawn(context, text("b"), text("3"), &refusal);
  return STEPD_SUCCEEDED;
}

stepd_outcome opens_files(void*, stepd_context* context) {
  std::vector<int> opened;
  for (int next = 0; next >= 0 && opened.size() < 100'000;) {
    next = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    opened.push_back(next);
  }
  for (const int descriptor : opened) ::close(descriptor);
  const std::string answer = std::to_string(opened.size() - 1);
  context->host->set_output(context, {answer.data(), answer.size()});
  return STEPD_SUCCEEDED;
}

/// Its session is its own, it gains no rights, leaves no core, and holds nothing of the host's.
stepd_outcome is_confined(void*, stepd_context*) {
  rlimit core{};
  ::getrlimit(RLIMIT_CORE, &core);
  if (::getsid(0) != ::getpid() || ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
    return STEPD_FAILED;
  if (core.rlim_cur != 0) return STEPD_FAILED;
  // The lines, the page and this look itself.
  int passed_on = 0;
  for (int descriptor = 3; descriptor < 256; ++descriptor) {
    const int flags = ::fcntl(descriptor, F_GETFD);
    if (flags >= 0 && (flags & FD_CLOEXEC) == 0) ++passed_on;
  }
  return passed_on == 0 ? STEPD_SUCCEEDED : STEPD_FAILED;
}

stepd_outcome tells_its_limits(void*, stepd_context* context) {
  std::string limits;
  for (const auto resource : {RLIMIT_AS, RLIMIT_CPU, RLIMIT_NOFILE, RLIMIT_NPROC}) {
    rlimit limit{};
    ::getrlimit(resource, &limit);
    limits += (limits.empty() ? "[" : ",") + std::to_string(limit.rlim_cur);
  }
  limits += "]";
  context->host->set_output(context, {limits.data(), limits.size()});
  return STEPD_SUCCEEDED;
}

using Execute = stepd_outcome (*)(void*, stepd_context*);

constexpr stepd_step step(const char* type, Execute execute) {
  stepd_step made{};
  made.struct_size = sizeof made;
  made.kind = STEPD_KIND_PLAIN;
  made.type = text(type);
  made.version = 1;
  made.accepts_from = 1;
  made.execute = execute;
  return made;
}

constexpr std::array steps{
    step("trouble.segv", segv),
    step("trouble.segv_elsewhere", segv_elsewhere),
    step("trouble.abort", aborts),
    step("trouble.exit", exits),
    step("trouble.leave", leaves),
    step("trouble.kill", kills_itself),
    step("trouble.overflow", overflows),
    step("trouble.throw", throws),
    step("trouble.loop", loops),
    step("trouble.close", closes_everything),
    step("trouble.nonsense", talks_nonsense),
    step("trouble.print", prints),
    step("trouble.process", says_its_process),
    step("trouble.child", leaves_a_child),
    step("trouble.wait_for_stop", waits_for_the_stop),
    step("trouble.echo", gives_back_its_arguments),
    step("trouble.wait", waits_a_little),
    step("trouble.burn", burns),
    step("trouble.environment", sees_the_environment),
    step("trouble.copy", leaves_a_copy),
    step("trouble.twice", comes_back_twice),
    step("trouble.flood", prints_for_ever),
    step("trouble.jobs", starts_jobs),
    step("trouble.files", opens_files),
    step("trouble.confined", is_confined),
    step("trouble.limits", tells_its_limits),
};

}  // namespace

const stepd_plugin* stepd_plugin_v1() noexcept {
  static const auto pointers = [] {
    std::array<const stepd_step*, steps.size()> all{};
    for (std::size_t at = 0; at < all.size(); ++at) all[at] = &steps[at];
    return all;
  }();
  static const stepd_plugin plugin = [] {
    stepd_plugin made{};
    made.struct_size = sizeof made;
    made.id = text("test.trouble");
    made.version = text("1.0.0");
    made.sdk = text("plain");
    made.step_count = static_cast<std::uint32_t>(pointers.size());
    made.steps = pointers.data();
    return made;
  }();
  return &plugin;
}
