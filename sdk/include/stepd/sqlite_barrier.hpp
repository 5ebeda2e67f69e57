/// What makes a step's own writes to an SQLite database happen once, whatever crashes and whoever
/// repeats them:
///
///     Ticket execute(stepd::Context& context, const Seat& seat) {
///       stepd::SqliteBarrier barrier(*database_, context);
///       return barrier.execute([&] { return book(*database_, seat); });
///     }
///     void compensate(stepd::Context& context, const Seat&, const std::optional<Ticket>&) {
///       stepd::SqliteBarrier barrier(*database_, context);
///       barrier.compensate<Ticket>([&](const Ticket& ticket) { cancel(*database_, ticket); });
///     }
///
/// Only who includes this header needs SQLite, and links it.
#pragma once

#include <sqlite3.h>

#include <concepts>
#include <cstdint>
#include <optional>
#include <stepd/context.hpp>
#include <stepd/json_reader.hpp>
#include <stepd/json_writer.hpp>
#include <stepd/nothing.hpp>
#include <stepd/outcome.hpp>
#include <stepd/sqlite_transaction.hpp>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace stepd {

/// The barrier of sagas. A row of the table `stepd_barrier`, written in the transaction of the
/// step's own writes and under the idempotency key of execute, says that a phase has happened; the
/// transaction takes the database's only write lock first, so that the row decides between a call
/// and the late one of a stale host. Hence
///
/// - execute and compensate happen once each; a repeat of execute returns the first one's output;
/// - a compensation whose execute never happened does nothing but leave its row;
/// - an execute that comes after its compensation is refused, as `compensated_before`.
///
/// The barrier begins and commits the transaction, on a connection that nobody else uses meanwhile
/// and that has none open. The bodies write by that connection alone and leave BEGIN, COMMIT and
/// ROLLBACK to the barrier; what they throw rolls back and is the step's answer. How long to wait
/// for the lock is the connection's own setting (sqlite3_busy_timeout); afterwards, and when the
/// database fails, the step answers Retry.
///
/// What refuses leaves no row, so it is tried again when asked again. For a step without
/// compensation that means: nothing stops the late call of a stale host once a newer one was
/// refused.
class SqliteBarrier {
 public:
  /// A step that writes to one database in several transactions names each of its parts.
  SqliteBarrier(sqlite3& database, const Context& context, std::string_view part = {})
      : database_(&database), context_(&context), part_(part) {}

  /// Runs the body and commits what it wrote, and returns what it returned; in every later call
  /// returns that without running it. To be used in execute.
  template <class Body>
  auto execute(Body&& body) -> Valued<std::invoke_result_t<Body>> {
    using Output = Valued<std::invoke_result_t<Body>>;
    require_phase(Phase::execute);
    detail::SqliteTransaction transaction(*database_);
    make_table();
    if (found(Phase::compensate)) refuse_late_execute();
    if (const auto row = found(Phase::execute)) return output_in<Output>(*row);
    write_row();
    Output output{};
    if constexpr (std::is_void_v<std::invoke_result_t<Body>>) {
      std::forward<Body>(body)();
    } else {
      output = std::forward<Body>(body)();
    }
    require_open();
    write_output(detail::json_text_of(output));
    transaction.commit();
    return output;
  }

  /// Runs the body, which undoes what execute did, and commits; does nothing when that never
  /// happened or is undone already. A body that takes an Output is given what execute's returned,
  /// also where the host has never heard of it. To be used in compensate.
  template <class Output = Nothing, class Body>
  void compensate(Body&& body) {
    require_phase(Phase::compensate);
    detail::SqliteTransaction transaction(*database_);
    make_table();
    if (found(Phase::compensate)) return;
    const auto executed = found(Phase::execute);
    write_row();
    if (executed) {
      if constexpr (std::invocable<Body&, const Output&>) {
        std::forward<Body>(body)(output_in<Output>(*executed));
      } else {
        std::forward<Body>(body)();
      }
      require_open();
    }
    transaction.commit();
  }

 private:
  struct Row {
    std::optional<std::string> output;  // JSON; absent in a row of compensate
    std::string job;                    // whose call wrote it; several may undo one step
    std::uint64_t call = 0;
  };

