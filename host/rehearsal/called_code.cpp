#include "host/rehearsal/called_code.hpp"

#include <algorithm>
#include <deque>
#include <functional>

namespace stepd::rehearsal {

using namespace engine;

namespace {

constexpr int ordinal_bits = 21;  // of a job's id, below its milliseconds
constexpr std::uint32_t jobs_told_apart = 1U << 19U;

const std::string jobs_not_played =
    "a test of a job does not run the jobs that its steps start: give an output for this step, "
    "then it is not called";

std::string seconds_text(Duration span) {
  return std::to_string(std::chrono::ceil<std::chrono::seconds>(span).count()) + " s";
}

plugin::SendStatus status_of(const runtime::EventAnswer& answer) {
  using plugin::SendStatus;
  if (std::holds_alternative<runtime::EventAccepted>(answer)) return SendStatus::stored;
  if (std::holds_alternative<runtime::EventIdTaken>(answer)) return SendStatus::id_taken;
  if (std::holds_alternative<runtime::NoAddressee>(answer)) return SendStatus::no_addressee;
  if (std::holds_alternative<runtime::SenderOver>(answer)) return SendStatus::fenced;
  return SendStatus::not_now;
}

}  // namespace

/// One call, between the thread that runs its code and the one that plays. Any thread.
class CalledCode::Visit {
 public:
  explicit Visit(const Call& call) : request(call.request), now(call.now) {
    if (call.asked_to_stop) stop_.request_stop();
  }

  /// The thread of the code: has the question answered by the one that plays. Nothing, once nobody
  /// plays any more.
  void ask(std::function<void(CodeNeeds&)> question) {
    std::unique_lock lock(mutex_);
    if (abandoned_) return;
    bool answered = false;
    questions_.push_back({std::move(question), &answered});
    changed_.notify_all();
    changed_.wait(lock, [&] { return answered || abandoned_; });
  }

  void returned(Outcome outcome) {
    const std::scoped_lock lock(mutex_);
    outcome_ = std::move(outcome);
    changed_.notify_all();
  }

  /// The thread that plays: answers questions until the outcome is there, or the time is over,
  /// which it is at once when there is `hurry` to be had and the daemon ends.
  std::optional<Outcome> outcome_within(Duration span, CodeNeeds& needs, bool hurry) {
    const auto end = std::chrono::steady_clock::now() + span;
    std::unique_lock lock(mutex_);
    const auto due = [&] { return outcome_ || !questions_.empty() || (hurry && hurried_); };
    while (!outcome_) {
      if (!changed_.wait_until(lock, end, due)) return std::nullopt;
      if (outcome_) break;
      if (questions_.empty()) return std::nullopt;
      const Question question = std::move(questions_.front());
      questions_.pop_front();
      lock.unlock();
      question.put(needs);
      lock.lock();
      *question.answered = true;
      changed_.notify_all();
    }
    return std::exchange(outcome_, std::nullopt);
  }

  void abandon() {
    const std::scoped_lock lock(mutex_);
    abandoned_ = true;
    changed_.notify_all();
  }
  void hurry() {
    ask_to_stop();
    const std::scoped_lock lock(mutex_);
    hurried_ = true;
    changed_.notify_all();
  }
  void ask_to_stop() { stop_.request_stop(); }
  [[nodiscard]] std::stop_token stop_token() const { return stop_.get_token(); }

  const CallRequest request;
  const Now now;
  bool is_over = false;  // guarded by the mutex of the one who calls: its thread is at its end

 private:
  struct Question {
    std::function<void(CodeNeeds&)> put;
    bool* answered;  // on the stack of the one that asks
  };

  std::stop_source stop_;
  std::mutex mutex_;  // guards what is below
  std::condition_variable changed_;
  std::deque<Question> questions_;
  std::optional<Outcome> outcome_;
  bool abandoned_ = false;
  bool hurried_ = false;
};

/// What the code may ask of its host. Jobs of its own it cannot start here.
class CalledCode::Ports final : public plugin::CallPorts {
 public:
  explicit Ports(Visit& visit) : visit_(visit) {}

