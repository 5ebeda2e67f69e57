#include "host/contained/live_process.hpp"

#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include "host/contained/peak_memory.hpp"
#include "host/contained/thread_time.hpp"
#include "host/plugin/spawn.hpp"
#include "host/plugin/utf8.hpp"

extern char** environ;

namespace stepd::contained {
namespace {

using plugin::FileDescriptor;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::size_t fact_bytes_max = 2000;
constexpr std::int32_t level_of_print = STEPD_LOG_INFO;

/// While a plugin is described, which may take a thousand schemas, and afterwards.
constexpr std::size_t description_bytes_max = std::size_t{64} << 20U;
constexpr std::size_t word_bytes_max = std::size_t{64} << 10U;

/// A call may send its output, an error's details or an event; never much more at once.
constexpr std::size_t call_bytes_beside = std::size_t{16} << 20U;

/// Between the end of its lines and that of a process that ends by itself.
constexpr milliseconds ends_within{500};

/// Of this process's environment, what a program may need to find its way; nothing that tells of
/// the host.
constexpr std::array variables_passed_on {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  std::string_view("ASAN_*"), std::string_view("UBSAN_*"), std::string_view("TSAN_*"),
#endif
      std::string_view("PATH"), std::string_view("HOME"), std::string_view("USER"),
      std::string_view("LANG"), std::string_view("LC_*"), std::string_view("TZ"),
      std::string_view("TMPDIR")
};

/// A pattern that ends with a star stands for all names that begin so.
bool fits(std::string_view name, std::string_view pattern) {
  return pattern.ends_with('*') ? name.starts_with(pattern.substr(0, pattern.size() - 1))
                                : name == pattern;
}

std::vector<std::string> clean_environment(const std::vector<std::string>& more) {
  std::vector<std::string> kept;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view whole = *variable;
    const std::string_view name = whole.substr(0, whole.find('='));
    const auto is_meant = [name](std::string_view pattern) { return fits(name, pattern); };
    if (std::ranges::any_of(variables_passed_on, is_meant) || std::ranges::any_of(more, is_meant)) {
      kept.emplace_back(whole);
    }
  }
  return kept;
}

int wait_for_end(pid_t process) {
  int status = 0;
  while (::waitpid(process, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

const ProcessLimits& limits_of(const ProcessSettings& settings, const std::string& plugin) {
  const auto named = settings.process_of.find(plugin);
  return named == settings.process_of.end() ? settings.process : named->second;
}

}  // namespace

std::shared_ptr<LiveProcess> LiveProcess::start(ProcessFloor& floor, std::string plugin) {
  std::shared_ptr<LiveProcess> process(new LiveProcess(floor, std::move(plugin)));
  floor.supervisor.run([&process] { process->spawn(); });
  process->watch();
  return process;
}

LiveProcess::LiveProcess(ProcessFloor& floor, std::string plugin)
    : floor_(floor), plugin_(std::move(plugin)), print_([this](std::string_view line) {
        floor_.settings.log(plugin_, level_of_print, line);
      }) {}

LiveProcess::~LiveProcess() = default;

void LiveProcess::spawn() {
  auto [ours, theirs] = PacketLine::open();
  plugin::Pipe print = plugin::open_pipe();
  plugin::SpawnPlan plan{.command = floor_.settings.command,
                         .descriptors = {print.writer.number(), print.writer.number(),
                                         theirs.number(), memory_.descriptor()},
                         .environment = clean_environment(floor_.settings.environment),
                         .own_session = true};
  plan.command.push_back(plugin_);
  process_ = plugin::spawn(plan);
  control_.emplace(std::move(ours), description_bytes_max);
  printed_ = std::move(print.reader);
}

/// From here on its end is heard of, whoever has forgotten it.
void LiveProcess::watch() {
  try {
    watched_ = FileDescriptor(static_cast<int>(::syscall(SYS_pidfd_open, process_, 0)));
    if (!watched_.is_open()) {
      throw std::system_error(errno, std::generic_category(), "cannot watch a process");
    }
    if (floor_.record) floor_.record->add(process_);
    const auto self = shared_from_this();
    stop_reading_ = floor_.supervisor.watch(
        printed_.number(), [self](int own) { return self->print_.take_from(own); });
    static_cast<void>(floor_.supervisor.watch(watched_.number(), [self](int) {
      self->over();
      return false;
    }));
  } catch (const std::system_error&) {
    if (stop_reading_) stop_reading_();
    reap();
    throw;
  }
}

/// Of a process that nobody watches.
void LiveProcess::reap() {
  ::kill(-process_, SIGKILL);
  static_cast<void>(wait_for_end(process_));
  if (floor_.record) floor_.record->remove(process_);
}

void LiveProcess::over() {
  {
    const std::scoped_lock lock(mutex_);
    // The whole group, while its name cannot be another's: what the plugin has started goes too.
    ::kill(-process_, SIGKILL);
  }
  static_cast<void>(print_.take_from(printed_.number()));
  print_.finish();
  {
    const std::scoped_lock lock(mutex_);
    Death death = read_last_words(memory_.page().last_words, wait_for_end(process_));
    death.by_host = killed_;
    if (killed_ == Death::ByHost::overran) death.culprit = overran_;
    if (!death.told) death.used.memory_kib = peak_kib_;
    for (const auto& line : lines_) {
      if (line->busy) death.in_flight.push_back(line->number);
      // A copy of the process that has left its session may hold the other end.
      line->packets.shut();
    }
    control_->shut();
    death.printed = print_.last();
    death_ = std::move(death);
    changed_.notify_all();
  }
  stop_reading_();
  if (floor_.record) floor_.record->remove(process_);
}

bool LiveProcess::is_alive() const {
  const std::scoped_lock lock(mutex_);
  return !death_;
}

void LiveProcess::kill(Death::ByHost why) {
  const std::scoped_lock lock(mutex_);
  kill_locked(why);
}

/// Until its end is noted nobody has asked for its status, so the number is its own.
void LiveProcess::kill_locked(Death::ByHost why) {
  if (death_) return;
  if (killed_ == Death::ByHost::no) killed_ = why;
  ::kill(-process_, SIGKILL);
}

const Death& LiveProcess::death() {
  std::unique_lock lock(mutex_);
  const auto is_over = [this] { return death_.has_value(); };
  if (!changed_.wait_for(lock, ends_within, is_over)) {
    kill_locked(Death::ByHost::nonsense);
    changed_.wait(lock, is_over);
  }
  return *death_;
}

// The first words, before anybody else speaks to it.

std::optional<FromModule> LiveProcess::hear_within(milliseconds limit) {
  const auto end = steady_clock::now() + limit;
  while (true) {
    const auto left = std::chrono::ceil<milliseconds>(end - steady_clock::now());
    if (left <= milliseconds::zero()) return std::nullopt;
    auto received = control_->receive_within(left);
    const auto* message = std::get_if<PacketLine::Message>(&received);
    if (message == nullptr) return std::nullopt;
    FromModule said = from_module(message->bytes);
    const auto* aside = std::get_if<Says>(&said);
    if (aside == nullptr) return said;
    floor_.settings.log(plugin_, aside->level, plugin::readable(aside->text, word_bytes_max));
  }
}

template <class Answer>
std::variant<Answer, LiveProcess::Fault> LiveProcess::ask(const ToModule& wish,
                                                          std::string_view doing,
                                                          milliseconds limit) {
  std::optional<FromModule> said;
  try {
    if (control_->send(encode(wish))) said = hear_within(limit);
  } catch (const BadMessage&) {
    kill(Death::ByHost::nonsense);
  }
  if (said) {
    if (auto* answer = std::get_if<Answer>(&*said)) return std::move(*answer);
    const auto* unfit = std::get_if<Unfit>(&*said);
    kill(Death::ByHost::nonsense);
    if (unfit) return with_print(plugin::readable(unfit->fact, fact_bytes_max), death().printed);
  }
  return fault_of_end(doing, limit);
}

std::variant<Described, LiveProcess::Fault> LiveProcess::open(const std::filesystem::path& module) {
  return ask<Described>(
      OpenModule{module.string(), ::getpid(), limits_of(floor_.settings, plugin_)}, "load",
      floor_.settings.open_limit);
}

std::optional<LiveProcess::Fault> LiveProcess::start_plugin(const std::string& configuration) {
  const ProcessSettings& settings = floor_.settings;
  auto started = ask<Started>(StartPlugin{configuration, settings.host_version, settings.limits},
                              "start", settings.start_limit);
  if (auto* fault = std::get_if<Fault>(&started)) return std::move(*fault);
  control_->set_bytes_max(word_bytes_max);
  static_cast<void>(floor_.supervisor.watch(
      control_->descriptor(), [self = shared_from_this()](int) { return self->hear(); }));
  return std::nullopt;
}

/// It did not answer: it has ended, or takes too long.
LiveProcess::Fault LiveProcess::fault_of_end(std::string_view doing, milliseconds limit) {
  const bool too_slow = [this] {
    std::unique_lock lock(mutex_);
    const auto is_over = [this] { return death_.has_value(); };
    const bool was_killed = killed_ != Death::ByHost::no;
    return !changed_.wait_for(lock, ends_within, is_over) && !was_killed;
  }();
  if (too_slow) kill(Death::ByHost::overran);
  const Death& end = death();
  const std::string verb(doing);
  if (too_slow) {
    return with_print("does not " + verb + " within " + std::to_string(limit.count()) + " ms",
                      end.printed);
  }
  return with_print(in_words(end, "does not " + verb + ": its process"), end.printed);
}

// While calls run.

bool LiveProcess::hear() {
  try {
    auto received = control_->receive();
    const auto* message = std::get_if<PacketLine::Message>(&received);
    if (message == nullptr) return false;
    const FromModule said = from_module(message->bytes);
    if (const auto* aside = std::get_if<Says>(&said)) {
      floor_.settings.log(plugin_, aside->level, plugin::readable(aside->text, word_bytes_max));
      return true;
    }
    if (const auto* quiesced = std::get_if<Quiesced>(&said)) {
      const std::scoped_lock lock(mutex_);
      quiesced_ = plugin::readable(quiesced->trouble, fact_bytes_max);
      changed_.notify_all();
      return true;
    }
  } catch (const std::exception& error) {
    floor_.settings.log(plugin_, STEPD_LOG_WARNING,
                        std::string("its process cannot be heard: ") + error.what());
  }
  kill(Death::ByHost::nonsense);
  return false;
}

std::optional<LiveProcess::Fault> LiveProcess::quiesce(milliseconds budget) {
  if (!is_alive()) return std::nullopt;
  if (control_->send(encode(ToModule(Quiesce{budget})))) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, budget, [this] { return quiesced_ || death_; });
    if (quiesced_) return quiesced_->empty() ? std::nullopt : quiesced_;
    if (!death_) return "has not quiesced within " + std::to_string(budget.count()) + " ms";
  }
  return in_words(death(), "has not quiesced: its process");
}

std::unique_ptr<LiveProcess::Seat> LiveProcess::take_seat() {
  const std::scoped_lock lock(mutex_);
  if (death_ || killed_ != Death::ByHost::no) return nullptr;
  Line& line = idle_line();
  auto seat = std::make_unique<Seat>(shared_from_this(), line);
  // Here, so that what was to end the call before this one finds another number.
  line.serial.fetch_add(1);
  line.busy = true;
  return seat;
}

/// Under the lock.
LiveProcess::Line& LiveProcess::idle_line() {
  for (const auto& line : lines_) {
    if (!line->busy) return *line;
  }
  if (lines_.size() == lines_max) {
    throw std::runtime_error("a plugin runs " + std::to_string(lines_max) +
                             " calls at a time at most");
  }
  auto [ours, theirs] = PacketLine::open();
  const OpenLine wish{static_cast<std::uint32_t>(lines_.size())};
  lines_.push_back(
      std::make_unique<Line>(wish.number, std::move(ours),
                             floor_.settings.limits.output_bytes_max * 4 + call_bytes_beside));
  // It ends, or does not listen any more: the call finds nobody on its line.
  if (!control_->send_at_once(encode(ToModule(wish)), theirs.number())) {
    kill_locked(Death::ByHost::nonsense);
  }
  return *lines_.back();
}

LiveProcess::Seat::~Seat() {
  const std::scoped_lock lock(process_->mutex_);
  line_.busy = false;
}

void LiveProcess::Seat::ask_to_stop() {
  const std::uint32_t call = serial();
  process_->memory_.ask_to_stop(line_.number, call);
  process_->floor_.supervisor.run_after(
      process_->floor_.settings.stop_grace,
      [process = std::weak_ptr(process_), line = line_.number, call] {
        if (const auto alive = process.lock()) alive->kill_if_busy(line, call);
      });
}

plugin::CpuClock LiveProcess::Seat::cpu_clock() const {
  const std::uint32_t line = line_.number;
  const auto before = process_->cpu_of_line(line).value_or(engine::Duration::zero());
  return [process = std::weak_ptr(process_), line, before]() -> std::optional<engine::Duration> {
    const auto alive = process.lock();
    const auto now = alive ? alive->cpu_of_line(line) : std::nullopt;
    return now ? std::optional(std::max(*now - before, engine::Duration::zero())) : std::nullopt;
  };
}

/// Until its end is noted its number is its own. A thread that it names and has not is not found.
std::optional<engine::Duration> LiveProcess::cpu_of_line(std::uint32_t line) const {
  const std::scoped_lock lock(mutex_);
  const pid_t thread = memory_.page().thread[line].load();
  if (death_ || thread <= 0) return std::nullopt;
  return cpu_of_thread(process_, thread);
}

void LiveProcess::kill_if_busy(std::uint32_t number, std::uint32_t serial) {
  const std::scoped_lock lock(mutex_);
  const Line& line = *lines_[number];
  if (death_ || !line.busy || line.serial.load() != serial) return;
  if (!overran_) overran_ = number;
  peak_kib_ = peak_memory_of(process_);
  kill_locked(Death::ByHost::overran);
}

}  // namespace stepd::contained
