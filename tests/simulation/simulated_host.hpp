#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "host/engine/engine.hpp"
#include "host/runtime/batch.hpp"
#include "storage/memory/memory_store.hpp"
#include "tests/simulation/safekeeping.hpp"
#include "tests/simulation/world.hpp"
#include "tests/support/chance.hpp"

namespace stepd::simulation {

/// A whole host in one thread, driven by chance: the real engine, the real batches and a store, a
/// clock that is pushed, steps that do what the world says, and crashes between any two commits.
class SimulatedHost {
 public:
  explicit SimulatedHost(std::uint64_t seed);

  /// Runs one story to its end: some hundred events with faults, then calm until every job that was
  /// promised has settled. Throws Broken.
  void run();

  [[nodiscard]] const Sights& seen() const { return world_.seen; }
  [[nodiscard]] std::size_t crashes() const { return crashes_; }

 private:
  /// A job's record as far as it has been read: rows on disk never change.
  struct Seen {
    Record record{};
    std::uint64_t row = 0;     // the last one read
    std::uint64_t judged = 0;  // likewise, and held against the promises
    std::map<engine::StepIndex, std::string> outputs{};
  };
  struct Asked {
    std::string key;      // a submit's
    engine::JobId job{};  // a verb's
    std::optional<engine::Verb> verb{};
    std::string event{};  // its id
    bool saves = false;
  };

  void start_up(std::set<engine::CallId> crashed);
  void take_over(std::set<engine::CallId> crashed);
  void crash();
  void end_in_order();

  void act();
  void act_calmly();
  void change_host();
  void show(std::shared_ptr<const engine::Catalogue> catalogue);
  void let_a_call_overrun();
  void submit();
  void operate();
  [[nodiscard]] std::string step_by_chance(const Record& record);
  [[nodiscard]] bool find_out(engine::JobId job, const Record& record, engine::Verb& verb);
  void ask(engine::JobId job, engine::Verb verb);
  void ask_operator();
  [[nodiscard]] std::optional<engine::JobId> any_job();
  [[nodiscard]] std::optional<engine::JobId> any_undo();
  void save_something();
  void spawn_by_chance(engine::CallReported& reported);
  void undo_by_chance(engine::CallReported& reported, const Record& record);
  void send_event(std::string id);

  void push_clock(engine::Duration by);
  void turn();
  void commit_one();
  void carry_out(runtime::Consequences consequences);
  void serve(const engine::StoreRequest& request);
  void take_reply(const runtime::ReplyDesk::Delivery& delivery);
  void take_submitted(const Asked& asked, const runtime::SubmitAnswer& answer);
  void take_accepted(const Asked& asked, engine::JobId made);
  void take_removed(engine::JobId job);
  void expire();
  [[nodiscard]] std::set<engine::JobId> those_above(engine::JobId job);
  void begin(const engine::CallRequest& request);
  void judge_arguments(const engine::CallRequest& request);
  void judge_undos(engine::JobId job, const std::vector<engine::Entry>& row);
  void judge_checkpoints(engine::JobId job, const Record& record,
                         const std::vector<engine::Entry>& row);
  void note_outputs(Seen& seen, const std::vector<engine::Entry>& row);
  void judge_all();
  void judge_children_of(const engine::CallRequest& request);
  void judge_whys();
  [[nodiscard]] const Record* record_of(engine::JobId job);
  void judge(engine::JobId job);
  void judge_events();
  void judge_what_is_kept();
  [[nodiscard]] bool all_settled();
  [[nodiscard]] std::string open_jobs();

  tests::Chance chance_;
  World world_;
  engine::Now now_;
  std::shared_ptr<const engine::Catalogue> catalogue_;  // shared with the engine
  std::unique_ptr<storage::MemoryStore> store_;
  engine::Epoch epoch_;
  std::unique_ptr<engine::Engine> engine_;
  std::vector<engine::Event> events_;
  std::deque<engine::Turn> turns_;  // not yet on disk
  std::map<engine::JobId, Seen> seen_;
  std::map<engine::ReplyToken, Asked> asked_;
  std::set<engine::CallId> reported_;
  std::map<engine::CallId, std::vector<std::string>> undos_asked_;  // by name
  std::map<std::pair<engine::JobId, engine::StepIndex>, std::string> arguments_;
  Safekeeping saved_;
  engine::ReplyToken next_token_ = 1;
  std::size_t submitted_ = 0;
  std::size_t settled_ = 0;
  std::size_t crashes_ = 0;
};

}  // namespace stepd::simulation
