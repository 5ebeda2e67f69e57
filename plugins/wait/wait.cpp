#include <chrono>
#include <cstdint>
#include <optional>
#include <stepd/plugin.hpp>
#include <string>

namespace wait {

using Milliseconds = std::chrono::milliseconds;

struct Sleep {
  Milliseconds time{};
};
BOOST_DESCRIBE_STRUCT(Sleep, (), (time))

void sleep(stepd::Context& context, const Sleep& wanted) {
  context.sleep_durably("sleep", wanted.time);
}

enum class Without { refuse, go_on };
BOOST_DESCRIBE_ENUM(Without, refuse, go_on)

struct Awaited {
  std::string key;
  std::optional<Milliseconds> timeout;
  Without on_timeout = Without::refuse;
};
BOOST_DESCRIBE_STRUCT(Awaited, (), (key, timeout, on_timeout))

struct Received {
  bool timed_out = false;
  std::optional<std::string> id;
  boost::json::value data;
};
BOOST_DESCRIBE_STRUCT(Received, (), (timed_out, id, data))

void require_key(const std::string& key) {
  constexpr std::size_t longest = 200;
  if (!key.empty() && key.size() <= longest) return;
  throw stepd::Refused{"bad_key", "the key has " + std::to_string(key.size()) +
                                      " bytes; it must have 1 to " + std::to_string(longest)};
}

Received event(stepd::Context& context, const Awaited& wanted) {
  require_key(wanted.key);
  std::optional<stepd::Event<boost::json::value>> came;
  if (wanted.timeout) {
    came = context.wait_for(wanted.key, *wanted.timeout);
  } else {
    came = context.wait_for(wanted.key);
  }
  if (came) return {.timed_out = false, .id = came->id, .data = came->data};
  if (wanted.on_timeout == Without::go_on) return {.timed_out = true, .id = {}, .data = nullptr};
  throw stepd::Refused{"timed_out", "no event \"" + wanted.key + "\" came in time"};
}

struct Message {
  std::string key;
  boost::json::value data;
  std::optional<std::string> id;
};
BOOST_DESCRIBE_STRUCT(Message, (), (key, data, id))

void send(stepd::Context& context, const Message& message) {
  require_key(message.key);
  context.send_event(message.key, message.data, message.id.value_or(""));
}

}  // namespace wait

STEPD_PLUGIN("wait", "1.0.0", plugin) {
  using namespace wait;
  plugin.step<wait::sleep>("wait.sleep")
      .title("Wait for a while")
      .description("Holds no thread; survives restarts.");
  plugin.step<wait::event>("wait.event")
      .title("Wait for an event")
      .description(
          "Goes on with the event of this key, also one that came before. Without one when "
          "the time is up it refuses, or goes on if asked to.")
      .default_value(&Awaited::on_timeout, Without::refuse);
  plugin.step<wait::send>("wait.send")
      .title("Send an event")
      .description("To the step that has waited longest for the key; kept until there is one.")
      .default_value(&Message::data, nullptr);
}
