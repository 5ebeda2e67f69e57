#include "tests/enumeration/enumeration.hpp"

#include "host/engine/names.hpp"
#include "storage/memory/memory_store.hpp"
#include "storage/sqlite/sqlite_reader.hpp"
#include "storage/sqlite/sqlite_store.hpp"
#include "tests/enumeration/ending.hpp"
#include "tests/support/temporary_folder.hpp"

namespace stepd::enumeration {

using rehearsal::CrashPoint;
using rehearsal::Ground;
using rehearsal::Performance;
using rehearsal::Played;

namespace {

Played play_on(const ReferenceJob& job, std::set<CrashPoint> crashes,
               std::function<Ground()> open) {
  return Performance({.job = job.job,
                      .key = job.key,
                      .catalogue = job.catalogue,
                      .stage = {.crashes = std::move(crashes)}},
                     job.script, std::move(open))
      .run();
}

std::string shown(const CrashPoint& point) {
  return (point.after ? "after" : "before") + std::string(" commit ") +
         std::to_string(point.commit);
}

class Enumeration {
 public:
  Enumeration(const ReferenceJob& job, Backing backing)
      : job_(job), backing_(backing), first_(play(job, backing, {})), ending_(ending_of(first_)) {}

  Enumerated run() && {
    if (!first_run_is_as_told()) return std::move(result_);
    for (std::uint64_t commit = 1; commit <= first_.commits; ++commit) {
      for (const bool after : {false, true}) {
        const CrashPoint point{commit, after};
        ++result_.crash_points;
        const Played played = play(job_, backing_, {point});
        if (!is_same(played, shown(point))) return std::move(result_);
        if (job_.in_pairs && !pairs_with(point, played.commits)) return std::move(result_);
      }
    }
    return std::move(result_);
  }

 private:
  bool first_run_is_as_told() {
    const std::string word(engine::name_of(first_.word));
    if (word != job_.ends) differ("without a crash", "it ends " + word + ", not " + job_.ends);
    for (const rehearsal::Moment& moment : job_.script.moments) {
      if (moment.may_not_come && first_.record.request_ids.empty()) {
        differ("without a crash", "a moment never came");
      }
    }
    return result_.difference.empty() && is_whole(first_, "without a crash");
  }

  bool pairs_with(const CrashPoint& first, std::uint64_t commits) {
    for (std::uint64_t commit = first.commit + 1; commit <= commits; ++commit) {
      for (const bool after : {false, true}) {
        const CrashPoint second{commit, after};
        ++result_.pairs;
        const Played played = play(job_, backing_, {first, second});
        if (!is_same(played, shown(first) + " and " + shown(second))) return false;
      }
    }
    return true;
  }

  bool is_same(const Played& played, const std::string& where) {
    if (!is_whole(played, where)) return false;
    const std::string ending = ending_of(played);
    if (ending == ending_) return true;
    differ(where, "it ends as\n" + ending + "and without a crash as\n" + ending_);
    return false;
  }

  /// No promise was broken, and everything that was to happen did.
  bool is_whole(const Played& played, const std::string& where) {
    if (!played.breaches.empty()) differ(where, played.breaches.front());
    if (played.moments_left != 0) {
      differ(where, std::to_string(played.moments_left) + " of its moments never came\n" +
                        ending_of(played));
    }
    return result_.difference.empty();
  }

  void differ(const std::string& where, const std::string& how) {
    if (!result_.difference.empty()) return;
    result_.difference = "job \"" + job_.name + "\", " + where + ": " + how;
  }

  const ReferenceJob& job_;
  Backing backing_;
  Played first_;
  std::string ending_;
  Enumerated result_;
};

}  // namespace

Played play(const ReferenceJob& job, Backing backing, std::set<CrashPoint> crashes) {
  if (backing == Backing::memory) {
    auto store = std::make_unique<storage::MemoryStore>();
    return play_on(job, std::move(crashes), [&store] {
      store = std::make_unique<storage::MemoryStore>(store->snapshot());
      return Ground{store.get(), store.get()};
    });
  }
  const support::TemporaryFolder folder;
  std::unique_ptr<storage::SqliteStore> store;
  std::unique_ptr<storage::SqliteReader> reader;
  return play_on(job, std::move(crashes), [&] {
    reader.reset();
    store.reset();
    store = std::make_unique<storage::SqliteStore>(folder.path(),
                                                   storage::SqliteOptions{.prewrite_wal = false});
    reader = std::make_unique<storage::SqliteReader>(folder.path());
    return Ground{store.get(), reader.get()};
  });
}

Enumerated enumerate(const ReferenceJob& job, Backing backing) {
  return Enumeration(job, backing).run();
}

}  // namespace stepd::enumeration
