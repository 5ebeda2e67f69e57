#include <algorithm>
#include <array>
#include <numeric>

#include "host/engine/names.hpp"
#include "host/http/json_writer.hpp"
#include "host/http/routes.hpp"
#include "host/http/text.hpp"

namespace stepd::http {
namespace {

using engine::OutcomeKind;

/// The step's own doing, and no end that it could go on from.
constexpr std::array failures{OutcomeKind::retry,     OutcomeKind::refused,
                              OutcomeKind::failed,    OutcomeKind::effect_unknown,
                              OutcomeKind::timed_out, OutcomeKind::crashed,
                              OutcomeKind::bad_answer};

std::uint64_t ended_so(const runtime::StepCount& count, OutcomeKind kind) {
  return count.ended[static_cast<std::size_t>(kind)];
}

void write_outcomes(JsonWriter& json, const runtime::StepCount& count) {
  json.key("ended");
  json.begin_object();
  for (std::size_t kind = 0; kind < count.ended.size(); ++kind) {
    if (count.ended[kind] == 0) continue;
    json.member(engine::name_of(static_cast<OutcomeKind>(kind)), count.ended[kind]);
  }
  json.end_object();
}

void write_spans(JsonWriter& json, std::string_view name, const runtime::SpanHistogram& spans) {
  json.key(name);
  json.begin_array();
  for (const auto& [below_us, count] : spans.classes()) {
    json.begin_object();
    json.member("below_us", below_us);
    json.member("calls", count);
    json.end_object();
  }
  json.end_array();
}

void write_load(JsonWriter& json, const runtime::StepLoad& load) {
  const runtime::StepCount& count = load.count;
  const auto over = std::accumulate(count.ended.begin(), count.ended.end(), std::uint64_t{0});
  const std::uint64_t running = count.begun - over;
  const std::uint64_t not_begun = load.in_calls - std::min<std::uint64_t>(load.in_calls, running);
  std::uint64_t failed = 0;
  for (const OutcomeKind kind : failures) failed += ended_so(count, kind);
  json.begin_object();
  json.member("type", load.type);
  json.member("running", running);
  json.member("waiting", load.ready + not_begun);
  json.member("calls", over);
  json.member("failed", failed);
  write_outcomes(json, count);
  json.member("cpu_us", static_cast<std::uint64_t>(count.cpu.count()));
  json.member("cpu_unknown", count.cpu_unknown);
  write_spans(json, "ran", count.ran);
  write_spans(json, "waited", count.waited);
  if (count.memory_kib != 0) {
    json.member("memory_bytes", count.memory_kib * 1024);
  } else {
    json.member("memory_bytes", nullptr);
  }
  json.end_object();
}

}  // namespace

Answer show_step_usage(const Scope& scope, Request& request) {
  request.query.done();
  const auto loads = scope.host.step_loads();
  Reply reply;
  JsonWriter json(reply.body);
  json.begin_object();
  json.member("at", to_text(scope.host.now().wall));
  json.member("since", to_text(scope.host.health().started_at));
  json.key("step_types");
  json.begin_array();
  for (const runtime::StepLoad& load : loads) write_load(json, load);
  json.end_array();
  json.end_object();
  return reply;
}

}  // namespace stepd::http
