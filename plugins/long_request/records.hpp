#pragma once

#include <sqlite3.h>

#include <boost/describe.hpp>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <stepd/context.hpp>
#include <string>
#include <variant>
#include <vector>

namespace long_request {

/// UTC, to the millisecond: "2026-03-01T08:15:00.000Z".
[[nodiscard]] std::string timestamp(std::chrono::sys_time<std::chrono::milliseconds> moment);

enum class Direction { out, in };
BOOST_DESCRIBE_ENUM(Direction, out, in)

/// One half of an exchange: what was sent, or what came back.
struct Exchange {
  Direction direction = Direction::out;
  std::string correlation_id;
  std::string subject;  // "POST http://partner/requests", "202 Accepted"
};

/// What a partner's answer means to us.
enum class Verdict { approved, partly_approved, changed, denied };
BOOST_DESCRIBE_ENUM(Verdict, approved, partly_approved, changed, denied)

struct Decision {
  std::string correlation_id;
  std::string request_id;  // the partner's
  Verdict verdict = Verdict::denied;
  std::string reference;  // the partner's name for what it decided
  std::int64_t units = 0;
};
BOOST_DESCRIBE_STRUCT(Decision, (), (correlation_id, request_id, verdict, reference, units))

/// The database of one call: the decisions, and every exchange with its time, direction and
/// correlation id. One thread at a time; any number of calls, each with one of its own.
class Records {
 public:
  /// Makes folder, file and tables where they are missing. Throws std::runtime_error when the
  /// database does not answer, as do the others.
  explicit Records(const std::filesystem::path& file);

  /// On disk when it returns, once in a call and direction. What is to be sent is written down
  /// before it is sent: an `out` without an `in` is a message of which nobody knows the fate.
  void audit(const stepd::Context& context, const Exchange& exchange);

  /// Once for a step, whatever crashes; a repeat returns the decision stored first. Throws Refused
  /// when another step has stored one for this correlation id.
  [[nodiscard]] Decision store(const stepd::Context& context, const Decision& decision);
  /// Takes the decision of the step away again.
  void take_back(const stepd::Context& context);

 private:
  struct Close {
    void operator()(sqlite3* connection) const { sqlite3_close_v2(connection); }
  };
  void make_tables();

  using Value = std::variant<std::int64_t, std::string>;

  void run(const char* sql, const std::vector<Value>& values);
  void check(int result) const;

  std::filesystem::path file_;
  std::unique_ptr<sqlite3, Close> connection_;
};

}  // namespace long_request
