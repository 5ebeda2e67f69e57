#include "host/engine/codec_bytes.hpp"

namespace stepd::engine::codec {

void Reader::refuse(std::string_view why) const {
  throw UnreadableRecord("a recorded " + std::string(what_) + " of " +
                         std::to_string(bytes_.size()) + " bytes cannot be read at byte " +
                         std::to_string(place_) + ": " + std::string(why) +
                         " (the record is damaged, or a newer stepd wrote it)");
}

std::uint64_t Reader::version(std::uint64_t newest) {
  const std::uint64_t version = unsigned_number();
  if (version == 0 || version > newest) {
    refuse("it is of format " + std::to_string(version) + ", and this stepd knows formats 1 to " +
           std::to_string(newest));
  }
  version_ = version;
  return version;
}

void Reader::end() {
  if (left() != 0) refuse("it goes on after its end");
}

std::uint64_t Reader::mask(std::size_t bits) {
  const std::uint64_t value = unsigned_number();
  if (value >> bits != 0) refuse("a mask has bits this stepd does not know");
  return value;
}

std::uint64_t Reader::unsigned_number() {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    if (left() == 0) refuse("it ends inside a number");
    const auto byte = static_cast<unsigned char>(bytes_[place_++]);
    const std::uint64_t digit = byte & 0x7fU;
    if (shift == 63 && digit > 1) refuse("a number is longer than 64 bits");
    value |= digit << shift;
    if (byte < 0x80U) {
      if (byte == 0 && shift != 0) refuse("a number is longer than it needs to be");
      return value;
    }
  }
  refuse("a number is longer than 64 bits");
}

std::int64_t Reader::signed_number() {
  const std::uint64_t bits = unsigned_number();
  return static_cast<std::int64_t>((bits & 1U) != 0 ? ~(bits >> 1U) : bits >> 1U);
}

std::uint64_t Reader::eight_bytes() {
  if (left() < 8) refuse("it ends inside a number");
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 8) {
    value |= std::uint64_t{static_cast<unsigned char>(bytes_[place_++])} << shift;
  }
  return value;
}

void Reader::take(std::int32_t& value) {
  const std::int64_t number = signed_number();
  if (!std::in_range<std::int32_t>(number)) refuse("a number is too large for its field");
  value = static_cast<std::int32_t>(number);
}

void Reader::take(double& value) {
  value = std::bit_cast<double>(eight_bytes());
  if (!std::isfinite(value)) refuse("a fraction is no number");
}

std::string_view Reader::slice() {
  const std::uint64_t length = unsigned_number();
  if (length > left()) refuse("a text is longer than what is left");
  const std::string_view text = bytes_.substr(place_, static_cast<std::size_t>(length));
  place_ += text.size();
  return text;
}

}  // namespace stepd::engine::codec
