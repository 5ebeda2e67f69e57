#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "host/engine/engine.hpp"
#include "host/engine/entry.hpp"
#include "host/plugin/plugin_line.hpp"
#include "host/runtime/step_counters.hpp"
#include "storage/store.hpp"

namespace stepd::runtime {

/// A job as the door hands it on: validated, types completed, encoded.
struct JobOffer {
  std::shared_ptr<const engine::JobDefinition> definition;  // see engine::Submission
  std::string encoded;
  std::optional<engine::SubmitKey> key;
};

struct JobAccepted {
  engine::JobId id;
};
/// The key names this job already, and it was sent with the same content (J3).
struct JobExists {
  engine::JobId id;
};
/// The key names this job already, and its content is another.
struct KeyTaken {
  engine::JobId id;
};
/// Nothing was recorded: the disk is full, the file damaged, the host ending. The message says it.
struct NotStored {
  std::string message;
};
/// The store does not take this job, whatever room there is: sending it again changes nothing.
struct NotStorable {
  std::string message;
};
/// It is not known whether the job was recorded: ask again with the same key (D1).
struct StoreUnsure {
  std::string message;
};
using SubmitAnswer =
    std::variant<JobAccepted, JobExists, KeyTaken, NotStored, NotStorable, StoreUnsure>;

/// The event is on disk, or was before; `given_to` has a wait it went to.
struct EventAccepted {
  std::optional<engine::JobId> given_to;
  bool repeated = false;
};
/// The id names an event of other content.
struct EventIdTaken {};
/// The job it is addressed to is unknown, or has settled.
struct NoAddressee {
  bool settled = false;
};
/// The call that sent it is over; nothing was recorded.
struct SenderOver {};
using EventAnswer =
    std::variant<EventAccepted, EventIdTaken, NoAddressee, SenderOver, NotStored, StoreUnsure>;

/// Something that happened to a job and is on disk, for those who watch.
struct JobNews {
  engine::JobId job;
  std::uint64_t row = 0;      // journal row; 0: progress, which is not recorded
  std::uint64_t dropped = 0;  // not 0: nothing but how many news were lost before this, of any job
  engine::TimePoint at{};
  std::vector<engine::Entry> entries;
  std::string step;  // progress
  std::uint32_t permille = 0;
  std::string note;
};

/// How the host is doing; `storage_trouble` is empty when all is well.
struct HostHealth {
  engine::TimePoint started_at{};
  std::size_t jobs_in_memory = 0;
  std::size_t calls_running = 0;
  std::string storage_trouble;
  bool ending = false;
};

/// A step type: what its calls have come to, and how many there are now.
struct StepLoad {
  std::string type;
  std::size_t ready = 0;     // steps of the jobs in memory that wait for a slot, or for a person
  std::size_t in_calls = 0;  // likewise; those calls among them that have not begun wait, too
  StepCount count;
};

/// What the outside may ask of the running host. Any thread; answers come when they are on disk.
class Host {
 public:
  virtual ~Host() = default;

  [[nodiscard]] virtual std::vector<SubmitAnswer> submit(std::vector<JobOffer> offers) = 0;
  /// One verdict for each, in order; many of them cost few commits.
  [[nodiscard]] virtual std::vector<engine::Verdict> act_on_each(std::vector<engine::JobId> jobs,
                                                                 const engine::Verb& verb) = 0;
  [[nodiscard]] engine::Verdict act(engine::JobId job, const engine::Verb& verb) {
    return act_on_each({job}, verb).front();
  }
  [[nodiscard]] virtual EventAnswer send(engine::SentEvent event) = 0;

  [[nodiscard]] virtual std::shared_ptr<const engine::Catalogue> catalogue() const = 0;
  [[nodiscard]] virtual std::vector<plugin::PluginLine> plugins() const = 0;
  [[nodiscard]] virtual storage::Reader& reader() = 0;
  [[nodiscard]] virtual HostHealth health() const = 0;
  /// By step type, with all that are loaded or have been called since the host began.
  [[nodiscard]] virtual std::vector<StepLoad> step_loads() = 0;
  /// A reader met damage: from here on nothing more is taken in, and the health says why. What runs
  /// goes on for as long as the committer meets none.
  virtual void found_damage(const std::string& what) = 0;
  [[nodiscard]] virtual engine::Now now() const = 0;

  /// `on_news` is called from a thread of the host's, quickly, until the subscription ends. News
  /// may be dropped for a subscriber that lags; the journal has all of it.
  class Subscription {
   public:
    virtual ~Subscription() = default;
  };
  [[nodiscard]] virtual std::unique_ptr<Subscription> subscribe(
      std::function<void(const JobNews&)> on_news) = 0;
};

}  // namespace stepd::runtime
