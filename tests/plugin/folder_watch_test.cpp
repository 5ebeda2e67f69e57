#include "host/plugin/folder_watch.hpp"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <condition_variable>
#include <mutex>

#include "tests/plugin/small_plugins.hpp"

using namespace stepd::plugin;
using stepd::support::TemporaryFolder;

namespace {

/// Waits for what the watch says, never for time to pass.
class Listener {
 public:
  void hear(const FolderWatch::News& news) {
    const std::lock_guard lock(mutex_);
    for (const auto& file : news.files) heard_.insert(file.filename().string());
    for (const auto& trouble : news.troubles) troubles_ += trouble;
    changed_.notify_all();
  }
  /// All that was heard until this file was among it.
  std::set<std::string> until(const std::string& file) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(30), [&] { return heard_.contains(file); });
    return std::exchange(heard_, {});
  }
  std::string until_trouble() {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(30), [&] { return !troubles_.empty(); });
    return troubles_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::set<std::string> heard_;
  std::string troubles_;
};

constexpr std::chrono::milliseconds at_once{1};

}  // namespace

TEST_CASE("a file that is written or moved in or linked or removed is noticed") {
  const TemporaryFolder root;
  const auto folder = root.path() / "plugins";
  FolderWatch watch({folder}, at_once);
  Listener listener;
  watch.start([&listener](const auto& news) { listener.hear(news); });

  write_file(folder / "written.so", "x");
  CHECK(listener.until("written.so") == std::set<std::string>{"written.so"});

  write_file(folder / "moved.so.tmp", "x");
  write_file(folder / ".hidden.so", "x");
  std::filesystem::rename(folder / "moved.so.tmp", folder / "moved.so");
  CHECK(listener.until("moved.so") == std::set<std::string>{"moved.so"});

  std::filesystem::create_symlink("moved.so", folder / "symbolic.so");
  CHECK(listener.until("symbolic.so").contains("symbolic.so"));
  std::filesystem::create_hard_link(folder / "moved.so", folder / "hard.so");
  CHECK(listener.until("hard.so").contains("hard.so"));
  std::filesystem::create_directory(folder / "folder.so");
  CHECK(listener.until("folder.so").contains("folder.so"));

  std::filesystem::remove(folder / "written.so");
  CHECK(listener.until("written.so").contains("written.so"));
}

TEST_CASE("a file that is still being written is not news") {
  const TemporaryFolder root;
  FolderWatch watch({root.path()}, at_once);
  Listener listener;
  watch.start([&listener](const auto& news) { listener.hear(news); });

  std::ofstream slow(root.path() / "slow.so");
  slow << "half" << std::flush;
  write_file(root.path() / "other.so", "x");
  CHECK(listener.until("other.so") == std::set<std::string>{"other.so"});

  slow << "whole";
  slow.close();
  CHECK(listener.until("slow.so") == std::set<std::string>{"slow.so"});
}

TEST_CASE("what is there when the watch begins is listed by folder and name") {
  const TemporaryFolder root;
  const auto one = root.path() / "one";
  const auto two = root.path() / "two";
  std::filesystem::create_directory(one);
  write_file(one / "b.so", "x");
  write_file(one / "a.so", "x");
  const FolderWatch watch({two, one, two}, at_once);
  write_file(two / "z.so", "x");

  const auto listing = watch.list();

  CHECK(listing.troubles.empty());
  CHECK(listing.files == std::vector{two / "z.so", one / "a.so", one / "b.so"});
}

TEST_CASE("a folder that cannot be watched is named and the others are watched") {
  const TemporaryFolder root;
  write_file(root.path() / "file", "in the way");
  const auto good = root.path() / "good";
  FolderWatch watch({root.path() / "file" / "plugins", root.path() / "file", good}, at_once);
  Listener listener;
  watch.start([&listener](const auto& news) { listener.hear(news); });

  const auto listing = watch.list();
  REQUIRE(listing.troubles.size() == 2);
  CHECK_THAT(listing.troubles[0], Catch::Contains("file/plugins cannot be watched"));
  CHECK_THAT(listing.troubles[1], Catch::Contains("cannot be watched"));
  write_file(good / "a.so", "x");
  CHECK(listener.until("a.so").contains("a.so"));
}

