#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "host/engine/child.hpp"
#include "host/engine/id.hpp"
#include "host/engine/json_text.hpp"
#include "host/engine/phase.hpp"

namespace stepd::engine {

/// When something is to happen. A wait that was asked for as a span never lasts longer than it,
/// whatever the wall clock does meanwhile (T1); `span` zero: the wall clock alone decides.
struct Due {
  TimePoint at{};
  Duration span{};
  friend bool operator==(const Due&, const Due&) = default;
};

/// What a suspended step waits for; whatever comes first wakes it (W1). The call that asked for it
/// is its name: a step has at most one wait at a time.
struct Wait {
  std::optional<Due> due{};
  std::string key{};         // of the event, or what a sleep is called; empty: how it ends is not
                             // kept, the step is just called again
  bool takes_event = false;  // an event of this key ends it
  std::optional<ChildWait> children{};
  friend bool operator==(const Wait&, const Wait&) = default;
};

/// An event's place in the order of arrival; the store's.
struct EventNumber {
  std::uint64_t value = 0;
  friend auto operator<=>(const EventNumber&, const EventNumber&) = default;
};

/// An event that was given to a wait (W2).
struct TakenEvent {
  EventNumber number{};
  std::string id{};
  std::string key{};
  JsonText data{};
  TimePoint at{};  // when it arrived
  friend bool operator==(const TakenEvent&, const TakenEvent&) = default;
};

/// How a wait with a key ended, for every later call of that phase of the step: with an event, or
/// because its time was up.
struct EndedWait {
  Phase phase = Phase::execute;
  std::string key{};
  std::optional<TakenEvent> event{};
  friend bool operator==(const EndedWait&, const EndedWait&) = default;
};

}  // namespace stepd::engine
