#include "host/contained/remote_ports.hpp"

#include <unistd.h>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <utility>

#include "host/contained/process_clock.hpp"

namespace stepd::contained {
namespace {

/// Of a plugin that gives a sign of life in every round of a loop, so many are enough.
constexpr engine::Duration signs_apart = std::chrono::milliseconds(5);

/// A host whose clock is so far from the system's has another one.
constexpr engine::Duration clocks_apart = std::chrono::seconds(1);

}  // namespace

RemotePorts::RemotePorts(PacketLine& line, engine::TimePoint host_time)
    : line_(line),
      process_(::getpid()),
      host_plays_(std::chrono::abs(host_time - process_now().wall) > clocks_apart) {}

/// What a step forks has a copy of everything here, the line to the host included.
void RemotePorts::require_own_process() const {
  if (::getpid() != process_) throw std::runtime_error("this is a copy of the call's process");
}

ToCall RemotePorts::ask(const FromCall& question) {
  require_own_process();
  const std::scoped_lock lock(mutex_);
  if (!line_.send(encode(question))) throw std::runtime_error("the host is gone");
  auto received = line_.receive();
  const auto* answer = std::get_if<PacketLine::Message>(&received);
  if (answer == nullptr) throw std::runtime_error("the host is gone");
  return to_call(answer->bytes);
}

void RemotePorts::tell(const FromCall& message) {
  require_own_process();
  const std::scoped_lock lock(mutex_);
  if (!line_.send(encode(message))) throw std::runtime_error("the host is gone");
}

template <class Answer>
Answer RemotePorts::ask_for(const FromCall& question) {
  ToCall answer = ask(question);
  if (auto* right = std::get_if<Answer>(&answer)) return std::move(*right);
  if (const auto* trouble = std::get_if<Trouble>(&answer)) throw std::runtime_error(trouble->what);
  throw BadMessage("the host answers something else");
}

std::optional<plugin::ChildNow> RemotePorts::ask_for_child(const FromCall& question) {
  auto children = ask_for<Children>(question).children;
  if (children.empty()) return std::nullopt;
  return std::move(children.front());
}

engine::BlobStatus RemotePorts::save(engine::StepBlob::Kind kind, std::string key,
                                     std::string bytes) {
  return ask_for<Saved>(Save{kind, std::move(key), std::move(bytes)}).status;
}

plugin::SendStatus RemotePorts::send(engine::SentEvent event) {
  return ask_for<Sent>(Send{std::move(event.id), std::move(event.key), std::move(event.data)})
      .status;
}

/// The definition stays with the host: an empty one stands for it here.
plugin::CheckedJob RemotePorts::check_job(std::string_view json) {
  ToCall answer = ask(CheckJob{std::string(json)});
  if (auto* objection = std::get_if<Objection>(&answer)) return std::move(objection->why);
  if (const auto* trouble = std::get_if<Trouble>(&answer)) throw std::runtime_error(trouble->what);
  const auto job = std::make_shared<const engine::JobDefinition>();
  const std::scoped_lock lock(mutex_);
  kept_.emplace(job, std::get<Kept>(answer).place);
  return job;
}

plugin::CheckedUndo RemotePorts::check_undo(const std::string& key) {
  ToCall answer = ask(CheckUndo{key});
  if (auto* objection = std::get_if<Objection>(&answer)) return std::move(objection->why);
  if (std::holds_alternative<NothingThere>(answer)) return plugin::NothingToUndo{};
  if (std::holds_alternative<DoneAlready>(answer)) return plugin::UndoneAlready{};
  if (const auto* trouble = std::get_if<Trouble>(&answer)) throw std::runtime_error(trouble->what);
  const auto undo = std::make_shared<const engine::DerivedJob>();
  const std::scoped_lock lock(mutex_);
  kept_.emplace(undo, std::get<Kept>(answer).place);
  return undo;
}

std::optional<plugin::ChildNow> RemotePorts::child(const std::string& key) {
  return ask_for_child(TellChild{key});
}

std::optional<plugin::ChildNow> RemotePorts::child_undo(const std::string& key) {
  return ask_for_child(TellUndo{key});
}

std::vector<plugin::ChildNow> RemotePorts::settled_children(std::uint32_t after,
                                                            std::size_t limit) {
  return ask_for<Children>(TellSettled{after, limit}).children;
}

std::vector<engine::StepBlob> RemotePorts::blobs() { return ask_for<Records>(TellRecords{}).blobs; }

void RemotePorts::heartbeat() {
  {
    const auto at = now().steady;
    const std::scoped_lock lock(mutex_);
    if (last_sign_ != engine::SteadyPoint::min() && at - last_sign_ < signs_apart) return;
    last_sign_ = at;
  }
  tell(Alive{});
}

void RemotePorts::progress(std::uint32_t permille, std::string note) {
  tell(Progress{permille, std::move(note)});
}

void RemotePorts::log(std::int32_t level, std::string_view message, std::string_view fields_json) {
  tell(LogLine{level, std::string(message), std::string(fields_json)});
}

engine::Now RemotePorts::now() {
  if (!host_plays_) return process_now();
  const auto told = ask_for<TimeNow>(TellTime{});
  return {told.wall, engine::SteadyPoint(told.steady)};
}

std::vector<std::uint32_t> RemotePorts::kept(const std::vector<engine::Spawn>& spawns) const {
  const std::scoped_lock lock(mutex_);
  std::vector<std::uint32_t> places;
  for (const engine::Spawn& spawn : spawns) {
    const std::shared_ptr<const void> token =
        spawn.undo ? std::shared_ptr<const void>(spawn.undo) : spawn.definition;
    places.push_back(kept_.at(token));
  }
  return places;
}

}  // namespace stepd::contained
