#pragma once

#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

#include "host/engine/codec.hpp"

/// Writing and reading the bytes of a record or a message; for the codecs. Writer and Reader take
/// the same calls, so that one `fields` function per struct describes both ways and they cannot
/// disagree:
///
///   template <class A> void fields(A& archive, typename A::template Field<CallStarted> entry) {
///     archive(entry.step, entry.phase, …);
///   }
namespace stepd::engine::codec {

/// The newest versions, and the highest ones read. What an older version can hold is written in it,
/// so that an older stepd still reads it.
inline constexpr std::uint64_t entries_version = 3;
inline constexpr std::uint64_t definition_version = 3;

/// The last enumerator of each enum on record: whatever lies beyond was written by a newer stepd.
template <class Enum>
constexpr Enum last_of() = delete;
template <>
constexpr Phase last_of<Phase>() {
  return Phase::compensate;
}
template <>
constexpr Effect last_of<Effect>() {
  return Effect::done;
}
template <>
constexpr OutcomeKind last_of<OutcomeKind>() {
  return OutcomeKind::interrupted;
}
template <>
constexpr StepKind last_of<StepKind>() {
  return StepKind::saga;
}
template <>
constexpr Pin last_of<Pin>() {
  return Pin::latest;
}
template <>
constexpr StopCause last_of<StopCause>() {
  return StopCause::shutdown;
}
template <>
constexpr ParkReason last_of<ParkReason>() {
  return ParkReason::not_stored;
}
template <>
constexpr AbandonReason last_of<AbandonReason>() {
  return AbandonReason::turned_back;
}
template <>
constexpr SettledState last_of<SettledState>() {
  return SettledState::discarded;
}
template <>
constexpr ChildWait::Until last_of<ChildWait::Until>() {
  return ChildWait::Until::another_settled;
}
template <>
constexpr Cause::Kind last_of<Cause::Kind>() {
  return Cause::Kind::undo;
}

template <>
constexpr Origin::Kind last_of<Origin::Kind>() {
  return Origin::Kind::undo;
}

class Writer {
 public:
  template <class T>
  using Field = const T&;

  /// The first thing to write.
  void version(std::uint64_t number) {
    version_ = number;
    unsigned_number(number);
  }

  template <class... Ts>
  void operator()(const Ts&... values) {
    (put(values), ...);
  }

  /// Fields that a later version has added.
  template <class... Ts>
  void since(std::uint64_t version, const Ts&... values) {
    if (version_ >= version) (put(values), ...);
  }

  /// Several optional values behind one mask of those present.
  template <class... Ts>
  void optionals(const std::optional<Ts>&... values) {
    std::uint64_t mask = 0;
    unsigned bit = 0;
    ((mask |= std::uint64_t{values.has_value()} << bit++), ...);
    unsigned_number(mask);
    ((values ? put(*values) : void()), ...);
  }

  template <std::same_as<bool>... Bools>
  void flags(const Bools&... values) {
    std::uint64_t mask = 0;
    unsigned bit = 0;
    ((mask |= std::uint64_t{values} << bit++), ...);
    unsigned_number(mask);
  }

  /// Flags, and one more for whether there is a value, which follows.
  template <class T, std::same_as<bool>... Bools>
  void flags_and(const std::optional<T>& value, const Bools&... values) {
    flags(values..., value.has_value());
    if (value) put(*value);
  }

  [[nodiscard]] std::string take() { return std::move(bytes_); }

  void unsigned_number(std::uint64_t value) {
    while (value >= 0x80U) {
      bytes_.push_back(static_cast<char>((value & 0x7fU) | 0x80U));
      value >>= 7U;
    }
    bytes_.push_back(static_cast<char>(value));
  }

 private:
  void put(std::string_view text) {
    unsigned_number(text.size());
    bytes_.append(text);
  }
  void put(const std::string& text) { put(std::string_view(text)); }
  void put(const JsonText& text) { put(text.view()); }
  void put(ModuleHash hash) { eight_bytes(hash.value); }
  void put(JobId id) { signed_number(id.value); }
  void put(std::int32_t number) { signed_number(number); }
  void put(double value) { eight_bytes(std::bit_cast<std::uint64_t>(value)); }
  void put(Duration value) { signed_number(value.count()); }
  void put(TimePoint value) { signed_number(value.time_since_epoch().count()); }

  template <class T>
  void put(const std::vector<T>& values) {
    unsigned_number(values.size());
    for (const T& value : values) put(value);
  }
  template <class T>
  void put(const std::optional<T>& value) {
    optionals(value);
  }
  template <class... Ts>
  void put(const std::variant<Ts...>& value) {
    unsigned_number(value.index());
    std::visit([this](const auto& alternative) { put(alternative); }, value);
  }
  template <class T>
  requires std::is_enum_v<T> || std::unsigned_integral<T>
  void put(T value) { unsigned_number(static_cast<std::uint64_t>(value)); }
  template <class T>
  requires std::is_class_v<T>
  void put(const T& value) {
    if constexpr (!std::is_empty_v<T>) fields(*this, value);
  }

