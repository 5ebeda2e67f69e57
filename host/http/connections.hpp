#pragma once

#include <Poco/Net/StreamSocket.h>

#include <atomic>
#include <cstddef>
#include <functional>
#include <list>
#include <mutex>
#include <optional>
#include <thread>

namespace stepd::http {

/// The threads of the connections, and how many there may be. Any thread.
class Connections {
 public:
  struct Budget {
    std::size_t connections_max = 0;
    std::size_t streams_max = 0;
  };
  explicit Connections(Budget budget) : budget_(budget) {}
  ~Connections() { stop(); }
  Connections(const Connections&) = delete;
  Connections& operator=(const Connections&) = delete;

  /// A connection's place; it becomes a stream's at most once.
  class Place {
   public:
    /// False: there are streams enough already.
    [[nodiscard]] bool become_stream();

   private:
    friend class Connections;
    Place(Connections& all, Poco::Net::StreamSocket socket)
        : all_(all), socket_(std::move(socket)) {}

    Connections& all_;
    Poco::Net::StreamSocket socket_;
    bool is_stream_ = false;  // guarded by the mutex of all
    bool over_ = false;       // likewise
    std::thread thread_;      // belongs to admit and stop
  };
  using Serve = std::function<void(Poco::Net::StreamSocket socket, Place& place)>;

  /// Serves the connection on a thread of its own and takes the socket away; false: there are
  /// enough already, or it is over, and the socket is the caller's still.
  [[nodiscard]] bool admit(std::optional<Poco::Net::StreamSocket>& socket, Serve serve);

  /// Ends what clients send, so that connections end once they have answered; returns when all
  /// have.
  void stop();

 private:
  void run(Place& place, const Serve& serve);
  [[nodiscard]] std::list<Place> take_finished();

  const Budget budget_;
  std::mutex mutex_;
  std::list<Place> places_;  // guarded by mutex_; likewise below
  std::size_t connections_ = 0;
  std::size_t streams_ = 0;
  bool stopped_ = false;
};

}  // namespace stepd::http
