#pragma once

#include <Poco/Net/StreamSocket.h>

#include <chrono>
#include <string>
#include <string_view>

namespace stepd::http {

/// How long a client may take.
struct Patience {
  std::chrono::milliseconds idle = std::chrono::seconds(10);     // without a byte either way
  std::chrono::milliseconds request = std::chrono::seconds(30);  // waiting for one request in all
  // To take a reply in, for each MiB of it that is begun.
  std::chrono::milliseconds reply = std::chrono::seconds(30);
};

/// The bytes of one client, buffered. One thread, the connection's.
class Wire {
 public:
  Wire(Poco::Net::StreamSocket socket, Patience patience);

  /// `slow`: it kept us waiting too long, in one go or over the whole request.
  enum class Arrival { bytes, closed, slow };
  /// Waits for more bytes; views into the buffer are void afterwards.
  [[nodiscard]] Arrival receive();
  [[nodiscard]] std::string_view buffered() const {
    return std::string_view(buffer_).substr(begin_, end_ - begin_);
  }
  void take(std::size_t bytes) { begin_ += bytes; }
  /// Another request begins: its waiting is counted anew.
  void begin_request() { waited_ = {}; }

  /// False: the client is gone, or takes it in too slowly.
  [[nodiscard]] bool send(std::string_view bytes);

  /// Lets the client read the last reply before the connection goes away under it: what it still
  /// sends is read and dropped, for a while.
  void close_gently();

  /// For waiting on it together with something else.
  [[nodiscard]] int descriptor() const;

 private:
  void make_room();
  [[nodiscard]] bool writable(std::chrono::steady_clock::time_point until) const;

  Poco::Net::StreamSocket socket_;
  Patience patience_;
  std::chrono::steady_clock::duration waited_{};
  std::string buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace stepd::http
