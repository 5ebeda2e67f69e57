#include "host/contained/supervisor.hpp"

#include <fcntl.h>

// The thread sanitizer knows no fences; the loop's own lock orders what it runs.
#if defined(__SANITIZE_THREAD__)
#define BOOST_ASIO_DISABLE_FENCED_BLOCK
#endif
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <future>
#include <system_error>
#include <thread>
#include <utility>

namespace stepd::contained {

namespace asio = boost::asio;

class Supervisor::Loop {
 public:
  Loop() : busy_(asio::make_work_guard(context)), thread_([this] { context.run(); }) {}
  ~Loop() {
    context.stop();
    thread_.join();
  }
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  asio::io_context context;

 private:
  asio::executor_work_guard<asio::io_context::executor_type> busy_;
  std::thread thread_;
};

namespace {

/// Kept by what waits for it.
struct Eye : std::enable_shared_from_this<Eye> {
  Eye(asio::io_context& context, int descriptor, std::function<bool(int)> looks)
      : stream(context, descriptor), look(std::move(looks)) {}

  void stop() {
    look = nullptr;
    stream.cancel();
  }

  void wait() {
    if (!look) return;
    stream.async_wait(asio::posix::stream_descriptor::wait_read,
                      [self = shared_from_this()](const boost::system::error_code& error) {
                        if (error || !self->look) return;
                        // Kept while it runs, for it may end the watch.
                        const auto looks = self->look;
                        if (looks(self->stream.native_handle())) self->wait();
                      });
  }

  asio::posix::stream_descriptor stream;
  std::function<bool(int)> look;
};

}  // namespace

Supervisor::Supervisor() : loop_(std::make_unique<Loop>()) {}
Supervisor::~Supervisor() = default;

void Supervisor::run(const std::function<void()>& work) {
  std::packaged_task<void()> task(work);
  auto done = task.get_future();
  asio::post(loop_->context, [&task] { task(); });
  done.get();
}

void Supervisor::run_after(std::chrono::milliseconds span, std::function<void()> work) {
  const auto timer = std::make_shared<asio::steady_timer>(loop_->context, span);
  timer->async_wait([timer, work = std::move(work)](const boost::system::error_code& error) {
    if (!error) work();
  });
}

std::function<void()> Supervisor::watch(int descriptor, std::function<bool(int)> look) {
  const int own = ::fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
  if (own < 0) {
    throw std::system_error(errno, std::generic_category(), "cannot watch a process of a plugin");
  }
  const auto eye = std::make_shared<Eye>(loop_->context, own, std::move(look));
  asio::post(loop_->context, [eye] { eye->wait(); });
  return [&context = loop_->context, seen = std::weak_ptr(eye)] {
    asio::post(context, [seen] {
      if (const auto watching = seen.lock()) watching->stop();
    });
  };
}

}  // namespace stepd::contained
