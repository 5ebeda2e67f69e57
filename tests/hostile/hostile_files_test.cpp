#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iostream>

#include "host/plugin/file_descriptor.hpp"
#include "tests/hostile/damage.hpp"
#include "tests/hostile/hostile_folder.hpp"

using namespace stepd;
using namespace stepd::tests;
using std::filesystem::perms;

namespace {

std::uint64_t number_from(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

/// Of plugins in C and in C++. One file again: STEPD_SEED=… STEPD_FILE=….
void judge_many(HostileFolder& folder, Damage kind, std::uint64_t count) {
  const std::array wholes{plugin_bytes("good"), plugin_bytes("calls"), plugin_bytes("throwing")};
  const std::uint64_t seed = number_from("STEPD_SEED", 1);
  const std::uint64_t only = number_from("STEPD_FILE", count);
  for (std::uint64_t number = 0; number < count; ++number) {
    if (only != count && number != only) continue;
    Chance chance(seed * 1'000'003 + static_cast<std::uint64_t>(kind) * 100'003 + number);
    CAPTURE(seed, number);
    const auto& whole = wholes.at(chance.below(wholes.size()));
    folder.judge_bytes(number, damaged(whole, kind, chance));
  }
  const auto& so_far = folder.count();
  std::cout << "seed " << seed << ": " << so_far.judged << " judged, " << so_far.tried
            << " tried in a process, " << so_far.loaded << " loaded, " << so_far.succeeded
            << " calls succeeded\n";
}

/// The host is as it was: what is good is loaded and works.
void demand_that_good_is_good(HostileFolder& folder) {
  const auto before = folder.count();
  folder.judge_bytes(0, plugin_bytes("good"));
  CHECK(folder.count().loaded == before.loaded + 1);
  CHECK(folder.count().succeeded == before.succeeded + 1);
}

void make_socket(const std::filesystem::path& file) {
  const plugin::FileDescriptor made(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  REQUIRE(file.string().copy(address.sun_path, sizeof address.sun_path - 1) ==
          file.string().size());
  REQUIRE(::bind(made.number(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
}

void write(const std::filesystem::path& file, const std::string& bytes) {
  std::ofstream(file, std::ios::binary) << bytes;
}

std::string with_byte(std::string bytes, std::size_t at, char value) {
  bytes.at(at) = value;
  return bytes;
}

using Make = std::function<void(const std::filesystem::path&)>;

/// What is no plugin and never was one.
std::vector<Make> no_plugins() {
  const std::string good = plugin_bytes("good");
  std::vector<Make> all{
      [](const auto& file) { REQUIRE(::mkfifo(file.c_str(), 0600) == 0); },
      [](const auto& file) { std::filesystem::create_directory(file); },
      [](const auto& file) { std::filesystem::create_symlink("nowhere", file); },
      [](const auto& file) { std::filesystem::create_symlink(file.filename(), file); },
      [](const auto& file) { std::filesystem::create_symlink("/", file); },
      [](const auto& file) { std::filesystem::create_symlink("/dev/zero", file); },
      [](const auto& file) { std::filesystem::create_symlink("/proc/self/mem", file); },
      [](const auto& file) { std::filesystem::create_symlink("/proc/self/exe", file); },
      [](const auto& file) { make_socket(file); },
      [](const auto& file) { write(file, ""); },
      [](const auto& file) { write(file, "#!/bin/sh\n"); },
      [](const auto& file) { write(file, std::string(1 << 20, '\0')); },
      [](const auto& file) {
        write(file,
              "\x7f"
              "ELF");
      },
      [good](const auto& file) {
        write(file, good);
        std::filesystem::resize_file(file, 10'000'000'000);
      },
      [good](const auto& file) {
        write(file, good);
        permissions(file, perms(0777));
      },
      [good](const auto& file) { write(file, with_byte(good, 4, 1)); },    // 32 bits
      [good](const auto& file) { write(file, with_byte(good, 5, 2)); },    // the other byte order
      [good](const auto& file) { write(file, with_byte(good, 18, 22)); },  // S/390
      [good](const auto& file) { write(file, with_byte(good, 16, 1)); },   // an object file
      [good](const auto& file) { write(file, with_byte(good, 16, 2)); },   // a program
      [](const auto& file) { write(file, plugin_bytes("no_note")); },
      [](const auto& file) { write(file, plugin_bytes("newer_abi")); },
  };
  if (::geteuid() != 0) {  // root reads everything
    all.emplace_back([good](const auto& file) {
      write(file, good);
      permissions(file, perms(0000));
    });
  }
  return all;
}

}  // namespace

TEST_CASE("plugins that were cut short are refused and none is tried") {
  HostileFolder folder;
  judge_many(folder, Damage::cut, 2400);
  CHECK(folder.count().tried == 0);
  demand_that_good_is_good(folder);
  folder.demand_nothing_left();
}

TEST_CASE("plugins with a damaged ELF header harm nobody") {
  HostileFolder folder;
  judge_many(folder, Damage::elf_header, 500);
  demand_that_good_is_good(folder);
  folder.demand_nothing_left();
}

TEST_CASE("plugins with damaged program headers harm nobody") {
  HostileFolder folder;
  judge_many(folder, Damage::program_headers, 600);
  demand_that_good_is_good(folder);
  folder.demand_nothing_left();
}

TEST_CASE("plugins with damaged sections and notes and dynamic segments harm nobody") {
  HostileFolder folder;
  judge_many(folder, Damage::sections, 100);
  judge_many(folder, Damage::note, 400);
  judge_many(folder, Damage::dynamic, 200);
  demand_that_good_is_good(folder);
  folder.demand_nothing_left();
}

TEST_CASE("plugins with damage anywhere harm only their own process") {
  HostileFolder folder;
  judge_many(folder, Damage::anywhere, 250);
  if (folder.count().judged > 1) {
    CHECK(folder.count().tried > 30);
    CHECK(folder.count().loaded > 0);
  }
  demand_that_good_is_good(folder);
  folder.demand_nothing_left();
}

TEST_CASE("what is no plugin at all is refused by itself and in company") {
  HostileFolder folder;
  const auto makers = no_plugins();
  std::vector<std::filesystem::path> files;
  for (std::size_t number = 0; number < 500; ++number) {
    files.push_back(folder.file("no-" + std::to_string(number) + ".so"));
    makers.at(number % makers.size())(files.back());
    folder.judge(files.back());
  }
  CHECK(folder.count().tried == 0);

  {
    plugin::PluginRegistry registry(folder.settings());
    const auto good = folder.file("z-good.so");
    write(good, plugin_bytes("good"));
    files.push_back(good);
    CHECK(registry.load(files).lines.size() == files.size());
    std::size_t refused = 0;
    for (const auto& line : registry.lines()) {
      if (line.refused.empty()) continue;
      demand_refusal(line);
      ++refused;
    }
    CHECK(refused == 500);
    REQUIRE(registry.find("good.echo") != nullptr);

    // Every refusal clears by itself when the file is another one, or gone.
    for (const auto& file : files) {
      if (file != good) std::filesystem::remove_all(file);
    }
    CHECK(registry.load(files).lines.empty());
    CHECK(registry.lines().size() == 1);
  }
  demand_that_good_is_good(folder);
  folder.demand_nothing_left();
}

TEST_CASE("constructors that do harm end with their process and leave nothing behind") {
  HostileFolder folder;
  const std::array names{"crashing", "exiting",    "segfaulting", "recursing",
                         "forking",  "unresolved", "no_entry",    "null_entry"};
  for (std::uint64_t number = 0; number < 48; ++number) {
    const std::string name = names.at(number % names.size());
    CAPTURE(name);
    folder.judge_bytes(number, plugin_bytes(name));
  }
  folder.judge_bytes(48, plugin_bytes("hanging"));
  folder.judge_bytes(49, plugin_bytes("flooding"));
  CHECK(folder.count().tried == 50);
  CHECK(folder.count().loaded == 6);  // the forking ones, whose children go with them
  demand_that_good_is_good(folder);
  folder.demand_nothing_left();
}
