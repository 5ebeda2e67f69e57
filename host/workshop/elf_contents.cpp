#include "host/workshop/elf_contents.hpp"

#include <elf.h>

#include <cstring>

namespace stepd::workshop {
namespace {

/// A table of the file, which may say anything: whatever lies outside is empty.
class Reader final {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  template <class Record>
  [[nodiscard]] Record at(std::uint64_t offset) const {
    Record record{};
    if (offset <= bytes_.size() && bytes_.size() - offset >= sizeof record) {
      std::memcpy(&record, bytes_.data() + offset, sizeof record);
    }
    return record;
  }
  [[nodiscard]] std::string text_at(std::uint64_t offset) const {
    if (offset >= bytes_.size()) return {};
    const std::string_view rest = bytes_.substr(offset);
    return std::string(rest.substr(0, rest.find('\0')));
  }
  [[nodiscard]] std::vector<Elf64_Shdr> sections() const {
    const auto header = at<Elf64_Ehdr>(0);
    std::vector<Elf64_Shdr> sections;
    for (std::uint64_t index = 0; header.e_shoff != 0 && index < header.e_shnum; ++index) {
      sections.push_back(at<Elf64_Shdr>(header.e_shoff + index * sizeof(Elf64_Shdr)));
    }
    return sections;
  }
  /// How many records of this size lie in the section, and within the file.
  [[nodiscard]] std::uint64_t count_in(const Elf64_Shdr& section, std::size_t size) const {
    return std::min<std::uint64_t>(section.sh_size, bytes_.size()) / size;
  }

 private:
  std::string_view bytes_;
};

void read_symbols(const Reader& file, const Elf64_Shdr& symbols, const Elf64_Shdr& names,
                  ElfContents& contents) {
  for (std::uint64_t index = 1; index < file.count_in(symbols, sizeof(Elf64_Sym)); ++index) {
    const auto symbol = file.at<Elf64_Sym>(symbols.sh_offset + index * sizeof(Elf64_Sym));
    const auto binding = ELF64_ST_BIND(symbol.st_info);
    const auto visibility = ELF64_ST_VISIBILITY(symbol.st_other);
    std::string name = file.text_at(names.sh_offset + symbol.st_name);
    if (symbol.st_shndx == SHN_UNDEF) {
      contents.wanted.push_back(std::move(name));
    } else if (binding != STB_LOCAL && visibility != STV_HIDDEN && visibility != STV_INTERNAL) {
      if (binding == STB_GNU_UNIQUE) contents.unique.push_back(name);
      contents.exported.push_back(std::move(name));
    }
  }
}

void read_libraries(const Reader& file, const Elf64_Shdr& dynamic, const Elf64_Shdr& names,
                    ElfContents& contents) {
  for (std::uint64_t index = 0; index < file.count_in(dynamic, sizeof(Elf64_Dyn)); ++index) {
    const auto entry = file.at<Elf64_Dyn>(dynamic.sh_offset + index * sizeof(Elf64_Dyn));
    if (entry.d_tag != DT_NEEDED) continue;
    contents.libraries.push_back(file.text_at(names.sh_offset + entry.d_un.d_val));
  }
}

void read_versions(const Reader& file, const Elf64_Shdr& needs, const Elf64_Shdr& names,
                   ElfContents& contents) {
  constexpr std::size_t versions_max = 10'000;
  std::uint64_t at = needs.sh_offset;
  for (std::uint64_t library = 0; library < needs.sh_info; ++library) {
    const auto need = file.at<Elf64_Verneed>(at);
    std::uint64_t version_at = at + need.vn_aux;
    for (std::uint64_t index = 0; index < need.vn_cnt; ++index) {
      const auto version = file.at<Elf64_Vernaux>(version_at);
      contents.versions_needed.push_back(file.text_at(names.sh_offset + version.vna_name));
      version_at += version.vna_next;
      if (version.vna_next == 0 || contents.versions_needed.size() > versions_max) break;
    }
    if (need.vn_next == 0 || contents.versions_needed.size() > versions_max) return;
    at += need.vn_next;
  }
}

}  // namespace

std::optional<ElfContents> read_contents(std::string_view bytes) {
  const Reader file(bytes);
  const auto sections = file.sections();
  ElfContents contents;
  bool has_symbols = false;
  for (const Elf64_Shdr& section : sections) {
    if (section.sh_link >= sections.size()) continue;
    const Elf64_Shdr& names = sections[section.sh_link];
    if (section.sh_type == SHT_DYNSYM) {
      read_symbols(file, section, names, contents);
      has_symbols = true;
    }
    if (section.sh_type == SHT_DYNAMIC) read_libraries(file, section, names, contents);
    if (section.sh_type == SHT_GNU_verneed) read_versions(file, section, names, contents);
  }
  if (!has_symbols) return std::nullopt;
  return contents;
}

}  // namespace stepd::workshop
