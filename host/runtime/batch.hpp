#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "host/engine/engine.hpp"
#include "host/runtime/news_feed.hpp"
#include "host/runtime/reply_desk.hpp"
#include "storage/store.hpp"

namespace stepd::runtime {

/// What has to happen once a batch is on disk, in this order.
struct Consequences {
  std::vector<engine::BatchOutcome> outcomes;
  std::vector<engine::BoxedCall> starts;
  std::vector<engine::StopCall> stops;
  std::vector<ReplyDesk::Delivery> replies;
  std::vector<NewsFeed::Row> rows;
  std::vector<engine::Event> events;  // for the engine: what the commit has set going
  std::vector<engine::StoreRequest> requests;
};

/// Several turns of the engine on their way into one transaction. The committer's thread.
class Batch {
 public:
  /// `lost`: jobs of this turn that have been answered already and will not be stored.
  void add(engine::Turn turn, std::vector<engine::JobId> lost);

  [[nodiscard]] bool empty() const { return parts_.empty(); }
  /// Items that are to be recorded.
  [[nodiscard]] std::size_t size() const {
    return submits_.size() + changes_.size() + events_.size();
  }
  /// Items of which it is not decided yet what becomes of them.
  [[nodiscard]] std::size_t open() const { return size() - next_; }

  /// Records all that is open. What the store refuses is narrowed down until the job at fault
  /// stands alone (D1). Throws any other StoreError: what had been recorded before stands, the
  /// rest is still open and may be tried again.
  void commit(storage::Store& store, engine::Epoch epoch);

  /// There is no room: open submits are answered and not tried again; changes stay open, and so do
  /// events, whose senders are answered that it is not known (D4).
  void give_up_submits(const std::string& message);

  /// Nothing may be open any more. The rows are gathered only when somebody hears of them.
  [[nodiscard]] Consequences conclude(bool with_rows);

 private:
  enum class Fate : std::uint8_t { open, committed, not_committed, refused };
  struct Part {
    engine::BatchId id = 0;
    std::size_t first_submit = 0;
    std::size_t first_change = 0;
    std::size_t end_submit = 0;
    std::size_t end_change = 0;
    std::size_t first_event = 0;
    std::vector<engine::CommitEffect> effects;
    std::vector<engine::StoreRequest> requests;
    std::vector<engine::JobId> lost;
  };

  void commit_range(storage::Store& store, engine::Epoch epoch, std::size_t end);
  void take_over(const storage::BatchResult& result, std::size_t end);
  void refuse_next(const std::string& message);
  [[nodiscard]] engine::BatchOutcome outcome_of(const Part& part) const;
  [[nodiscard]] bool allows(const Part& part, const engine::CommitEffect& effect) const;
  void carry_out(Part& part, engine::CommitEffect& effect, Consequences& to);
  [[nodiscard]] engine::Verdict verdict_on(std::size_t submit) const;
  [[nodiscard]] engine::Refused refusal_of(const Part& part,
                                           const engine::CommitEffect& effect) const;
  void gather_rows(std::vector<NewsFeed::Row>& rows);

  std::vector<Part> parts_;
  std::vector<engine::NewJob> submits_;
  std::vector<engine::Change> changes_;
  std::vector<engine::SentEvent> events_;
  std::vector<SubmitAnswer> answers_;       // by submit, once it is not open any more
  std::vector<EventAnswer> event_answers_;  // by event, likewise
  std::vector<engine::Event> set_going_;
  std::vector<Fate> submit_fates_;
  std::vector<Fate> change_fates_;
  std::map<std::size_t, storage::Underivable> underivable_;  // by submit
  std::map<std::size_t, storage::Referred> referred_;        // by change
  std::size_t next_ = 0;  // items are decided in order: submits, changes, events
};

}  // namespace stepd::runtime