  void signed_number(std::int64_t value) {
    const auto bits = static_cast<std::uint64_t>(value);
    unsigned_number(value < 0 ? ~(bits << 1U) : bits << 1U);
  }
  void eight_bytes(std::uint64_t value) {
    for (unsigned shift = 0; shift < 64; shift += 8) {
      bytes_.push_back(static_cast<char>((value >> shift) & 0xffU));
    }
  }

  std::string bytes_;
  std::uint64_t version_ = 0;
};

/// Never reads past the end and allocates no more than the bytes left could fill, a little room to
/// begin with apart: whatever the bytes are, the worst that happens is UnreadableRecord.
class Reader {
 public:
  template <class T>
  using Field = T&;

  Reader(std::string_view what, std::string_view bytes) : what_(what), bytes_(bytes) {}

  template <class... Ts>
  void operator()(Ts&... values) {
    (take(values), ...);
  }

  /// Of an older record they stay as they are by default.
  template <class... Ts>
  void since(std::uint64_t version, Ts&... values) {
    if (version_ >= version) (take(values), ...);
  }

  template <class... Ts>
  void optionals(std::optional<Ts>&... values) {
    const std::uint64_t present = mask(sizeof...(Ts));
    unsigned bit = 0;
    (((present >> bit++) & 1U ? take(values.emplace()) : values.reset()), ...);
  }

  template <std::same_as<bool>... Bools>
  void flags(Bools&... values) {
    const std::uint64_t set = mask(sizeof...(Bools));
    unsigned bit = 0;
    ((values = ((set >> bit++) & 1U) != 0), ...);
  }

  template <class T, std::same_as<bool>... Bools>
  void flags_and(std::optional<T>& value, Bools&... values) {
    bool there = false;
    flags(values..., there);
    value.reset();
    if (there) take(value.emplace());
  }

  std::uint64_t version(std::uint64_t newest);  // the first thing to read
  void end();                                   // the last
  [[noreturn]] void refuse(std::string_view why) const;

 private:
  void take(std::string& text) { text.assign(slice()); }
  void take(JsonText& text) { text = JsonText(std::string(slice())); }
  void take(ModuleHash& hash) { hash.value = eight_bytes(); }
  void take(JobId& id) { id.value = signed_number(); }
  void take(std::int32_t& value);
  void take(double& value);
  void take(Duration& value) { value = Duration(signed_number()); }
  void take(TimePoint& value) { value = TimePoint(Duration(signed_number())); }

  template <class T>
  void take(std::vector<T>& values) {
    const std::uint64_t count = unsigned_number();
    if (count > left()) refuse("it counts more elements than bytes are left");
    values.clear();
    values.reserve(std::min<std::uint64_t>(count, reserved_max));
    for (std::uint64_t taken = 0; taken < count; ++taken) take(values.emplace_back());
  }
  template <class T>
  void take(std::optional<T>& value) {
    optionals(value);
  }
  template <class... Ts>
  void take(std::variant<Ts...>& value) {
    const std::uint64_t index = unsigned_number();
    if (index >= sizeof...(Ts)) refuse("it holds an alternative this stepd does not know");
    std::uint64_t candidate = 0;
    ((candidate++ == index ? take(value.template emplace<Ts>()) : void()), ...);
  }
  template <class T>
  requires std::is_enum_v<T>
  void take(T& value) {
    const std::uint64_t number = unsigned_number();
    if (number > static_cast<std::uint64_t>(last_of<T>())) {
      refuse("it holds an enumerator this stepd does not know");
    }
    value = static_cast<T>(number);
  }
  template <std::unsigned_integral T>
  void take(T& value) {
    const std::uint64_t number = unsigned_number();
    if (number > std::numeric_limits<T>::max()) refuse("a number is too large for its field");
    value = static_cast<T>(number);
  }
  template <class T>
  requires std::is_class_v<T>
  void take(T& value) {
    if constexpr (!std::is_empty_v<T>) fields(*this, value);
  }

  [[nodiscard]] std::size_t left() const { return bytes_.size() - place_; }
  [[nodiscard]] std::uint64_t mask(std::size_t bits);
  [[nodiscard]] std::uint64_t unsigned_number();
  [[nodiscard]] std::int64_t signed_number();
  [[nodiscard]] std::uint64_t eight_bytes();
  [[nodiscard]] std::string_view slice();

  static constexpr std::uint64_t reserved_max = 16;  // elements

  std::string_view what_;  // "definition": for messages
  std::string_view bytes_;
  std::size_t place_ = 0;
  std::uint64_t version_ = 0;
};

}  // namespace stepd::engine::codec
