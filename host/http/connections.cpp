#include "host/http/connections.hpp"

#include <Poco/Exception.h>

#include <system_error>
#include <utility>

namespace stepd::http {

bool Connections::Place::become_stream() {
  const std::lock_guard lock(all_.mutex_);
  if (all_.streams_ == all_.budget_.streams_max) return false;
  is_stream_ = true;
  ++all_.streams_;
  --all_.connections_;
  return true;
}

bool Connections::admit(std::optional<Poco::Net::StreamSocket>& socket, Serve serve) {
  for (Place& place : take_finished()) place.thread_.join();
  const std::lock_guard lock(mutex_);
  if (stopped_ || connections_ == budget_.connections_max) return false;
  Place& place = places_.emplace_back(Place(*this, *socket));
  try {
    place.thread_ = std::thread([this, &place, serve = std::move(serve)] { run(place, serve); });
  } catch (const std::system_error&) {  // no thread to be had: the same as no place
    places_.pop_back();
    return false;
  }
  ++connections_;
  // Whoever holds a copy keeps the connection open, so the place's has to be the last one.
  socket.reset();
  return true;
}

void Connections::run(Place& place, const Serve& serve) {
  serve(place.socket_, place);
  const std::lock_guard lock(mutex_);
  place.is_stream_ ? --streams_ : --connections_;
  place.over_ = true;
  // Closed here and not when the place is cleared away: the client waits for it.
  place.socket_ = Poco::Net::StreamSocket();
}

std::list<Connections::Place> Connections::take_finished() {
  std::list<Place> finished;
  const std::lock_guard lock(mutex_);
  for (auto place = places_.begin(); place != places_.end();) {
    const auto next = std::next(place);
    if (place->over_) finished.splice(finished.end(), places_, place);
    place = next;
  }
  return finished;
}

void Connections::stop() {
  std::list<Place> all;
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    for (Place& place : places_) {
      try {
        if (!place.over_) place.socket_.shutdownReceive();
      } catch (const Poco::Exception&) {
        continue;  // the client was faster
      }
    }
    all.splice(all.end(), places_);
  }
  for (Place& place : all) place.thread_.join();
}

}  // namespace stepd::http
