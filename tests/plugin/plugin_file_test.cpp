#include "host/plugin/plugin_file.hpp"

#include <elf.h>
#include <stepd/plugin.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <random>

#include "tests/plugin/small_plugins.hpp"

using namespace stepd::plugin;
using Catch::Contains;

namespace {

std::string refusal_of(const std::filesystem::path& file) {
  const auto read = read_plugin_file(file);
  const auto* refusal = std::get_if<Refusal>(&read);
  return refusal == nullptr ? "" : refusal->sentence;
}

std::string refusal_of_bytes(std::string_view bytes) {
  const auto judged = judge("a.so", bytes);
  const auto* refusal = std::get_if<Refusal>(&judged);
  return refusal == nullptr ? "" : refusal->sentence;
}

/// A good plugin with its note rewritten.
template <class Change>
std::string with_note(Change change) {
  std::string bytes = bytes_of(small_plugin("good"));
  stepd_note note{};
  const std::uint32_t marks[] = {6, sizeof note.description, STEPD_NOTE_TYPE};
  const auto at = bytes.find(std::string_view(reinterpret_cast<const char*>(marks), sizeof marks));
  REQUIRE(at != std::string::npos);
  std::memcpy(&note, bytes.data() + at, sizeof note);
  change(note);
  std::memcpy(bytes.data() + at, &note, sizeof note);
  return bytes;
}

}  // namespace

TEST_CASE("a good plugin is known by its note before any of it runs") {
  const auto read = read_plugin_file(small_plugin("good"));

  const auto& file = std::get<PluginFile>(read);
  CHECK(file.note == PluginNote{0, "test.good", "1.2.0"});
  CHECK(file.bytes == bytes_of(small_plugin("good")));
}

TEST_CASE("a plugin that would crash is judged without crashing") {
  CHECK(std::holds_alternative<PluginFile>(read_plugin_file(small_plugin("crashing"))));
}

TEST_CASE("a text file called .so is refused by name with cause and cure") {
  const stepd::support::TemporaryFolder folder;
  const auto file = folder.path() / "notes.so";
  write_file(file, "# remember the milk\n");

  CHECK(refusal_of(file) == file.string() +
                                " is not an ELF shared library: it begins with text; build it "
                                "with stepd_add_plugin");
}

TEST_CASE("files that are no regular file or no shared library are refused by what they are") {
  const stepd::support::TemporaryFolder folder;
  const auto named = [&folder](const char* name) { return folder.path() / name; };
  write_file(named("empty.so"), "");
  write_file(named("zeros.so"), std::string(100, '\0'));
  write_file(named("archive.so"), "!<arch>\nwhatever");
  std::filesystem::create_directory(named("folder.so"));
  REQUIRE(::mkfifo(named("pipe.so").c_str(), 0600) == 0);
  std::filesystem::create_symlink("nowhere", named("dangling.so"));
  std::filesystem::create_symlink(small_plugin("good"), named("link.so"));

  CHECK(contains(refusal_of(named("empty.so")), "it is empty"));
  CHECK(contains(refusal_of(named("zeros.so")), "it begins with the bytes 00000000"));
  CHECK(contains(refusal_of(named("archive.so")), "is a static library"));
  CHECK(contains(refusal_of(named("folder.so")), "is a folder"));
  CHECK(contains(refusal_of(named("pipe.so")), "is not a regular file"));
  CHECK(contains(refusal_of(named("dangling.so")), "No such file or directory"));
  CHECK(contains(refusal_of(named("nothing.so")), "nothing.so cannot be read"));
  CHECK(refusal_of(named("link.so")).empty());
}

TEST_CASE("a plugin that others may write to is refused and so is one in such a folder") {
  const stepd::support::TemporaryFolder root;
  const auto folder = root.path() / "plugins";
  std::filesystem::create_directory(folder);
  const auto file = folder / "good.so";
  std::filesystem::copy_file(small_plugin("good"), file);
  using std::filesystem::perms;
  const auto refusal = [&file] {
    const auto read = read_plugin_file(file);
    const auto* refused = std::get_if<Refusal>(&read);
    return refused ? refused->sentence : std::string();
  };
  CHECK(refusal().empty());

  permissions(file, perms(0757));
  CHECK_THAT(refusal(), Contains("good.so may be written to by everybody; let nobody but root") &&
                            Contains("chmod go-w"));
  permissions(file, perms(0755));
  permissions(folder, perms(0757));
  CHECK_THAT(refusal(), Contains("lies in a folder that may be written to by everybody"));
  permissions(folder, perms(01777));
  CHECK(refusal().empty());
  permissions(folder, perms(0755));
  if (::geteuid() != 0) return;
  REQUIRE(::chown(file.c_str(), 4711, 0) == 0);
  CHECK_THAT(refusal(), Contains("belongs to user 4711, who is neither root nor user 0"));
  REQUIRE(::chown(file.c_str(), 0, 4711) == 0);
  permissions(file, perms(0775));
  CHECK_THAT(refusal(), Contains("may be written to by group 4711"));
}

