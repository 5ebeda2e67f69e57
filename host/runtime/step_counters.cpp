#include "host/runtime/step_counters.hpp"

#include <algorithm>
#include <bit>

namespace stepd::runtime {

namespace {

/// Of 0 to 3 each has a class of its own; from there on there are four for each doubling.
constexpr unsigned exact_bits = 2;
constexpr std::uint64_t exact = std::uint64_t{1} << exact_bits;

/// The first number above the class.
std::uint64_t end_of_class(std::size_t index) {
  if (index < exact) return index + 1;
  const auto doublings = static_cast<unsigned>(index / exact - 1);
  const std::uint64_t quarter = index % exact;
  return (exact + quarter + 1) << doublings;
}

}  // namespace

std::size_t SpanHistogram::class_of(engine::Duration span) {
  const auto value = static_cast<std::uint64_t>(std::max<engine::Duration::rep>(span.count(), 0));
  if (value < exact) return static_cast<std::size_t>(value);
  const auto doublings = static_cast<unsigned>(std::bit_width(value)) - exact_bits - 1;
  const std::uint64_t quarter = (value >> doublings) - exact;
  return std::min<std::size_t>((doublings + 1) * exact + quarter, classes_max - 1);
}

std::vector<SpanHistogram::Class> SpanHistogram::classes() const {
  std::vector<Class> found;
  for (std::size_t index = 0; index < counts_.size(); ++index) {
    if (counts_[index] != 0) found.push_back({end_of_class(index), counts_[index]});
  }
  return found;
}

void StepCounters::Place::begin() {
  const std::scoped_lock lock(mutex_);
  ++count_.begun;
}

void StepCounters::Place::end(engine::OutcomeKind kind, const engine::Usage& used) {
  const std::scoped_lock lock(mutex_);
  ++count_.ended[static_cast<std::size_t>(kind)];
  if (used.ran) count_.ran.add(*used.ran);
  if (used.waited) count_.waited.add(*used.waited);
  if (used.cpu) count_.cpu += *used.cpu;
  if (!used.cpu) ++count_.cpu_unknown;
  count_.memory_kib = std::max(count_.memory_kib, used.memory_kib.value_or(0));
}

StepCount StepCounters::Place::count() const {
  const std::scoped_lock lock(mutex_);
  return count_;
}

StepCounters::Place& StepCounters::of(std::string_view type) {
  const std::scoped_lock lock(mutex_);
  auto found = places_.find(type);
  if (found == places_.end() && places_.size() >= types_max) {
    type = {};
    found = places_.find(type);
  }
  if (found == places_.end()) {
    found = places_.emplace(std::string(type), std::make_unique<Place>()).first;
  }
  return *found->second;
}

std::vector<StepCounters::Line> StepCounters::lines() const {
  const std::scoped_lock lock(mutex_);
  std::vector<Line> all;
  all.reserve(places_.size());
  for (const auto& [type, place] : places_) all.push_back({type, place->count()});
  return all;
}

void StepCounter::begin(std::string_view type) {
  if (place_ == nullptr || type_ != type) {
    place_ = &counters_.of(type);
    type_ = type;
  }
  place_->begin();
}

}  // namespace stepd::runtime
