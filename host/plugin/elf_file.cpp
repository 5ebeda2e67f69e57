#include "host/plugin/elf_file.hpp"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <optional>

#include "host/plugin/hexadecimal.hpp"

namespace stepd::plugin {
namespace {

#if defined(__x86_64__)
constexpr Elf64_Half machine_here = EM_X86_64;
#elif defined(__aarch64__)
constexpr Elf64_Half machine_here = EM_AARCH64;
#else
#error "name this processor's ELF machine"
#endif

using Offset = std::uint64_t;

/// Of all note segments: thousands of headers may name the same bytes, and all would be kept.
constexpr Offset note_bytes_max = Offset{1} << 20U;

Offset sum(Offset left, Offset right) {
  const Offset most = std::numeric_limits<Offset>::max();
  return left > most - right ? most : left + right;
}

template <typename Header>
std::optional<Header> header_at(std::string_view bytes, Offset offset) {
  if (offset > bytes.size() || bytes.size() - offset < sizeof(Header)) return std::nullopt;
  Header header;
  std::memcpy(&header, bytes.data() + offset, sizeof(Header));
  return header;
}

bool is_text(std::string_view bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](char byte) {
    const auto value = static_cast<unsigned char>(byte);
    return value >= 0x20 || value == '\n' || value == '\r' || value == '\t';
  });
}

std::string not_elf(std::string_view bytes) {
  if (bytes.starts_with("!<arch>\n")) return "is a static library, not a shared one";
  std::string fact = "is not an ELF shared library: ";
  if (bytes.empty()) return fact + "it is empty";
  if (is_text(bytes.substr(0, 64))) return fact + "it begins with text";
  return fact + "it begins with the bytes " + hexadecimal(bytes.substr(0, 4));
}

std::string cut_short(std::string_view bytes, Offset end) {
  return "is cut short: its ELF headers speak of " + std::to_string(end) +
         " bytes and the file has " + std::to_string(bytes.size());
}

std::optional<std::string> wrong_kind(const Elf64_Ehdr& header) {
  if (header.e_ident[EI_CLASS] != ELFCLASS64) return "is a 32-bit ELF file and stepd is 64-bit";
  if (header.e_ident[EI_DATA] != ELFDATA2LSB) {
    return "is built for another processor: its numbers do not begin with their lowest byte";
  }
  if (header.e_machine != machine_here) {
    return "is built for another processor: its ELF machine is " +
           std::to_string(header.e_machine) + " and this one's is " + std::to_string(machine_here);
  }
  if (header.e_type == ET_REL) return "is an object file, not a shared library";
  if (header.e_type == ET_EXEC) return "is a program, not a shared library";
  if (header.e_type != ET_DYN) {
    return "is no shared library: its ELF type is " + std::to_string(header.e_type);
  }
  if (header.e_phnum == 0 || header.e_phentsize != sizeof(Elf64_Phdr)) {
    return "has no program headers that could be loaded";
  }
  return std::nullopt;
}

/// Section headers are counted in the first of them when they are too many for the ELF header.
Offset section_count(std::string_view bytes, const Elf64_Ehdr& header) {
  if (header.e_shoff == 0 || header.e_shnum != 0) return header.e_shnum;
  const auto first = header_at<Elf64_Shdr>(bytes, header.e_shoff);
  return first ? first->sh_size : 0;
}

/// How long the file must be at least for its headers to be true.
Offset end_by_headers(std::string_view bytes, const Elf64_Ehdr& header) {
  Offset end = sum(header.e_phoff, Offset{header.e_phnum} * sizeof(Elf64_Phdr));
  for (Offset index = 0; index < header.e_phnum; ++index) {
    const auto segment =
        header_at<Elf64_Phdr>(bytes, sum(header.e_phoff, index * sizeof(Elf64_Phdr)));
    if (!segment) return end;
    end = std::max(end, sum(segment->p_offset, segment->p_filesz));
  }
  if (header.e_shoff == 0) return end;
  const Offset sections = section_count(bytes, header);
  constexpr Offset sections_max = std::numeric_limits<Offset>::max() / sizeof(Elf64_Shdr);
  end = std::max(end, sum(header.e_shoff, std::min(std::max<Offset>(sections, 1), sections_max) *
                                              sizeof(Elf64_Shdr)));
  for (Offset index = 0; index < sections; ++index) {
    const auto section =
        header_at<Elf64_Shdr>(bytes, sum(header.e_shoff, index * sizeof(Elf64_Shdr)));
    if (!section) return end;
    if (section->sh_type == SHT_NOBITS || section->sh_type == SHT_NULL) continue;
    end = std::max(end, sum(section->sh_offset, section->sh_size));
  }
  return end;
}

Offset padded(Offset size, Offset alignment) { return (size + alignment - 1) & ~(alignment - 1); }

/// The notes of one segment; a malformed note ends the list.
std::vector<ElfNote> notes_in(std::string_view segment, Offset alignment) {
  std::vector<ElfNote> notes;
  while (const auto header = header_at<Elf64_Nhdr>(segment, 0)) {
    const Offset name_at = sizeof(Elf64_Nhdr);
    const Offset description_at = padded(name_at + header->n_namesz, alignment);
    const Offset end = description_at + header->n_descsz;
    if (end > segment.size()) break;
    std::string_view name = segment.substr(name_at, header->n_namesz);
    if (name.ends_with('\0')) name.remove_suffix(1);
    notes.push_back({name, header->n_type, segment.substr(description_at, header->n_descsz)});
    segment.remove_prefix(std::min<Offset>(padded(end, alignment), segment.size()));
  }
  return notes;
}

std::string too_many_notes() {
  return "has more than " + std::to_string(note_bytes_max) + " bytes of ELF notes";
}

}  // namespace

std::variant<SharedLibrary, NotLoadable> read_shared_library(std::string_view bytes) {
  if (!bytes.starts_with(std::string_view(ELFMAG, SELFMAG))) return NotLoadable{not_elf(bytes)};
  const auto header = header_at<Elf64_Ehdr>(bytes, 0);
  if (!header) return NotLoadable{cut_short(bytes, sizeof(Elf64_Ehdr))};
  if (auto fact = wrong_kind(*header)) return NotLoadable{std::move(*fact)};
  const Offset end = end_by_headers(bytes, *header);
  if (end > bytes.size()) return NotLoadable{cut_short(bytes, end)};

  SharedLibrary library;
  bool loads = false;
  Offset note_bytes = 0;
  for (Offset index = 0; index < header->e_phnum; ++index) {
    const auto segment = header_at<Elf64_Phdr>(bytes, header->e_phoff + index * sizeof(Elf64_Phdr));
    loads = loads || segment->p_type == PT_LOAD;
    if (segment->p_type != PT_NOTE) continue;
    note_bytes += segment->p_filesz;
    if (note_bytes > note_bytes_max) return NotLoadable{too_many_notes()};
    const auto found =
        notes_in(bytes.substr(segment->p_offset, segment->p_filesz), segment->p_align == 8 ? 8 : 4);
    library.notes.insert(library.notes.end(), found.begin(), found.end());
  }
  if (!loads) return NotLoadable{"has no program segment to load"};
  return library;
}

}  // namespace stepd::plugin
