#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "host/plugin/file_descriptor.hpp"

namespace stepd::plugin {

/// Notices plugin files that appear, change or go in some folders, without polling; a plugin whose
/// signature does has changed, too. One thread constructs, starts and stops it.
class FolderWatch final {
 public:
  struct News {
    std::vector<std::filesystem::path> files;  // each once; some may be gone again
    std::vector<std::string> troubles;         // for a person: a folder that was removed
  };
  /// Called from the watch's own thread, one call after the other. Takes the time it needs; what
  /// happens meanwhile comes with the next call. If it throws over files, that comes as a trouble.
  using OnNews = std::function<void(const News&)>;

  /// Watches from here on; a folder that does not exist is made. `settle` is how long the folders
  /// must be quiet before news goes out, so that several files copied in one go come together.
  /// Throws std::system_error when the system watches nothing at all.
  explicit FolderWatch(std::vector<std::filesystem::path> folders,
                       std::chrono::milliseconds settle = std::chrono::milliseconds(200));
  ~FolderWatch();

  /// A file that is about all plugins, wherever it lies: when it appears, changes or goes, all of
  /// them have. Once, and before start().
  void watch_lock(const std::filesystem::path& lock);

  FolderWatch(const FolderWatch&) = delete;
  FolderWatch& operator=(const FolderWatch&) = delete;

  struct Listing {
    std::vector<std::filesystem::path> files;  // by folder as given, then by name
    std::vector<std::string> troubles;         // a folder that cannot be made, read or watched
  };
  /// What is there now. Listed after the watch began, so that nothing falls between.
  [[nodiscard]] Listing list() const;

  void start(OnNews on_news);
  /// Tells of this file as if it had changed. Any thread.
  void look_again(const std::filesystem::path& file);

  /// The last call has returned when it does. May be called twice, and before start().
  void stop();

 private:
  struct Folder {
    std::filesystem::path path;
    int watch = -1;
    std::string trouble;
  };

  struct Event {
    int watch = -1;
    std::uint32_t mask = 0;
    std::string name;  // empty: it is about the folder itself
  };

  void run(const OnNews& on_news);
  void take_events(News& news);
  void take_asked(News& news);
  void take_event(const Event& event, News& news);
  const Folder* watched_as(int watch) const;

  const std::chrono::milliseconds settle_;
  FileDescriptor events_;
  FileDescriptor ending_;  // readable: the thread ends
  FileDescriptor asking_;  // readable: somebody asks for a file
  std::vector<Folder> folders_;
  Folder lock_folder_;  // may be one of the others; nothing is listed in it
  std::string lock_name_;
  std::mutex mutex_;  // guards what follows
  std::vector<std::filesystem::path> asked_;
  std::jthread thread_;
};

}  // namespace stepd::plugin