TEST_CASE("a folder that goes away is reported") {
  const TemporaryFolder root;
  const auto folder = root.path() / "plugins";
  FolderWatch watch({folder}, at_once);
  Listener listener;
  watch.start([&listener](const auto& news) { listener.hear(news); });

  std::filesystem::remove_all(folder);

  CHECK_THAT(listener.until_trouble(), Catch::Contains("plugins was removed or renamed"));
}

TEST_CASE("what is thrown over a file is reported and the watch goes on") {
  const TemporaryFolder root;
  FolderWatch watch({root.path()}, at_once);
  Listener listener;
  const bool std_exception = GENERATE(false, true);
  watch.start([&](const FolderWatch::News& news) {
    listener.hear(news);
    if (std_exception) throw std::runtime_error("no memory");
    throw 42;
  });

  write_file(root.path() / "a.so", "x");
  CHECK_THAT(listener.until_trouble(),
             Catch::Contains("a.so could not be looked at: ") &&
                 Catch::Contains(std_exception ? "no memory" : "no std::exception"));
  write_file(root.path() / "b.so", "x");
  CHECK(listener.until("b.so").contains("b.so"));
}

TEST_CASE("a watch may be stopped twice and before it starts") {
  const TemporaryFolder root;
  FolderWatch watch({root.path()}, at_once);
  watch.stop();
  watch.start([](const auto&) {});
  watch.stop();
  CHECK_NOTHROW(watch.stop());
}

TEST_CASE("a plugin that appears while the host runs becomes available") {
  const PluginsAtHand at_hand;
  PluginRegistry registry(at_hand.settings);
  FolderWatch watch({at_hand.folder}, at_once);
  REQUIRE(registry.load(watch.list().files).lines.empty());
  Listener listener;
  watch.start([&](const auto& news) {
    static_cast<void>(registry.load(news.files));
    listener.hear(news);
  });

  const auto whole = at_hand.root.path() / "good.so";
  std::filesystem::copy_file(small_plugin("good"), whole);
  std::filesystem::rename(whole, at_hand.folder / "good.so");

  CHECK(listener.until("good.so").contains("good.so"));
  watch.stop();
  CHECK(registry.find("good.echo") != nullptr);
}

TEST_CASE("a signature that comes or goes is news of its plugin") {
  const TemporaryFolder root;
  FolderWatch watch({root.path()}, at_once);
  Listener listener;
  watch.start([&listener](const auto& news) { listener.hear(news); });

  write_file(root.path() / "a.so.sig", "x");
  CHECK(listener.until("a.so") == std::set<std::string>{"a.so"});
  std::filesystem::rename(root.path() / "a.so.sig", root.path() / "b.so.sig");
  CHECK(listener.until("b.so") == std::set<std::string>{"a.so", "b.so"});
  std::filesystem::remove(root.path() / "b.so.sig");
  CHECK(listener.until("b.so") == std::set<std::string>{"b.so"});
}

TEST_CASE("a lock that appears or changes or goes is news of every plugin") {
  const TemporaryFolder root;
  const auto folder = root.path() / "plugins";
  std::filesystem::create_directory(folder);
  for (const char* name : {"a.so", "b.so"}) write_file(folder / name, "x");
  const auto lock = root.path() / GENERATE("plugins.lock", "plugins/plugins.lock");
  FolderWatch watch({folder}, at_once);
  watch.watch_lock(lock);
  Listener listener;
  watch.start([&listener](const auto& news) { listener.hear(news); });
  const std::set<std::string> all{"a.so", "b.so"};

  write_file(root.path() / "another", "x");
  write_file(lock, "x");
  CHECK(listener.until("b.so") == all);
  write_file(root.path() / "new", "y");
  std::filesystem::rename(root.path() / "new", lock);
  CHECK(listener.until("b.so") == all);
  std::filesystem::remove(lock);
  CHECK(listener.until("b.so") == all);
  write_file(folder / "c.so", "x");
  CHECK(listener.until("c.so") == std::set<std::string>{"c.so"});
}

TEST_CASE("a lock in a folder that is not there is told of") {
  const TemporaryFolder root;
  FolderWatch watch({root.path()}, at_once);
  watch.watch_lock(root.path() / "nowhere" / "plugins.lock");

  const auto troubles = watch.list().troubles;

  REQUIRE(troubles.size() == 1);
  CHECK(troubles[0] == "changes of the lock " + (root.path() / "nowhere/plugins.lock").string() +
                           " are not noticed: No such file or directory; restart stepd when that "
                           "is mended");
}
