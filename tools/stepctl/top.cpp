#include <algorithm>
#include <condition_variable>
#include <deque>
#include <iomanip>
#include <mutex>
#include <sstream>

#include "tools/stepctl/commands.hpp"
#include "tools/stepctl/problem.hpp"
#include "tools/stepctl/step_rates.hpp"
#include "tools/stepctl/table.hpp"

namespace stepd::stepctl {
namespace {

/// Rates are of so long, so that calls that take seconds do not come and go with every look.
constexpr std::chrono::seconds window{10};

/// "1,234", "12.3", "0.02".
std::string number_text(double number) {
  constexpr double whole_from = 100;
  if (number >= whole_from) return grouped(static_cast<std::uint64_t>(number + 0.5));
  std::ostringstream text;
  constexpr double tenths_from = 10;
  text << std::fixed << std::setprecision(number >= tenths_from || number == 0 ? 1 : 2) << number;
  return text.str();
}

Cell known(const std::optional<std::string>& text, Tone tone = Tone::plain) {
  return text ? Cell{*text, tone} : Cell{"-", Tone::dim};
}
Cell span_cell(const std::optional<Span>& span) {
  return known(span ? std::optional(span_text(*span)) : std::nullopt);
}
Cell percent_cell(const std::optional<double>& percent, Tone tone = Tone::plain) {
  return known(percent ? std::optional(number_text(*percent) + "%") : std::nullopt, tone);
}

std::vector<Cell> row_of(const StepRates& rates) {
  const bool fails = rates.failed_percent && *rates.failed_percent > 0;
  const std::string type = rates.type.empty() ? "(all others)" : printable(rates.type);
  return {
      {type, Tone::strong},
      {number_text(rates.calls_per_second), Tone::plain},
      {std::to_string(rates.running), rates.running > 0 ? Tone::busy : Tone::dim},
      {std::to_string(rates.waiting), rates.waiting > 0 ? Tone::warn : Tone::dim},
      span_cell(rates.p50),
      span_cell(rates.p99),
      span_cell(rates.waited_p99),
      percent_cell(rates.failed_percent, fails ? Tone::bad : Tone::plain),
      percent_cell(rates.cpu_percent),
      span_cell(rates.cpu_per_call),
      known(rates.memory_bytes ? std::optional(bytes_text(*rates.memory_bytes)) : std::nullopt)};
}

std::string text_of(const RateTable& rates, const Screen& screen) {
  constexpr std::size_t lines_around =
      4;  // the heading, the line above, what is left out, a prompt
  const bool is_cut =
      screen.lines > lines_around && rates.types.size() > screen.lines - lines_around;
  const std::size_t shown = is_cut ? screen.lines - lines_around : rates.types.size();
  Table table({"STEP TYPE", "CALLS/S", "RUNNING", "WAITING", "P50", "P99", "WAITED P99", "FAILED",
               "CPU", "CPU/CALL", "MEMORY"});
  for (std::size_t at = 0; at < shown; ++at) table.add(row_of(rates.types[at]));
  std::string text = paint("the last " + span_text(rates.window), Tone::dim, screen) + "\n";
  text += table.text(screen);
  if (is_cut) {
    const auto left = static_cast<std::int64_t>(rates.types.size() - shown);
    text += paint("and " + counted(left, "more step type"), Tone::dim, screen) + "\n";
  }
  return text;
}

template <typename Value>
json::value or_null(const std::optional<Value>& value) {
  return value ? json::value(*value) : json::value(nullptr);
}
json::value or_null(const std::optional<Span>& span) {
  return span ? json::value(span->count()) : json::value(nullptr);
}

std::string json_of(const RateTable& rates, const std::string& at) {
  json::array types;
  for (const StepRates& one : rates.types) {
    types.push_back(json::object{{"type", one.type},
                                 {"calls_per_second", one.calls_per_second},
                                 {"running", one.running},
                                 {"waiting", one.waiting},
                                 {"p50_us", or_null(one.p50)},
                                 {"p99_us", or_null(one.p99)},
                                 {"waited_p99_us", or_null(one.waited_p99)},
                                 {"failed_percent", or_null(one.failed_percent)},
                                 {"cpu_percent", or_null(one.cpu_percent)},
                                 {"cpu_us_per_call", or_null(one.cpu_per_call)},
                                 {"memory_bytes", or_null(one.memory_bytes)}});
  }
  const std::chrono::duration<double> seconds = rates.window;
  return one_line(
      json::object{{"at", at}, {"seconds", seconds.count()}, {"step_types", std::move(types)}});
}

/// What was counted in the last seconds, look by look.
class Looks final {
 public:
  void add(StepUsage usage) {
    all_.push_back(std::move(usage));
    while (all_.size() > 2 && all_.back().at - all_[1].at >= window) all_.pop_front();
  }
  [[nodiscard]] bool can_be_compared() const { return all_.size() > 1; }
  [[nodiscard]] RateTable rates() const { return rates_between(all_.front(), all_.back()); }

 private:
  std::deque<StepUsage> all_;
};

void pass(Span span) {
  std::mutex mutex;
  std::condition_variable nothing;
  std::unique_lock lock(mutex);
  nothing.wait_for(lock, span, [] { return false; });
}

}  // namespace

ExitCode run(const Session& session, const WatchStepTypes& command) {
  Looks looks;
  while (true) {
    const Answer answer = session.client.get("/v1/step-types:usage");
    std::optional<StepUsage> usage =
        answer.is_good() ? parse_step_usage(answer.body) : std::nullopt;
    if (!usage) return refuse(session, answer);
    looks.add(*std::move(usage));
    if (looks.can_be_compared()) {
      RateTable rates = looks.rates();
      sort_by(command.sort, rates);
      const bool live = session.output.shows_status() && !session.json && !command.once;
      if (live) {
        session.output.status(text_of(rates, session.output.err()));
      } else if (session.json) {
        session.output.print(json_of(rates, text_at(*parse_object(answer.body), "at")) + "\n");
      } else {
        Screen whole = session.output.out();
        whole.lines = 0;
        session.output.print(text_of(rates, whole));
      }
      if (command.once) return ExitCode::done;
    }
    pass(command.interval);
  }
}

}  // namespace stepd::stepctl
