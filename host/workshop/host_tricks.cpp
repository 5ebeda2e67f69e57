#include "host/workshop/host_tricks.hpp"

#include <signal.h>
#include <stepd/plugin.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <boost/json.hpp>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <new>
#include <system_error>

#include "host/plugin/call_context.hpp"

namespace stepd::workshop {

namespace json = boost::json;

namespace {

/// How far the table of minor version 0 reaches.
constexpr std::size_t oldest_table_bytes =
    offsetof(stepd_host_calls, child_undo) + sizeof(stepd_host_calls::child_undo);

/// Lies right in front of a table, which is how a host function finds it.
struct Plan {
  std::atomic<std::uint32_t> called{0};
  std::uint32_t crash_at = 0;  // 0: nowhere
  bool crash_after = false;
};

[[noreturn]] void die() {
  ::kill(::getpid(), SIGKILL);
  while (true) ::pause();
}

/// One host function, from its beginning to its end.
class Visit final {
 public:
  explicit Visit(const stepd_context& context) : plan_(plan_of(context)), at_(++plan_.called) {
    if (at_ == plan_.crash_at && !plan_.crash_after) die();
  }
  ~Visit() {
    if (at_ == plan_.crash_at && plan_.crash_after) die();
  }
  Visit(const Visit&) = delete;
  Visit& operator=(const Visit&) = delete;

 private:
  static Plan& plan_of(const stepd_context& context) {
    auto* table = reinterpret_cast<std::byte*>(const_cast<stepd_host_calls*>(context.host));
    return *std::launder(reinterpret_cast<Plan*>(table - sizeof(Plan)));
  }
  Plan& plan_;
  const std::uint32_t at_;
};

template <auto function>
struct Around;
template <class Answer, class... Arguments,
          Answer (*stepd_host_calls::*function)(stepd_context*, Arguments...)>
struct Around<function> {
  static Answer call(stepd_context* context, Arguments... arguments) {
    const Visit visit(*context);
    return (plugin::host_calls().*function)(context, arguments...);
  }
};

template <auto function>
void put_around(stepd_host_calls& table) {
  if (plugin::host_calls().*function != nullptr) table.*function = &Around<function>::call;
}

template <auto... functions>
void put_around_each(stepd_host_calls& table) {
  (put_around<functions>(table), ...);
}

stepd_host_calls counting_table() {
  using Calls = stepd_host_calls;
  Calls table = plugin::host_calls();
  put_around_each<
      &Calls::call, &Calls::args_json, &Calls::output_of, &Calls::own_output, &Calls::config,
      &Calls::checkpoint_load, &Calls::checkpoint_save, &Calls::memo_load, &Calls::memo_save,
      &Calls::set_output, &Calls::set_error, &Calls::heartbeat, &Calls::progress,
      &Calls::stop_requested, &Calls::stop_fd, &Calls::time_left_ms, &Calls::sleep_ms, &Calls::log,
      &Calls::suspend_until, &Calls::suspend_for, &Calls::suspend_for_event,
      &Calls::suspend_for_children, &Calls::wait_result, &Calls::spawn, &Calls::child_result,
      &Calls::extension, &Calls::now_unix_ms, &Calls::suspend_named, &Calls::send_event,
      &Calls::children_open, &Calls::settled_children, &Calls::suspend_for_another_child,
      &Calls::checkpoint_with_answer, &Calls::undo_child, &Calls::child_undo>(table);
  return table;
}

/// Two pages' worth, of which the second cannot be read; the table ends where the first does.
const stepd_host_calls& laid_out(const HostTricks& tricks) {
  stepd_host_calls table = counting_table();
  const std::size_t bytes = tricks.oldest_table ? oldest_table_bytes : sizeof table;
  table.struct_size = static_cast<std::uint32_t>(bytes);
  if (tricks.oldest_table) table.abi_minor = 0;
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  void* const begin =
      ::mmap(nullptr, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (begin == MAP_FAILED || ::mprotect(static_cast<std::byte*>(begin) + page, page, PROT_NONE)) {
    throw std::system_error(errno, std::generic_category(), "cannot lay out a table");
  }
  std::byte* const place = static_cast<std::byte*>(begin) + page - bytes;
  auto* const plan = new (place - sizeof(Plan)) Plan;
  if (tricks.crash) {
    plan->crash_at = tricks.crash->at;
    plan->crash_after = tricks.crash->after;
  }
  std::memcpy(place, &table, bytes);
  return *std::launder(reinterpret_cast<stepd_host_calls*>(place));
}

/// What `self` of a step points at while tricks are played.
struct Tricked {
  const stepd_host_calls& table;
  plugin::StepModule step;
};

template <plugin::StepModule::Callback plugin::StepModule::*phase>
stepd_outcome run_tricked(void* self, stepd_context* context) {
  const auto& tricked = *static_cast<const Tricked*>(self);
  context->host = &tricked.table;
  return (tricked.step.*phase)(tricked.step.self, context);
}

template <plugin::StepModule::Callback plugin::StepModule::*phase>
void replace(plugin::StepModule& step) {
  if (step.*phase != nullptr) step.*phase = &run_tricked<phase>;
}

}  // namespace

std::string to_text(const HostTricks& tricks) {
  json::object text{{"oldest_table", tricks.oldest_table}, {"traced", tricks.may_be_traced}};
  if (tricks.crash) {
    text["crash_at"] = tricks.crash->at;
    text["after"] = tricks.crash->after;
  }
  return json::serialize(text);
}

HostTricks tricks_of(std::string_view text) {
  const json::object read = json::parse(text).as_object();
  HostTricks tricks{.oldest_table = read.at("oldest_table").as_bool(),
                    .may_be_traced = read.at("traced").as_bool()};
  if (read.contains("crash_at")) {
    tricks.crash = {.at = read.at("crash_at").to_number<std::uint32_t>(),
                    .after = read.at("after").as_bool()};
  }
  return tricks;
}

void play(const HostTricks& tricks, std::vector<plugin::StepModule>& steps) {
  if (!tricks.crash && !tricks.oldest_table) return;
  const stepd_host_calls& table = laid_out(tricks);
  for (plugin::StepModule& step : steps) {
    step.self = new Tricked{table, step};
    replace<&plugin::StepModule::execute>(step);
    replace<&plugin::StepModule::compensate>(step);
    replace<&plugin::StepModule::probe>(step);
  }
}

}  // namespace stepd::workshop