  [[nodiscard]] std::string place() const {
    return "step " + std::string(context_->step_id()) + " of job " +
           std::string(context_->job_id());
  }
  [[nodiscard]] static std::string_view word_of(Phase phase) {
    return phase == Phase::compensate ? "compensate" : "execute";
  }

  void require_phase(Phase phase) const {
    if (context_->facts().phase() == phase) return;
    throw Failed{"wrong_phase", "the barrier's " + std::string(word_of(phase)) +
                                    " is called in another phase of " + place() +
                                    ": call it in the step's function of that name"};
  }
  [[noreturn]] void refuse_late_execute() const {
    throw Refused{"compensated_before",
                  place() +
                      " was compensated before this call of it came; it never runs again "
                      "under its key: rerun the job to have it done"};
  }
  /// SQLite rolls back by itself when the disk fails; a body that did not let that pass, or that
  /// ended the transaction itself, has written outside of it.
  void require_open() const {
    if (sqlite3_get_autocommit(database_) == 0) return;
    throw Failed{"transaction_ended",
                 "the transaction of the barrier was over before the body of " + place() +
                     " returned: a body leaves COMMIT and ROLLBACK to the barrier, and throws when "
                     "a statement fails"};
  }

  void make_table() const {
    detail::SqliteStatement(*database_,
                            "CREATE TABLE IF NOT EXISTS stepd_barrier ("
                            " execute_key TEXT NOT NULL,"
                            " part TEXT NOT NULL,"
                            " phase TEXT NOT NULL CHECK (phase IN ('execute', 'compensate')),"
                            " output TEXT,"
                            " job TEXT NOT NULL,"
                            " call INTEGER NOT NULL,"
                            " at_unix_ms INTEGER NOT NULL,"
                            " PRIMARY KEY (execute_key, part, phase)) STRICT, WITHOUT ROWID")
        .run();
  }

  [[nodiscard]] std::optional<Row> found(Phase phase) const {
    detail::SqliteStatement select(*database_,
                                   "SELECT output, job, call FROM stepd_barrier"
                                   " WHERE execute_key = ? AND part = ? AND phase = ?");
    select.bind(context_->execute_key()).bind(part_).bind(word_of(phase));
    if (!select.step()) return std::nullopt;
    Row row{select.text(0), select.text(1).value_or(""),
            static_cast<std::uint64_t>(select.integer(2))};
    const bool own = row.job == context_->job_id() && row.call == context_->facts().call();
    if (own && phase == context_->facts().phase()) {
      throw Failed{"barrier_passed_twice",
                   place() +
                       " passes the barrier twice in one call, and the second time nothing "
                       "would be done: give each of its parts a name"};
    }
    return row;
  }

  /// Before the body runs: should it commit by itself, what it did can still be undone.
  void write_row() const {
    detail::SqliteStatement(*database_,
                            "INSERT INTO stepd_barrier"
                            " (execute_key, part, phase, job, call, at_unix_ms)"
                            " VALUES (?, ?, ?, ?, ?, ?)")
        .bind(context_->execute_key())
        .bind(part_)
        .bind(word_of(context_->facts().phase()))
        .bind(context_->job_id())
        .bind(static_cast<std::int64_t>(context_->facts().call()))
        .bind(std::int64_t{context_->now().time_since_epoch().count()})
        .run();
  }

  void write_output(const std::string& json) const {
    detail::SqliteStatement(*database_,
                            "UPDATE stepd_barrier SET output = ?"
                            " WHERE execute_key = ? AND part = ? AND phase = 'execute'")
        .bind(json)
        .bind(context_->execute_key())
        .bind(part_)
        .run();
  }

  template <class Output>
  [[nodiscard]] Output output_in(const Row& row) const {
    if (row.output) {
      return detail::JsonReader(detail::rules_of_own_record).from_text<Output>(*row.output);
    }
    throw Failed{"transaction_ended",
                 "an earlier call of " + place() +
                     " committed inside the barrier's body, and what it would have returned is "
                     "not known"};
  }

  sqlite3* database_;
  const Context* context_;
  std::string part_;
};

}  // namespace stepd