  BlobStatus save(StepBlob::Kind kind, std::string key, std::string bytes) override {
    BlobStatus status = BlobStatus::fenced;
    visit_.ask([&](CodeNeeds& needs) {
      status = needs.save(visit_.request.id, kind, std::move(key), std::move(bytes));
    });
    return status;
  }
  plugin::SendStatus send(SentEvent event) override {
    runtime::EventAnswer answer = runtime::SenderOver{};
    event.tenant = visit_.request.tenant;
    visit_.ask([&](CodeNeeds& needs) { answer = needs.send(visit_.request.id, std::move(event)); });
    return status_of(answer);
  }
  plugin::CheckedJob check_job(std::string_view) override {
    visit_.ask([&](CodeNeeds& needs) { needs.refuse_job(visit_.request.step_index); });
    return jobs_not_played;
  }
  std::optional<plugin::ChildNow> child(const std::string&) override { return std::nullopt; }
  std::vector<plugin::ChildNow> settled_children(std::uint32_t, std::size_t) override { return {}; }
  plugin::CheckedUndo check_undo(const std::string&) override { return jobs_not_played; }
  std::optional<plugin::ChildNow> child_undo(const std::string&) override { return std::nullopt; }
  std::vector<StepBlob> blobs() override {
    std::vector<StepBlob> blobs;
    visit_.ask([&](CodeNeeds& needs) { blobs = needs.blobs(visit_.request.step_index); });
    return blobs;
  }
  void heartbeat() override {}
  void progress(std::uint32_t, std::string) override {}
  void log(std::int32_t, std::string_view, std::string_view) override {}
  Now now() override { return visit_.now; }

 private:
  Visit& visit_;
};

CalledCode::~CalledCode() = default;

/// Under the lock. Their threads do nothing more once they are over.
void CalledCode::clear_strays() {
  strays_.remove_if([](const Stray& stray) { return stray.visit->is_over; });
}

bool CalledCode::enter() {
  const std::scoped_lock lock(mutex_);
  clear_strays();
  if (entered_ || ending_ || !strays_.empty()) return false;
  entered_ = true;
  return true;
}

void CalledCode::leave() {
  const std::scoped_lock lock(mutex_);
  entered_ = false;
  over_.notify_all();
}

bool CalledCode::end(Duration within) {
  std::unique_lock lock(mutex_);
  ending_ = true;
  const std::shared_ptr<Visit> current = current_;
  if (current) {
    lock.unlock();
    current->hurry();
    lock.lock();
  }
  return over_.wait_for(lock, within, [this] {
    clear_strays();
    return !entered_ && strays_.empty();
  });
}

JobId CalledCode::ids_above(TimePoint now) {
  const auto milliseconds =
      std::chrono::floor<std::chrono::milliseconds>(now.time_since_epoch()).count();
  // The upper half of a millisecond's ids: the daemon's own jobs never get so far.
  const std::int64_t ordinal = (std::int64_t{1} << (ordinal_bits - 1)) + jobs_;
  jobs_ = (jobs_ + 1) % jobs_told_apart;
  return {(static_cast<std::int64_t>(milliseconds) << ordinal_bits) | ordinal};
}

std::optional<Outcome> CalledCode::run(const Call& call, CodeNeeds& needs) {
  const auto visit = std::make_shared<Visit>(call);
  {
    const std::scoped_lock lock(mutex_);
    if (ending_) {
      why_silent_ = "the test ends here: the daemon ends";
      return std::nullopt;
    }
    current_ = visit;
  }
  std::jthread thread([this, visit] {
    Ports ports(*visit);
    visit->returned(caller_.run(visit->request, ports, visit->stop_token()));
    const std::scoped_lock lock(mutex_);
    visit->is_over = true;
    over_.notify_all();
  });
  std::optional<Outcome> outcome = answer_of(*visit, needs);
  const std::scoped_lock lock(mutex_);
  current_.reset();
  if (!outcome) strays_.push_back({visit, std::move(thread)});
  return outcome;
}

std::optional<Outcome> CalledCode::answer_of(Visit& visit, CodeNeeds& needs) {
  Duration within = setting_.call_max;
  const CallRequest& request = visit.request;
  if (request.timeout != Duration::zero()) within = std::min(within, request.timeout);
  if (auto outcome = visit.outcome_within(within, needs, true)) return outcome;
  visit.ask_to_stop();
  if (auto outcome = visit.outcome_within(setting_.stop_grace, needs, false)) return outcome;
  visit.abandon();
  why_silent_ = "the test ends here: step \"" + request.step + "\" did not return within " +
                seconds_text(within) +
                ", nor when it was asked to stop; it still runs in the "
                "daemon, until it returns or the daemon ends";
  return std::nullopt;
}

}  // namespace stepd::rehearsal
