#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "host/engine/job_state.hpp"
#include "host/rehearsal/code_record.hpp"
#include "host/rehearsal/ghost_world.hpp"
#include "host/rehearsal/judge.hpp"
#include "host/rehearsal/record.hpp"
#include "host/rehearsal/script.hpp"
#include "host/rehearsal/stage.hpp"
#include "host/rehearsal/step_code.hpp"
#include "storage/store.hpp"

namespace stepd::rehearsal {

/// Where a performance keeps its record.
struct Ground {
  storage::Store* store = nullptr;
  storage::Reader* reader = nullptr;
};

/// What a job came to, and what was seen on the way.
struct Played {
  engine::JobState state{};  // by the engine's fold; without steps when nothing came to be recorded
  engine::JobWord word = engine::JobWord::queued;
  Record record{};
  std::vector<engine::JournalRow> rows{};  // all there ever were
  std::vector<GhostStep> world{};          // by step
  std::vector<engine::StepIndex> undone{};
  std::vector<engine::StepIndex> compensations{};      // the steps for which compensate was called
  std::vector<std::vector<engine::StepBlob>> blobs{};  // by step
  std::vector<std::string> breaches{};
  std::size_t moments_left = 0;  // that never came
  std::uint64_t calls = 0;
  std::uint64_t commits = 0;
  engine::Duration took{};  // by the clock that is pushed: calls take no time, waits take theirs
  // Of steps whose own code is called.
  CodeRecord code{};
  std::uint64_t code_calls = 0;  // without their code: that there would be
  std::string cut_short{};       // why it was not played to its end; empty: it was
  bool code_is_silent = false;   // therefore
  std::string not_tidied{};      // what stays as it is afterwards; empty: nothing
};

/// One job from its submit until nothing moves any more, played by a script in time that is pushed;
/// the judge looks on. One thread; runs once.
class Performance {
 public:
  struct Setting {
    std::shared_ptr<const engine::JobDefinition> job{};  // shared with the engine
    std::optional<engine::SubmitKey> key{};
    std::shared_ptr<const engine::Catalogue> catalogue{};  // shared with the engine
    Stage::Setting stage{};
    engine::Now begin = curtain_up;
    StepCode* code = nullptr;  // of the script's real steps; none: they are played all the same
  };
  /// `open` gives the record as a crash leaves it behind: called at first, and after each.
  Performance(Setting setting, const Script& script, std::function<Ground()> open);

  [[nodiscard]] Played run() &&;

 private:
  struct Happen;
  class Needs;
  void submit();
  void settle();
  void die(std::set<engine::CallId> crashed);
  void take_over_rows();
  void deliver();
  void take_reply(const runtime::ReplyDesk::Delivery& delivery);
  void take_submit_answer(const runtime::SubmitAnswer& answer);
  [[nodiscard]] bool has_come(const Moment& moment) const;
  [[nodiscard]] bool let_moment_happen();
  void ask(engine::Verb verb);
  void note_verb(const engine::Verb& verb);
  [[nodiscard]] bool resolve_doubt();
  [[nodiscard]] bool end_a_call();
  [[nodiscard]] bool pass_time();
  void end_host();
  void save(LiveCall& call);
  void look_again();
  void call_code(const engine::CallId& id, const engine::CallRequest& request,
                 const CodePart& part);
  [[nodiscard]] std::optional<runtime::Reply> answer_to_code(
      const std::function<engine::Event(engine::ReplyToken)>& question);
  [[nodiscard]] std::string tidy_up();
  [[nodiscard]] std::optional<engine::Verb> next_to_tidy() const;
  [[nodiscard]] Played conclude();
  [[nodiscard]] bool is_spent();

  Setting setting_;
  const Script& script_;
  std::function<Ground()> open_;
  Ground ground_;
  Stage stage_;
  GhostWorld world_;
  Judge judge_;
  Record record_;
  std::optional<engine::JobId> id_;
  engine::JobState state_;
  std::vector<engine::JournalRow> rows_;
  engine::ReplyToken next_token_ = 1;
  std::optional<engine::ReplyToken> submit_;  // not answered yet; likewise the next
  std::optional<engine::ReplyToken> asked_;
  std::optional<engine::Verb> verb_;  // what was asked
  std::optional<bool> carried_out_;   // how it was answered
  std::map<engine::ReplyToken, engine::CallId> saves_;
  std::size_t moment_ = 0;
  std::size_t doubts_ = 0;
  CodeRecord code_;
  std::uint64_t code_calls_ = 0;
  std::uint64_t code_calls_max_ = 0;  // while tidying up; 0: as many as it takes
  std::string cut_short_;
  bool code_is_silent_ = false;
  std::optional<engine::ReplyToken> code_asked_;
  std::optional<runtime::Reply> code_answer_;
  std::uint64_t turns_ = 0;
};

}  // namespace stepd::rehearsal
