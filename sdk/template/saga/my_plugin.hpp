#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stepd/plugin.hpp>
#include <string>

/// Stands for whoever does the work, and knows each reservation by its key. Calls come on any
/// thread, several at once.
class Shelf {
 public:
  void reserve(const std::string& key, int count) {
    const std::lock_guard lock(mutex_);
    reserved_.emplace(key, count);
  }
  void release(const std::string& key) {
    const std::lock_guard lock(mutex_);
    reserved_.erase(key);
  }
  [[nodiscard]] std::size_t reservations() const {
    const std::lock_guard lock(mutex_);
    return reserved_.size();
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, int> reserved_;
};

struct Order {
  std::string article;
  int count = 0;
};
BOOST_DESCRIBE_STRUCT(Order, (), (article, count))

struct Reservation {
  std::string number;
};
BOOST_DESCRIBE_STRUCT(Reservation, (), (number))

class Reserve : public stepd::SagaStep<Order, Reservation> {
 public:
  explicit Reserve(std::shared_ptr<Shelf> shelf);
  Reservation execute(stepd::Context& context, const Order& order);
  void compensate(stepd::Context& context, const Order& order,
                  const std::optional<Reservation>& reservation);

 private:
  std::shared_ptr<Shelf> shelf_;
};
