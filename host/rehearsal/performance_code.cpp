#include "host/engine/names.hpp"
#include "host/engine/why.hpp"
#include "host/rehearsal/performance.hpp"

namespace stepd::rehearsal {

using namespace engine;

/// What the code asks goes to the engine like any event, and is answered when it is on record.
class Performance::Needs final : public CodeNeeds {
 public:
  explicit Needs(Performance& play) : play_(play) {}

  BlobStatus save(const CallId& call, StepBlob::Kind kind, std::string key,
                  std::string bytes) override {
    const auto answer = play_.answer_to_code([&](ReplyToken token) {
      return BlobOffered{call, token, kind, std::move(key), std::move(bytes)};
    });
    return answer ? std::get<BlobStatus>(*answer) : BlobStatus::fenced;
  }

  runtime::EventAnswer send(const CallId& call, SentEvent event) override {
    const auto answer = play_.answer_to_code([&](ReplyToken token) {
      return EventSent{.reply = token, .event = std::move(event), .by = call};
    });
    return answer ? std::get<runtime::EventAnswer>(*answer) : runtime::SenderOver{};
  }

  void refuse_job(StepIndex step) override { play_.code_.note_refused_job(step); }

  std::vector<StepBlob> blobs(StepIndex step) override {
    return play_.ground_.reader->blobs(*play_.id_, step);
  }

 private:
  Performance& play_;
};

std::optional<runtime::Reply> Performance::answer_to_code(
    const std::function<Event(ReplyToken)>& question) {
  code_asked_ = next_token_++;
  stage_.post(question(*code_asked_));
  settle();
  code_asked_.reset();
  return std::exchange(code_answer_, std::nullopt);
}

void Performance::call_code(const CallId& id, const CallRequest& request, const CodePart& part) {
  Needs needs(*this);
  std::optional<Outcome> own = setting_.code->run(
      {.request = request, .now = stage_.now(), .asked_to_stop = part.asked_to_stop}, needs);
  if (!own) {
    code_is_silent_ = true;
    cut_short_ = setting_.code->why_silent();
    return;
  }
  code_.note(request, *own, part.asked_to_stop);
  const bool tidying = code_calls_max_ != 0;
  if (tidying ? code_calls_ >= code_calls_max_ : code_.is_worn_out()) {
    cut_short_ = "it is not played to its end: the code of a step is called without end";
  }
  if (part.crashes) {
    world_.crash_after_code(id, *own);
    die({id});
  } else {
    stage_.post(world_.end_after_code(id, part, *std::move(own)));
  }
}

namespace {

/// Enough for every compensation of a job to be tried again and again.
constexpr std::uint64_t tidying_calls_per_step = 50;

}  // namespace

/// What there is to be decided, so that nothing is left half done: what is in doubt is told as it
/// is, what is parked is tried again, and what waits for somebody is cancelled.
std::optional<Verb> Performance::next_to_tidy() const {
  if (is_settled(word_of(state_))) return std::nullopt;
  Verb verb{.kind = Verb::Kind::cancel, .reason = "the test is over"};
  for (StepIndex index = 0; index < state_.steps.size(); ++index) {
    const StepState& step = state_.steps[index];
    if (!std::holds_alternative<Parked>(step.condition)) continue;
    const StepTypeSnapshot& type = setting_.job->steps[index].snapshot.value();
    verb.kind = Verb::Kind::retry;
    verb.step = setting_.job->steps[index].id;
    const bool nobody_can_tell = type.not_repeatable && !type.offers_probe;
    if (step.phase == Phase::compensate || !nobody_can_tell) return verb;
    verb.kind = Verb::Kind::resolve;
    verb.truth = world_.step(index).applied ? Verb::Truth::done : Verb::Truth::none;
    if (verb.truth == Verb::Truth::done) {
      verb.output = world_.step(index).output.value_or(world_.output_of(index));
    }
    return verb;
  }
  return verb;
}

/// Plays on without mishaps until the job has settled, so that what real code did is undone or
/// brought to its end. What cannot be is told.
std::string Performance::tidy_up() {
  world_.no_more_mishaps();
  moment_ = script_.moments.size();
  cut_short_.clear();
  code_calls_max_ = code_calls_ + tidying_calls_per_step * state_.steps.size();
  for (std::size_t round = 0; id_ && round < 2 * state_.steps.size() + 2; ++round) {
    std::optional<Verb> verb = next_to_tidy();
    if (!verb) return {};
    verb->request_id = "tidying " + std::to_string(round);
    ask(*std::move(verb));
    do {
      settle();
    } while (!is_spent() && (let_moment_happen() || end_a_call() || pass_time()));
    if (is_spent()) break;
  }
  if (!id_ || is_settled(word_of(state_))) return {};
  std::string left = "what the test did is not all undone: the job is still " +
                     std::string(name_of(word_of(state_)));
  for (const std::string& fault : code_.faults()) left += "; " + fault;
  for (const std::string& doubt : code_.doubts()) left += "; " + doubt;
  return left;
}

}  // namespace stepd::rehearsal
