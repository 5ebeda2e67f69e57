#include "host/http/news_mailbox.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace stepd::http {
namespace {

constexpr std::size_t news_max = 4096;

int make_signal() {
  const int descriptor = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (descriptor < 0) {
    throw std::system_error(errno, std::generic_category(), "no descriptor for an event stream");
  }
  return descriptor;
}

}  // namespace

NewsMailbox::NewsMailbox(std::optional<engine::JobId> only) : only_(only), signal_(make_signal()) {}

NewsMailbox::~NewsMailbox() { ::close(signal_); }

void NewsMailbox::post(const runtime::JobNews& news) {
  if (only_ && *only_ != news.job && news.dropped == 0) return;
  const std::lock_guard lock(mutex_);
  const bool first = content_.news.empty() && content_.dropped == 0;
  if (news.dropped != 0) {
    content_.dropped += news.dropped;
  } else if (content_.news.size() < news_max) {
    content_.news.push_back(news);
  } else {
    ++content_.dropped;
  }
  if (first) ::eventfd_write(signal_, 1);
}

NewsMailbox::Content NewsMailbox::take() {
  const std::lock_guard lock(mutex_);
  eventfd_t count = 0;
  ::eventfd_read(signal_, &count);
  return std::exchange(content_, {});
}

}  // namespace stepd::http
