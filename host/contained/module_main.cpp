#include "host/contained/module_main.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <csignal>
#include <cstdio>
#include <exception>
#include <list>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "host/contained/call_line.hpp"
#include "host/contained/last_words.hpp"
#include "host/contained/packet_line.hpp"
#include "host/contained/shared_page.hpp"
#include "host/contained/wire.hpp"
#include "host/plugin/exit_watch.hpp"
#include "host/plugin/module_library.hpp"
#include "host/plugin/plugin_init.hpp"

namespace stepd::contained {
namespace {

using plugin::FileDescriptor;

/// Neither destructors nor exit functions of the plugin are of interest any more.
[[noreturn]] void leave() { plugin::exit_unheard(0); }

void obey(const ProcessLimits& limits) {
  const auto set = [](__rlimit_resource resource, const std::optional<std::uint64_t>& most) {
    if (!most) return;
    const rlimit both{*most, *most};
    // A host that may do less itself has passed that on already.
    static_cast<void>(::setrlimit(resource, &both));
  };
  set(RLIMIT_AS, limits.memory_bytes);
  set(RLIMIT_CPU, limits.cpu_seconds);
  set(RLIMIT_NOFILE, limits.files);
  set(RLIMIT_NPROC, limits.processes);
}

class ModuleProcess final {
 public:
  explicit ModuleProcess(PrepareSteps prepare)
      : prepare_(std::move(prepare)),
        host_(FileDescriptor(host_descriptor)),
        memory_(FileDescriptor(page_descriptor)) {
    write_last_words_into(memory_.page().last_words);
  }

  /// Does what the host says, one after the other.
  [[noreturn]] void serve() {
    while (true) {
      auto received = host_.receive();
      auto* message = std::get_if<PacketLine::Message>(&received);
      if (message == nullptr) leave();
      std::visit([&](const auto& wish) { fulfil(wish, std::move(message->file)); },
                 to_module(message->bytes));
    }
  }

 private:
  void fulfil(const OpenModule& wish, FileDescriptor) {
    if (::getppid() != wish.host) leave();  // it ended before this process could be told to follow
    obey(wish.limits);
    auto opened = plugin::open_module(wish.file);
    if (auto* bad = std::get_if<plugin::BadDescription>(&opened)) {
      return say(Unfit{std::move(bad->fact)});
    }
    library_ = std::get<plugin::ModuleLibrary>(std::move(opened));
    const plugin::PluginDescription& description = library_->description;
    Described described{description.id, description.version, description.sdk, {}};
    for (const auto& step : description.steps) described.steps.push_back(step.type);
    say(described);
  }

  void fulfil(const StartPlugin& wish, FileDescriptor) {
    if (!library_) leave();
    const auto configuration = boost::json::parse(wish.configuration).as_object();
    const auto values = plugin::by_key(configuration);
    for (plugin::StepModule& step : library_->description.steps) {
      step.configuration = values;
      served_.steps.push_back(step);
    }
    prepare_(served_.steps);
    served_.limits = wish.limits;
    host_facts_.emplace(wish.host_version, [this](std::int32_t level, std::string_view text) {
      say(Says{level, std::string(text)});
    });
    if (auto fact = plugin::initialise(*library_->plugin, *host_facts_, wish.configuration)) {
      return say(Unfit{*std::move(fact)});
    }
    stops_.emplace([this] { pass_on_stops(); });
    say(Started{});
  }

  void fulfil(const OpenLine& wish, FileDescriptor socket) {
    if (wish.number >= lines_max) leave();
    const std::scoped_lock lock(lines_mutex_);
    CallLine& line = lines_.emplace_back(wish.number, std::move(socket), served_, memory_, peak_);
    threads_.emplace_back([&line] {
      // What is wrong on a line between a host and itself cannot be mended here.
      try {
        line.serve();
      } catch (const std::exception& error) {
        std::fprintf(stderr, "stepd: a line to the host has failed: %s\n", error.what());
        leave();
      }
    });
  }

  void fulfil(const Quiesce& wish, FileDescriptor) {
    Quiesced answer;
    const auto budget = std::chrono::floor<std::chrono::milliseconds>(wish.budget);
    if (library_) {
      answer.trouble = plugin::quiesce(*library_->plugin, budget).value_or(std::string());
    }
    say(answer);
    leave();
  }

  void say(const FromModule& message) {
    const std::scoped_lock lock(saying_);
    if (!host_.send(encode(message))) leave();
  }

  void pass_on_stops() {
    while (true) {
      const std::uint32_t known = memory_.page().stops.load();
      {
        const std::scoped_lock lock(lines_mutex_);
        for (CallLine& line : lines_) line.look_for_stop();
      }
      memory_.wait_for_stop(known);
    }
  }

  const PrepareSteps prepare_;
  PacketLine host_;
  const SharedMemory memory_;
  std::mutex saying_;  // one message at a time
  std::optional<plugin::ModuleLibrary> library_;
  std::optional<plugin::HostFacts> host_facts_;  // the plugin may keep it
  Served served_;
  PeakMemory peak_;
  std::mutex lines_mutex_;  // guards lines_
  std::list<CallLine> lines_;
  // These end with the process.
  std::list<std::thread> threads_;
  std::optional<std::thread> stops_;
};

}  // namespace

void module_main(PrepareSteps prepare) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  ::signal(SIGPIPE, SIG_IGN);
  for (const int own : {host_descriptor, page_descriptor}) ::fcntl(own, F_SETFD, FD_CLOEXEC);
  ::setvbuf(stdout, nullptr, _IOLBF, 0);
  try {
    // Never taken down: its threads run to the end of the process.
    static auto* const process = new ModuleProcess(std::move(prepare));
    process->serve();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "stepd: the process of a plugin cannot go on: %s\n", error.what());
  }
  plugin::exit_unheard(1);
}

}  // namespace stepd::contained
