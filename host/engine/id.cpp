#include "host/engine/id.hpp"

#include <algorithm>
#include <array>

#include "host/engine/engine.hpp"
#include "host/engine/names.hpp"

namespace stepd::engine {
namespace {

constexpr int ordinal_bits = 21;
constexpr std::int64_t milliseconds_max = (std::int64_t{1} << 42) - 1;

/// The 16 bytes of the text, as two halves.
struct Bits {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  friend bool operator==(const Bits&, const Bits&) = default;
};

/// Spreads every bit over all others; the finaliser of MurmurHash3.
std::uint64_t mixed(std::uint64_t bits) {
  bits = (bits ^ (bits >> 33U)) * 0xff51afd7ed558ccdULL;
  bits = (bits ^ (bits >> 33U)) * 0xc4ceb9fe1a85ec53ULL;
  return bits ^ (bits >> 33U);
}

/// RFC 9562, 5.7: 48 bits of milliseconds, version 7, 12 bits, variant 2, 62 bits. The ordinal
/// takes the 12 bits and the next 9, so that texts sort like the ids; 53 check bits are left.
Bits bits_of(JobId id) {
  const auto value = static_cast<std::uint64_t>(id.value);
  const std::uint64_t milliseconds = value >> ordinal_bits;
  const std::uint64_t ordinal = value & ((1U << ordinal_bits) - 1);
  return {.high = (milliseconds << 16U) | 0x7000U | (ordinal >> 9U),
          .low = (std::uint64_t{2} << 62U) | ((ordinal & 0x1ffU) << 53U) | (mixed(value) >> 11U)};
}

JobId id_of(Bits bits) {
  const std::uint64_t ordinal = ((bits.high & 0xfffU) << 9U) | ((bits.low >> 53U) & 0x1ffU);
  const std::uint64_t milliseconds =
      (bits.high >> 16U) & static_cast<std::uint64_t>(milliseconds_max);
  return {static_cast<std::int64_t>((milliseconds << ordinal_bits) | ordinal)};
}

constexpr std::size_t text_length = 36;
constexpr bool is_dash(std::size_t place) {
  return place == 8 || place == 13 || place == 18 || place == 23;
}

std::optional<std::uint64_t> digit_of(char letter) {
  if (letter >= '0' && letter <= '9') return static_cast<std::uint64_t>(letter - '0');
  if (letter >= 'a' && letter <= 'f') return static_cast<std::uint64_t>(letter - 'a' + 10);
  if (letter >= 'A' && letter <= 'F') return static_cast<std::uint64_t>(letter - 'A' + 10);
  return std::nullopt;
}

void append_text(std::string& text, JobId id) {
  constexpr std::string_view digits = "0123456789abcdef";
  const Bits bits = bits_of(id);
  const std::size_t before = text.size();
  text.append(text_length, '-');
  char* const digit_at = text.data() + before;
  std::size_t place = 0;
  for (std::uint64_t half : {bits.high, bits.low}) {
    for (int digit = 0; digit < 16; ++digit, half <<= 4U) {
      if (is_dash(place)) ++place;
      digit_at[place++] = digits[half >> 60U];
    }
  }
}

}  // namespace

std::string to_text(JobId id) {
  std::string text;
  append_text(text, id);
  return text;
}

std::optional<JobId> parse_job_id(std::string_view text) {
  if (text.size() != text_length) return std::nullopt;
  Bits bits;
  int digit = 0;
  for (std::size_t place = 0; place < text_length; ++place) {
    if (is_dash(place)) {
      if (text[place] != '-') return std::nullopt;
      continue;
    }
    const auto value = digit_of(text[place]);
    if (!value) return std::nullopt;
    std::uint64_t& half = digit < 16 ? bits.high : bits.low;
    half = (half << 4U) | *value;
    ++digit;
  }
  const JobId id = id_of(bits);
  if (bits_of(id) != bits) return std::nullopt;
  return id;
}

TimePoint created_at(JobId id) {
  return TimePoint(std::chrono::milliseconds(id.value >> ordinal_bits));
}

JobId JobIdSource::next(TimePoint now) {
  const std::int64_t since_1970 =
      std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count();
  const std::int64_t milliseconds = std::clamp<std::int64_t>(since_1970, 0, milliseconds_max);
  last_ = JobId{std::max(milliseconds << ordinal_bits, last_.value + 1)};
  return last_;
}

std::string idempotency_key(JobId job, std::string_view step, Phase phase) {
  const std::string_view phase_name = name_of(phase);
  std::string key;
  key.reserve(text_length + step.size() + phase_name.size() + 2);
  append_text(key, job);
  key += '/';
  key += step;
  key += '/';
  key += phase_name;
  return key;
}

}  // namespace stepd::engine