TEST_CASE("ELF files of another kind are refused by their kind") {
  const auto with = [](auto change) {
    std::string bytes = bytes_of(small_plugin("good"));
    Elf64_Ehdr header{};
    std::memcpy(&header, bytes.data(), sizeof header);
    change(header);
    std::memcpy(bytes.data(), &header, sizeof header);
    return refusal_of_bytes(bytes);
  };

  CHECK(contains(with([](auto& header) { header.e_ident[EI_CLASS] = ELFCLASS32; }), "32-bit"));
  CHECK(contains(with([](auto& header) { header.e_machine = EM_S390; }),
                 "another processor: its ELF machine is 22"));
  CHECK(contains(with([](auto& header) { header.e_ident[EI_DATA] = ELFDATA2MSB; }),
                 "another processor: its numbers do not begin with their lowest byte"));
  CHECK(contains(with([](auto& header) { header.e_type = ET_REL; }), "an object file"));
  CHECK(contains(with([](auto& header) { header.e_type = ET_EXEC; }), "a program"));
  CHECK(contains(with([](auto& header) { header.e_type = ET_CORE; }), "ELF type is 4"));
  CHECK(contains(with([](auto& header) { header.e_phnum = 0; }), "no program headers"));
}

TEST_CASE("a plugin cut off at any length is refused without being loaded") {
  const std::string whole = bytes_of(small_plugin("good"));
  REQUIRE(refusal_of_bytes(whole).empty());

  for (std::size_t length = 0; length < whole.size(); ++length) {
    if (refusal_of_bytes(std::string_view(whole).substr(0, length)).empty()) {
      FAIL("taken for a plugin at " << length << " of " << whole.size() << " bytes");
    }
  }
  const std::string half = refusal_of_bytes(std::string_view(whole).substr(0, whole.size() / 2));
  CHECK(contains(half, "is cut short: its ELF headers speak of " + std::to_string(whole.size()) +
                           " bytes and the file has " + std::to_string(whole.size() / 2)));
  CHECK(contains(half, "copy it again"));
}

TEST_CASE("damaged headers never lead the judge beyond the file") {
  const std::string whole = bytes_of(small_plugin("good"));
  std::mt19937 chance(20'231);  // NOLINT: the same damage each time
  Elf64_Ehdr header{};
  std::memcpy(&header, whole.data(), sizeof header);
  const std::size_t headers = header.e_phoff + header.e_phnum * sizeof(Elf64_Phdr);

  std::size_t refused = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string damaged = whole;
    for (int byte = 0; byte < 3; ++byte) {
      const bool in_sections = chance() % 2 == 0;
      const std::size_t at = in_sections
                                 ? header.e_shoff + chance() % (whole.size() - header.e_shoff)
                                 : 4 + chance() % (headers - 4);
      damaged[at] = static_cast<char>(chance());
    }
    refused += refusal_of_bytes(damaged).empty() ? 0 : 1;
  }

  CHECK(refused > 1000);
}

TEST_CASE("a library without a stepd note is refused though it has the entry symbol") {
  const std::string sentence = refusal_of(small_plugin("no_note"));

  CHECK(contains(sentence, "no_note.so carries no stepd note"));
  CHECK(contains(sentence, "STEPD_PLUGIN"));
}

TEST_CASE("a plugin for another ABI is refused with both versions and the cure") {
  CHECK(contains(refusal_of(small_plugin("newer_abi")),
                 "needs the stepd plugin ABI 1.7 and this stepd offers 1.0; run a newer stepd"));
  CHECK(contains(
      refusal_of_bytes(with_note([](stepd_note& note) { note.description.abi_major = 2; })),
      "needs the stepd plugin ABI 2.0 and this stepd offers 1.0"));
  CHECK(contains(
      refusal_of_bytes(with_note([](stepd_note& note) { note.description.abi_major = 0; })),
      "build it with a current SDK"));
}

TEST_CASE("a note with an unusable id or version is refused") {
  const auto with_id = [](std::string_view id) {
    return refusal_of_bytes(with_note([id](stepd_note& note) {
      std::memset(note.description.id, 0, sizeof note.description.id);
      std::memcpy(note.description.id, id.data(), id.size());
    }));
  };

  CHECK(contains(with_id(""), "without a usable plugin id"));
  CHECK(contains(with_id("../escape"), "without a usable plugin id"));
  CHECK(contains(with_id(std::string(64, 'x')), "without a usable plugin id"));
  CHECK(with_id(std::string(63, 'x')).empty());
  CHECK(contains(
      refusal_of_bytes(with_note([](stepd_note& note) { note.description.version[0] = '\n'; })),
      "without a usable version"));
}

TEST_CASE("hidden and unfinished names ask for nothing") {
  const stepd::support::TemporaryFolder folder;
  for (const char* name : {"b.so", "a.so", ".hidden.so", "c.so.tmp", "c.so.1", "so", "readme"}) {
    write_file(folder.path() / name, "x");
  }

  const auto files = plugin_files(folder.path());

  CHECK(files == std::vector{folder.path() / "a.so", folder.path() / "b.so"});
}

TEST_CASE("a file whose headers name the same notes over and over is refused") {
  std::string bytes = bytes_of(small_plugin("good"));
  Elf64_Ehdr header{};
  std::memcpy(&header, bytes.data(), sizeof header);
  const Elf64_Phdr notes{.p_type = PT_NOTE,
                         .p_flags = PF_R,
                         .p_offset = 0,
                         .p_vaddr = 0,
                         .p_paddr = 0,
                         .p_filesz = bytes.size(),
                         .p_memsz = bytes.size(),
                         .p_align = 4};
  header.e_phoff = bytes.size();
  header.e_phnum = 60'000;
  std::memcpy(bytes.data(), &header, sizeof header);
  for (int index = 0; index < header.e_phnum; ++index) {
    bytes.append(reinterpret_cast<const char*>(&notes), sizeof notes);
  }

  CHECK(contains(refusal_of_bytes(bytes), "has more than 1048576 bytes of ELF notes"));
}
