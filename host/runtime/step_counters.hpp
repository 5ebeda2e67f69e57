#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "host/engine/outcome.hpp"
#include "host/engine/time.hpp"

namespace stepd::runtime {

/// How often something took how long: four classes for each doubling, so that no span lies more
/// than a quarter below the end of its class.
class SpanHistogram {
 public:
  void add(engine::Duration span) { ++counts_[class_of(span)]; }

  /// Classes that are not empty: the first microsecond above it, and how many.
  struct Class {
    std::uint64_t below_us = 0;
    std::uint64_t count = 0;
    friend bool operator==(const Class&, const Class&) = default;
  };
  [[nodiscard]] std::vector<Class> classes() const;

 private:
  static constexpr std::size_t classes_max = 160;  // what is longer than 12 days is in the last
  static std::size_t class_of(engine::Duration span);

  std::array<std::uint64_t, classes_max> counts_{};
};

/// What the calls of one step type have come to since the host began.
struct StepCount {
  static constexpr std::size_t kinds = std::size_t(engine::OutcomeKind::interrupted) + 1;

  std::uint64_t begun = 0;
  std::array<std::uint64_t, kinds> ended{};  // by outcome
  engine::Duration cpu{};                    // of those calls of which it is known
  std::uint64_t cpu_unknown = 0;             // calls
  SpanHistogram ran;
  SpanHistogram waited;
  std::uint64_t memory_kib = 0;  // the most of any process with such a call; 0: not known
};

/// Counts calls by step type. Any thread; a call costs two uncontended locks.
class StepCounters {
 public:
  /// One step type's.
  class Place {
   public:
    void begin();
    /// One that has begun.
    void end(engine::OutcomeKind kind, const engine::Usage& used);
    [[nodiscard]] StepCount count() const;

   private:
    mutable std::mutex mutex_;  // guards count_
    StepCount count_;
  };

  /// Lives as long as this object. Step types of builds that are gone stay counted, so there is an
  /// end to them: those beyond are counted together, under no name.
  [[nodiscard]] Place& of(std::string_view type);

  struct Line {
    std::string type;
    StepCount count;
  };
  /// By name.
  [[nodiscard]] std::vector<Line> lines() const;

 private:
  static constexpr std::size_t types_max = 10'000;

  mutable std::mutex mutex_;  // guards places_; what they point to stays
  std::map<std::string, std::unique_ptr<Place>, std::less<>> places_;
};

/// One worker's way to the counters: mostly its next call is of the type of the last.
class StepCounter {
 public:
  explicit StepCounter(StepCounters& counters) : counters_(counters) {}

  void begin(std::string_view type);
  void end(engine::OutcomeKind kind, const engine::Usage& used) { place_->end(kind, used); }

 private:
  StepCounters& counters_;
  StepCounters::Place* place_ = nullptr;  // null before the first call
  std::string type_;
};

}  // namespace stepd::runtime
