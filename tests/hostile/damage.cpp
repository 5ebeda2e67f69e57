#include "tests/hostile/damage.hpp"

#include <elf.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <vector>

namespace stepd::tests {
namespace {

struct Range {
  std::size_t begin = 0;
  std::size_t end = 0;
};

template <typename Header>
Header header_at(std::string_view bytes, std::size_t at) {
  Header header;
  std::memcpy(&header, bytes.data() + at, sizeof header);
  return header;
}

/// The segments of a kind, as they lie in the file.
std::vector<Range> segments(std::string_view whole, std::uint32_t kind) {
  const auto elf = header_at<Elf64_Ehdr>(whole, 0);
  std::vector<Range> found;
  for (std::size_t index = 0; index < elf.e_phnum; ++index) {
    const auto segment = header_at<Elf64_Phdr>(whole, elf.e_phoff + index * sizeof(Elf64_Phdr));
    if (segment.p_type == kind) {
      found.push_back({segment.p_offset, segment.p_offset + segment.p_filesz});
    }
  }
  return found;
}

Range place_of(std::string_view whole, Damage kind, Chance& chance) {
  const auto elf = header_at<Elf64_Ehdr>(whole, 0);
  const auto one_of = [&](const std::vector<Range>& all) { return all[chance.below(all.size())]; };
  switch (kind) {
    case Damage::elf_header:
      return {0, sizeof(Elf64_Ehdr)};
    case Damage::program_headers:
      return {elf.e_phoff, elf.e_phoff + elf.e_phnum * sizeof(Elf64_Phdr)};
    case Damage::sections:
      return {elf.e_shoff, elf.e_shoff + elf.e_shnum * sizeof(Elf64_Shdr)};
    case Damage::note:
      return one_of(segments(whole, PT_NOTE));
    case Damage::dynamic:
      return one_of(segments(whole, PT_DYNAMIC));
    case Damage::cut:
    case Damage::anywhere:
      break;
  }
  return {0, whole.size()};
}

/// What breaks sums and comparisons, and what chance says.
std::uint64_t nasty(std::size_t size, Chance& chance) {
  const std::array<std::uint64_t, 12> known{0,        1,           size - 1,    size,
                                            size + 1, 0xfff,       0x10000,     1U << 31,
                                            ~0U,      1ULL << 47U, 1ULL << 63U, ~std::uint64_t{0}};
  const auto choice = chance.below(known.size() + 4);
  return choice < known.size() ? known[choice] : chance.number();
}

}  // namespace

std::string damaged(std::string_view whole, Damage kind, Chance& chance) {
  if (kind == Damage::cut) return std::string(whole.substr(0, chance.below(whole.size())));
  std::string bytes(whole);
  for (auto times = 1 + chance.below(3); times > 0; --times) {
    const Range place = place_of(whole, kind, chance);
    const std::size_t at = place.begin + chance.below(place.end - place.begin);
    switch (chance.below(3)) {
      case 0:
        bytes[at] =
            static_cast<char>(static_cast<unsigned char>(bytes[at]) ^ (1U << chance.below(8)));
        break;
      case 1:
        bytes[at] = static_cast<char>(chance.bits());
        break;
      default: {
        // A whole field: those of ELF lie on multiples of their width.
        const std::uint64_t value = nasty(whole.size(), chance);
        const std::size_t width = chance.coin() ? 8 : 4;
        const std::size_t field = std::max(place.begin, at / width * width);
        std::memcpy(bytes.data() + field, &value, std::min(width, bytes.size() - field));
      }
    }
  }
  return bytes;
}

}  // namespace stepd::tests
