#include "host/runtime/reply_desk.hpp"

namespace stepd::runtime {

namespace {

Reply excuse(Question kind, const std::string& message) {
  switch (kind) {
    case Question::submit:
      return SubmitAnswer{StoreUnsure{message}};
    case Question::verb:
      return engine::Verdict{engine::Refused{engine::Refused::Why::unsure, message}};
    case Question::event:
      return EventAnswer{StoreUnsure{message}};
    case Question::blob:
      break;
  }
  return engine::BlobStatus::fenced;
}

}  // namespace

std::vector<Reply> ReplyWait::wait() {
  done_.wait(false, std::memory_order_acquire);
  std::vector<Reply> replies;
  replies.reserve(replies_.size());
  for (auto& reply : replies_) replies.push_back(std::move(*reply));
  return replies;
}

ReplyDesk::Ticket ReplyDesk::open(Question kind, std::size_t questions) {
  auto wait = std::make_shared<ReplyWait>(kind, questions);
  if (questions == 0) {
    wait->done_.store(true, std::memory_order_release);
    return {.first = 0, .wait = std::move(wait)};
  }
  const std::scoped_lock lock(mutex_);
  const auto first = next_;
  next_ += questions;
  waits_.emplace_hint(waits_.end(), first, wait);
  return {.first = first, .wait = std::move(wait)};
}

void ReplyDesk::withdraw(const Ticket& ticket) {
  const std::scoped_lock lock(mutex_);
  waits_.erase(ticket.first);
}

void ReplyDesk::deliver(std::vector<Delivery> deliveries) {
  const std::scoped_lock lock(mutex_);
  for (auto& [token, reply] : deliveries) {
    auto found = waits_.upper_bound(token);
    if (found == waits_.begin()) continue;
    --found;
    ReplyWait& wait = *found->second;
    const auto index = static_cast<std::size_t>(token - found->first);
    if (index >= wait.replies_.size() || wait.replies_[index]) continue;
    put_reply(wait, index, std::move(reply));
    if (wait.open_ == 0) waits_.erase(found);
  }
}

void ReplyDesk::give_up(Question kind, const std::string& message) {
  const std::scoped_lock lock(mutex_);
  for (auto at = waits_.begin(); at != waits_.end();) {
    ReplyWait& wait = *at->second;
    if (wait.kind_ != kind) {
      ++at;
      continue;
    }
    for (std::size_t index = 0; index < wait.replies_.size(); ++index) {
      if (!wait.replies_[index]) put_reply(wait, index, excuse(kind, message));
    }
    at = waits_.erase(at);
  }
}

void ReplyDesk::put_reply(ReplyWait& wait, std::size_t index, Reply reply) {
  wait.replies_[index] = std::move(reply);
  if (--wait.open_ != 0) return;
  wait.done_.store(true, std::memory_order_release);
  wait.done_.notify_one();
}

}  // namespace stepd::runtime
