#include "tools/stepctl/step_rates.hpp"

#include <algorithm>
#include <cmath>

namespace stepd::stepctl {
namespace {

using Classes = std::map<std::int64_t, std::int64_t>;

Classes classes_at(const json::object& type, std::string_view name) {
  Classes classes;
  for (const json::value& one : list_at(type, name)) {
    if (!one.is_object()) continue;
    classes[number_at(one.get_object(), "below_us")] = number_at(one.get_object(), "calls");
  }
  return classes;
}

Classes difference(const Classes& before, const Classes& after) {
  Classes between = after;
  for (const auto& [below, calls] : before) between[below] -= calls;
  return between;
}

/// The end of the class in which it lies.
std::optional<Span> quantile(const Classes& classes, double part) {
  std::int64_t all = 0;
  for (const auto& [below, calls] : classes) all += calls;
  if (all <= 0) return std::nullopt;
  const auto rank = std::max<std::int64_t>(std::llround(std::ceil(part * double(all))), 1);
  std::int64_t seen = 0;
  for (const auto& [below, calls] : classes) {
    seen += calls;
    if (seen >= rank) return Span(below);
  }
  return std::nullopt;
}

StepRates rates_of(const StepUsage::Type& before, const StepUsage::Type& after, double seconds) {
  constexpr double percent = 100;
  constexpr double micros = 1e6;
  const std::int64_t calls = after.calls - before.calls;
  const std::int64_t cpu_us = after.cpu_us - before.cpu_us;
  const std::int64_t measured = calls - (after.cpu_unknown - before.cpu_unknown);
  const Classes ran = difference(before.ran, after.ran);
  StepRates rates{.type = {},
                  .calls_per_second = double(calls) / seconds,
                  .running = after.running,
                  .waiting = after.waiting,
                  .p50 = quantile(ran, 0.5),
                  .p99 = quantile(ran, 0.99),
                  .waited_p99 = quantile(difference(before.waited, after.waited), 0.99)};
  if (calls > 0) {
    rates.failed_percent = percent * double(after.failed - before.failed) / double(calls);
  }
  if (measured > 0) {
    rates.cpu_percent = percent * double(cpu_us) / micros / seconds;
    rates.cpu_per_call = Span(cpu_us / measured);
  }
  if (after.memory_bytes > 0) rates.memory_bytes = after.memory_bytes;
  return rates;
}

/// What is not known comes last.
double rank_by(std::string_view key, const StepRates& rates) {
  const auto span = [](const std::optional<Span>& value) {
    return value ? double(value->count()) : -1;
  };
  if (key == "rate") return rates.calls_per_second;
  if (key == "running") return double(rates.running);
  if (key == "waiting") return double(rates.waiting);
  if (key == "p50") return span(rates.p50);
  if (key == "p99") return span(rates.p99);
  if (key == "waited") return span(rates.waited_p99);
  if (key == "failed") return rates.failed_percent.value_or(-1);
  if (key == "cpu") return rates.cpu_percent.value_or(-1);
  if (key == "memory") return double(rates.memory_bytes.value_or(-1));
  return 0;
}

}  // namespace

std::optional<StepUsage> parse_step_usage(std::string_view body) {
  const std::optional<json::object> document = parse_object(body);
  if (!document) return std::nullopt;
  const std::optional<Instant> at = parse_instant(text_at(*document, "at"));
  const std::optional<Instant> since = parse_instant(text_at(*document, "since"));
  if (!at || !since) return std::nullopt;
  StepUsage usage{.at = *at, .since = *since, .types = {}};
  for (const json::value& one : list_at(*document, "step_types")) {
    if (!one.is_object()) continue;
    const json::object& type = one.get_object();
    usage.types[text_at(type, "type")] = {.running = number_at(type, "running"),
                                          .waiting = number_at(type, "waiting"),
                                          .calls = number_at(type, "calls"),
                                          .failed = number_at(type, "failed"),
                                          .cpu_us = number_at(type, "cpu_us"),
                                          .cpu_unknown = number_at(type, "cpu_unknown"),
                                          .ran = classes_at(type, "ran"),
                                          .waited = classes_at(type, "waited"),
                                          .memory_bytes = number_at(type, "memory_bytes")};
  }
  return usage;
}

RateTable rates_between(const StepUsage& before, const StepUsage& after) {
  const bool anew = before.since != after.since;
  const Span window = after.at - (anew ? after.since : before.at);
  const double seconds = std::max(std::chrono::duration<double>(window).count(), 1e-6);
  RateTable table{.window = window, .types = {}};
  for (const auto& [name, type] : after.types) {
    const auto known = before.types.find(name);
    const bool is_new = anew || known == before.types.end();
    StepRates rates = rates_of(is_new ? StepUsage::Type{} : known->second, type, seconds);
    rates.type = name;
    table.types.push_back(std::move(rates));
  }
  return table;
}

void sort_by(std::string_view key, RateTable& table) {
  if (key == "type") {
    std::ranges::sort(table.types, {}, &StepRates::type);
    return;
  }
  std::ranges::stable_sort(table.types, [key](const StepRates& one, const StepRates& other) {
    return rank_by(key, one) > rank_by(key, other);
  });
}

}  // namespace stepd::stepctl
