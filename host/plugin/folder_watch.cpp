#include "host/plugin/folder_watch.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <exception>
#include <system_error>
#include <utility>

#include "host/plugin/plugin_file.hpp"
#include "host/plugin/plugin_trust.hpp"

namespace stepd::plugin {
namespace {

constexpr std::uint32_t watched_events = IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_DELETE |
                                         IN_MOVED_FROM | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF |
                                         IN_ONLYDIR;
constexpr std::uint32_t gone_events = IN_DELETE_SELF | IN_MOVE_SELF;

/// A file that is being written is of no interest until it is closed; one that is made whole at
/// once is never closed: a link, of either kind, or a folder.
bool is_made_whole(const std::filesystem::path& path) {
  std::error_code gone;
  const auto status = std::filesystem::symlink_status(path, gone);
  if (gone) return false;
  return !std::filesystem::is_regular_file(status) ||
         std::filesystem::hard_link_count(path, gone) > 1;
}

std::string trouble(const std::filesystem::path& folder, const std::string& fact) {
  return "the plugins folder " + folder.string() + " " + fact;
}

std::string lock_trouble(const std::filesystem::path& lock, const std::string& fact) {
  return "changes of the lock " + lock.string() + " are not noticed: " + fact +
         "; restart stepd when that is mended";
}

void add(const std::vector<std::filesystem::path>& files, FolderWatch::News& news) {
  for (const auto& file : files) {
    if (std::find(news.files.begin(), news.files.end(), file) == news.files.end()) {
      news.files.push_back(file);
    }
  }
}

void collect(const std::filesystem::path& folder, FolderWatch::Listing& listing) {
  try {
    for (auto& file : plugin_files(folder)) listing.files.push_back(std::move(file));
  } catch (const std::filesystem::filesystem_error& error) {
    listing.troubles.push_back(trouble(folder, "cannot be read: " + error.code().message() +
                                                   "; let the user that stepd runs as read it"));
  }
}

/// Tells the news. What is to be told next: nothing, or that this could not be taken.
FolderWatch::News left_after(const FolderWatch::OnNews& on_news, const FolderWatch::News& news) {
  std::string fact;
  try {
    on_news(news);
    return {};
  } catch (const std::exception& error) {
    fact = error.what();
  } catch (...) {
    fact = "something was thrown that is no std::exception";
  }
  // What is said of a failure is not said of that again.
  if (news.files.empty()) return {};
  FolderWatch::News next{.files = {}, .troubles = news.troubles};
  std::string files;
  for (const auto& file : news.files) files += (files.empty() ? "" : ", ") + file.string();
  next.troubles.push_back("the plugin files " + files + " could not be looked at: " + fact +
                          "; copy them into the folder again, or restart stepd");
  return next;
}

}  // namespace

FolderWatch::FolderWatch(std::vector<std::filesystem::path> folders,
                         std::chrono::milliseconds settle)
    : settle_(settle),
      events_(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)),
      ending_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      asking_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!events_.is_open() || !ending_.is_open() || !asking_.is_open()) {
    throw std::system_error(errno, std::generic_category(),
                            "cannot watch the plugins folders (see fs.inotify.max_user_instances)");
  }
  for (auto& path : folders) {
    Folder folder{std::move(path), -1, {}};
    std::error_code error;
    std::filesystem::create_directories(folder.path, error);
    if (!error) {
      folder.watch = ::inotify_add_watch(events_.number(), folder.path.c_str(), watched_events);
      if (folder.watch < 0) error = {errno, std::generic_category()};
    }
    // The same folder by another name would only bring everything twice.
    if (folder.watch >= 0 && watched_as(folder.watch) != nullptr) continue;
    if (error) {
      folder.trouble = trouble(folder.path, "cannot be watched: " + error.message() +
                                                "; make it readable, then restart stepd");
    }
    folders_.push_back(std::move(folder));
  }
}

FolderWatch::~FolderWatch() { stop(); }

void FolderWatch::watch_lock(const std::filesystem::path& lock) {
  lock_name_ = lock.filename().string();
  lock_folder_.path = lock.parent_path();
  lock_folder_.watch =
      ::inotify_add_watch(events_.number(), lock_folder_.path.c_str(), watched_events);
  if (lock_folder_.watch < 0)
    lock_folder_.trouble = lock_trouble(lock, std::generic_category().message(errno));
}

