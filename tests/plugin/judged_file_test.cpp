#include "host/plugin/judged_file.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "tests/plugin/small_plugins.hpp"

using namespace stepd::plugin;
using Catch::Contains;
using std::filesystem::perms;
using stepd::support::TemporaryFolder;

namespace {

constexpr std::uint64_t bytes_max = 1000;

/// What keeps the file from being read; empty: it is read.
std::string fault_of(const std::filesystem::path& file, Writers writers = Writers::host_only) {
  const auto read = read_judged(file, writers, bytes_max);
  const auto* fault = std::get_if<FileFault>(&read);
  return fault == nullptr ? "" : fault->fact + "; " + fault->cure;
}

void make_socket(const std::filesystem::path& file) {
  const FileDescriptor made(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  REQUIRE(file.string().copy(address.sun_path, sizeof address.sun_path - 1) ==
          file.string().size());
  REQUIRE(::bind(made.number(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
}

}  // namespace

TEST_CASE("what is no regular file is not even opened") {
  const TemporaryFolder folder;
  const auto named = [&folder](const char* name) { return folder.path() / name; };
  make_socket(named("socket.so"));
  REQUIRE(::mkfifo(named("pipe.so").c_str(), 0600) == 0);
  std::filesystem::create_symlink("/dev/zero", named("zero.so"));
  std::filesystem::create_symlink("/dev/tty", named("terminal.so"));
  std::filesystem::create_symlink("/", named("root.so"));
  std::filesystem::create_symlink(".", named("here.so"));

  for (const char* name : {"socket.so", "pipe.so", "zero.so", "terminal.so"}) {
    INFO(name);
    CHECK(fault_of(named(name), Writers::anybody) == "is not a regular file; remove it");
  }
  CHECK_THAT(fault_of(named("root.so")), Contains("is a folder"));
  CHECK_THAT(fault_of(named("here.so")), Contains("is a folder"));
}

TEST_CASE("links are followed to the file they mean and in circles they are refused") {
  const TemporaryFolder root;
  const auto away = root.path() / "away";
  std::filesystem::create_directories(away / "builds");
  write_file(away / "builds" / "2.so", "two");
  std::filesystem::create_symlink("builds/2.so", away / "current.so");
  std::filesystem::create_symlink(away / "current.so", root.path() / "a.so");
  std::filesystem::create_symlink("loop.so", root.path() / "loop.so");
  std::filesystem::create_symlink("nowhere/x.so", root.path() / "dangling.so");

  CHECK(std::get<std::string>(read_judged(root.path() / "a.so", Writers::host_only, bytes_max)) ==
        "two");
  CHECK_THAT(fault_of(root.path() / "loop.so"),
             Contains("Too many levels of symbolic links") && Contains("lead in a circle"));
  CHECK_THAT(fault_of(root.path() / "dangling.so"),
             Contains("No such file or directory") && Contains("remove the link"));
}

TEST_CASE("a link is as safe as the least safe folder on its way") {
  const TemporaryFolder root;
  const auto middle = root.path() / "middle";
  const auto last = root.path() / "last";
  const auto start = root.path() / "start.so";
  for (const auto& folder : {middle, last}) std::filesystem::create_directory(folder);
  write_file(last / "real.so", "x");
  std::filesystem::create_symlink(last / "real.so", middle / "link.so");
  std::filesystem::create_symlink("middle/link.so", start);
  REQUIRE(fault_of(start).empty());

  for (const auto& folder : {middle, last}) {
    INFO(folder);
    permissions(folder, perms(0777));
    CHECK_THAT(fault_of(start), Contains("lies in a folder that may be written to by everybody"));
    CHECK(fault_of(start, Writers::anybody).empty());
    permissions(folder, perms(01777));
    CHECK(fault_of(start).empty());
    permissions(folder, perms(0755));
  }
  permissions(last / "real.so", perms(0666));
  CHECK_THAT(fault_of(start), Contains("may be written to by everybody") && Contains("chmod"));
}

TEST_CASE("what another user has made is refused also in a sticky folder") {
  if (::geteuid() != 0) return;  // only root makes what belongs to others
  const TemporaryFolder root;
  const auto folder = root.path() / "sticky";
  std::filesystem::create_directory(folder);
  permissions(folder, perms(01777));
  write_file(folder / "real.so", "x");
  std::filesystem::create_symlink("real.so", folder / "link.so");
  REQUIRE(fault_of(folder / "link.so").empty());

  REQUIRE(::lchown((folder / "link.so").c_str(), 4711, 4711) == 0);
  CHECK_THAT(fault_of(folder / "link.so"),
             Contains("is reached by the link") && Contains("belongs to user 4711"));
  REQUIRE(::chown(folder.c_str(), 4711, 4711) == 0);
  CHECK_THAT(fault_of(folder / "real.so"), Contains("lies in a folder that belongs to user 4711"));
}

TEST_CASE("a file that is too large is refused by its size and never read") {
  const TemporaryFolder folder;
  const auto file = folder.path() / "sparse.so";
  write_file(file,
             "\x7f"
             "ELF");
  std::filesystem::resize_file(file, 10'000'000'000);

  CHECK(fault_of(file) == "has 10000000000 bytes and may have 1000; make it smaller");
}

TEST_CASE("a file that changes after it was opened is refused whatever changes") {
  const TemporaryFolder folder;
  const auto file = folder.path() / "a.so";
  const auto fault_after = [&file](auto change) {
    write_file(file, "0123456789");
    const auto opened = open_judged(file, Writers::host_only, bytes_max);
    change();
    const auto read = read_whole(std::get<JudgedFile>(opened));
    const auto* fault = std::get_if<FileFault>(&read);
    return fault == nullptr ? "" : fault->fact;
  };

  CHECK(fault_after([] {}).empty());
  CHECK(fault_after([&] { std::filesystem::resize_file(file, 3); }) == "changed while it was read");
  CHECK(fault_after([&] { std::ofstream(file, std::ios::app) << "more"; }) ==
        "changed while it was read");
  CHECK(fault_after([&] { std::filesystem::last_write_time(file, {}); }) ==
        "changed while it was read");
  // Another file under the name is another file.
  CHECK(fault_after([&] {
          write_file(folder.path() / "b.so", "other");
          std::filesystem::rename(folder.path() / "b.so", file);
        }) == "changed while it was read");
}

TEST_CASE("a file that may not be read says so") {
  if (::geteuid() == 0) return;  // root reads everything
  const TemporaryFolder folder;
  const auto file = folder.path() / "a.so";
  write_file(file, "x");
  permissions(file, perms(0000));

  CHECK(fault_of(file) ==
        "cannot be read: Permission denied; let the user that stepd runs as read it");
}