FolderWatch::Listing FolderWatch::list() const {
  Listing listing;
  if (!lock_folder_.trouble.empty()) listing.troubles.push_back(lock_folder_.trouble);
  for (const Folder& folder : folders_) {
    if (!folder.trouble.empty()) {
      listing.troubles.push_back(folder.trouble);
    } else {
      collect(folder.path, listing);
    }
  }
  return listing;
}

void FolderWatch::start(OnNews on_news) {
  thread_ = std::jthread([this, tell = std::move(on_news)] { run(tell); });
}

void FolderWatch::stop() {
  if (!thread_.joinable()) return;
  const std::uint64_t one = 1;
  // An eventfd that is already readable ends the thread just as well.
  [[maybe_unused]] const ssize_t written = ::write(ending_.number(), &one, sizeof one);
  thread_.join();
}

void FolderWatch::run(const OnNews& on_news) {
  News news;
  while (true) {
    std::array<pollfd, 3> watched{{{ending_.number(), POLLIN, 0},
                                   {events_.number(), POLLIN, 0},
                                   {asking_.number(), POLLIN, 0}}};
    const bool unsettled = !news.files.empty() || !news.troubles.empty();
    const int ready =
        ::poll(watched.data(), watched.size(), unsettled ? static_cast<int>(settle_.count()) : -1);
    if (watched[0].revents != 0) return;
    if (ready > 0) {
      take_events(news);
      take_asked(news);
    } else if (ready == 0) {
      news = left_after(on_news, news);
    }
  }
}

void FolderWatch::look_again(const std::filesystem::path& file) {
  {
    const std::lock_guard lock(mutex_);
    asked_.push_back(file);
  }
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(asking_.number(), &one, sizeof one);
}

void FolderWatch::take_asked(News& news) {
  std::uint64_t times = 0;
  [[maybe_unused]] const ssize_t read = ::read(asking_.number(), &times, sizeof times);
  const std::lock_guard lock(mutex_);
  add(std::exchange(asked_, {}), news);
}

void FolderWatch::take_events(News& news) {
  alignas(inotify_event) std::array<char, 16384> buffer{};
  ssize_t length = 0;
  while ((length = ::read(events_.number(), buffer.data(), buffer.size())) > 0) {
    for (ssize_t at = 0; at < length;) {
      inotify_event event{};
      std::memcpy(&event, buffer.data() + at, sizeof event);
      // Zeros fill up what the name leaves free.
      const char* name = buffer.data() + at + sizeof event;
      take_event({event.wd, event.mask, event.len == 0 ? "" : name}, news);
      at += static_cast<ssize_t>(sizeof event + event.len);
    }
  }
}

void FolderWatch::take_event(const Event& event, News& news) {
  const bool at_the_lock = event.watch == lock_folder_.watch;
  const bool about_the_lock =
      at_the_lock &&
      (event.name == lock_name_ || (event.name.empty() && (event.mask & IN_ATTRIB) != 0));
  if (about_the_lock || (event.mask & IN_Q_OVERFLOW) != 0) return add(list().files, news);
  const Folder* folder = watched_as(event.watch);
  if (folder == nullptr) {
    if (!at_the_lock || (event.mask & gone_events) == 0) return;
    news.troubles.push_back(
        lock_trouble(lock_folder_.path / lock_name_, "its folder was removed or renamed"));
    return;
  }
  if ((event.mask & gone_events) != 0) {
    news.troubles.push_back(
        trouble(folder->path, "was removed or renamed; make it again, then restart stepd"));
    return;
  }
  if (event.name.empty()) {
    if ((event.mask & IN_ATTRIB) == 0) return;
    Listing all;
    collect(folder->path, all);
    return add(all.files, news);
  }
  const auto changed = folder->path / event.name;
  const auto file = signed_file(changed);
  if (!is_plugin_name(file)) return;
  if ((event.mask & IN_CREATE) == 0 || is_made_whole(changed)) add({file}, news);
}

const FolderWatch::Folder* FolderWatch::watched_as(int watch) const {
  const auto found = std::find_if(folders_.begin(), folders_.end(),
                                  [watch](const Folder& folder) { return folder.watch == watch; });
  return found == folders_.end() ? nullptr : &*found;
}

}  // namespace stepd::plugin
