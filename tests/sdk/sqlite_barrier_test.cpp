#include <sqlite3.h>

#include <boost/describe.hpp>
#include <catch2/catch.hpp>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <latch>
#include <memory>
#include <optional>
#include <stepd/plugin.hpp>
#include <stepd/sqlite_barrier.hpp>
#include <stepd/testing/rehearsal.hpp>
#include <string>
#include <thread>
#include <utility>

#include "tests/support/temporary_folder.hpp"

namespace {

using stepd::testing::Outcome;
using stepd::testing::Rehearsal;
using stepd::testing::When;

/// A connection to the box office, which writes down each booking and each cancellation it makes.
class BoxOffice {
 public:
  explicit BoxOffice(const std::filesystem::path& file,
                     int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE) {
    REQUIRE(sqlite3_open_v2(file.c_str(), &connection_, flags, nullptr) == SQLITE_OK);
  }
  ~BoxOffice() { sqlite3_close(connection_); }
  BoxOffice(const BoxOffice&) = delete;
  BoxOffice& operator=(const BoxOffice&) = delete;

  [[nodiscard]] sqlite3& connection() { return *connection_; }
  void run(const std::string& sql) {
    if (sqlite3_exec(connection_, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
      throw std::runtime_error(sqlite3_errmsg(connection_));
    }
  }
  [[nodiscard]] std::int64_t number(const std::string& sql) {
    stepd::detail::SqliteStatement select(*connection_, sql);
    REQUIRE(select.step());
    return select.integer(0);
  }

  void open() {
    run("DROP TABLE IF EXISTS stepd_barrier; DROP TABLE IF EXISTS bookings;"
        "DROP TABLE IF EXISTS cancellations;"
        "CREATE TABLE bookings (booking INTEGER PRIMARY KEY, seat TEXT NOT NULL);"
        "CREATE TABLE cancellations (booking INTEGER NOT NULL)");
  }
  [[nodiscard]] std::int64_t book(const std::string& seat) {
    run("INSERT INTO bookings (seat) VALUES ('" + seat + "')");
    return sqlite3_last_insert_rowid(connection_);
  }
  void cancel(std::int64_t booking) {
    run("INSERT INTO cancellations VALUES (" + std::to_string(booking) + ")");
  }
  [[nodiscard]] std::int64_t bookings() { return number("SELECT count(*) FROM bookings"); }
  [[nodiscard]] std::int64_t cancellations() {
    return number("SELECT count(*) FROM cancellations");
  }

 private:
  sqlite3* connection_ = nullptr;
};

struct Seat {
  std::string seat;
};
BOOST_DESCRIBE_STRUCT(Seat, (), (seat))

struct Ticket {
  std::int64_t booking = 0;
};
BOOST_DESCRIBE_STRUCT(Ticket, (), (booking))

/// Where a call writes, and what happens inside its transaction before it does.
struct Stage {
  BoxOffice* office = nullptr;
  std::function<void(stepd::Context&)> in_body = [](stepd::Context&) {};
};

class Book : public stepd::SagaStep<Seat, Ticket> {
 public:
  explicit Book(std::shared_ptr<Stage> stage) : stage_(std::move(stage)) {}

  Ticket execute(stepd::Context& context, const Seat& seat) {
    stepd::SqliteBarrier barrier(stage_->office->connection(), context);
    return barrier.execute([&] {
      const Ticket ticket{stage_->office->book(seat.seat)};
      stage_->in_body(context);
      return ticket;
    });
  }
  void compensate(stepd::Context& context, const Seat&, const std::optional<Ticket>&) {
    stepd::SqliteBarrier barrier(stage_->office->connection(), context);
    barrier.compensate<Ticket>([&](const Ticket& ticket) {
      stage_->office->cancel(ticket.booking);
      stage_->in_body(context);
    });
  }

 private:
  std::shared_ptr<Stage> stage_;
};

class PlainBook : public stepd::Step<Seat, Ticket> {
 public:
  explicit PlainBook(std::shared_ptr<Stage> stage) : book_(std::move(stage)) {}
  Ticket execute(stepd::Context& context, const Seat& seat) { return book_.execute(context, seat); }

 private:
  Book book_;
};

/// A box office in a file of its own, open for business.
class Evening {
 public:
  Evening() { office.open(); }

  [[nodiscard]] static Rehearsal rehearse(BoxOffice& at) {
    return Rehearsal::of<Book>(std::make_shared<Stage>(Stage{.office = &at}));
  }
  [[nodiscard]] Rehearsal rehearse() { return Rehearsal::of<Book>(stage); }
  /// A step that does in execute what the test says.
  template <class Body>
  [[nodiscard]] stepd::testing::Ending call(Body body) {
    stepd::Plugin plugin("test", "1");
    plugin.step<Scripted>("test.scripted", std::function<std::string(stepd::Context&)>(body));
    return Rehearsal(plugin, "test.scripted").execute(stepd::Nothing{});
  }

  stepd::support::TemporaryFolder folder;
  std::filesystem::path file = folder.path() / "office.sqlite";
  BoxOffice office{file};
  std::shared_ptr<Stage> stage = std::make_shared<Stage>(Stage{.office = &office});

 private:
  class Scripted : public stepd::Step<void, std::string> {
   public:
    explicit Scripted(std::function<std::string(stepd::Context&)> body) : body_(std::move(body)) {}
    std::string execute(stepd::Context& context, const stepd::Nothing&) { return body_(context); }

   private:
    std::function<std::string(stepd::Context&)> body_;
  };
};

const Seat seat{"C-12"};

}  // namespace

TEST_CASE("C7: a step behind the barrier writes once whatever host call it crashes at") {
  Evening evening;
  auto rehearsal = evening.rehearse();
  evening.stage->in_body = [](stepd::Context& context) { context.progress(0.5); };
  rehearsal.before_each_run([&] { evening.office.open(); });
  int runs = 0;

  rehearsal.survives_every_crash(seat, [&] {
    ++runs;
    CHECK(evening.office.bookings() == 1);
  });

  // call, args_json, now_unix_ms, progress, set_output: before and after each, and undisturbed.
  CHECK(runs == 11);
}

TEST_CASE("C7: undoing cancels each booking once whatever host call either of them crashes at") {
  Evening evening;
  auto rehearsal = evening.rehearse();
  evening.stage->in_body = [](stepd::Context& context) { context.progress(0.5); };
  rehearsal.before_each_run([&] { evening.office.open(); });
  std::int64_t booked = 0;
  std::int64_t never_booked = 0;

  rehearsal.undo_survives_every_crash(seat, [&] {
    const auto bookings = evening.office.bookings();
    CHECK(evening.office.cancellations() == bookings);
    ++(bookings == 0 ? never_booked : booked);
  });

  CHECK(booked > 0);
  CHECK(never_booked > 0);
}

TEST_CASE("C7: a repeated execute returns what the first one returned and runs nothing") {
  Evening evening;
  auto rehearsal = Rehearsal::of<PlainBook>(evening.stage);
  const auto first = rehearsal.execute(seat);
  static_cast<void>(evening.office.book("of somebody else"));

  const auto repeat = rehearsal.execute(seat);

  CHECK(first.output == R"({"booking":1})");
  CHECK(repeat.output == first.output);
  CHECK(evening.office.bookings() == 2);
}

TEST_CASE("C7: a compensation without its execute undoes nothing and shuts the door") {
  Evening evening;
  auto rehearsal = evening.rehearse();

  const auto compensated = rehearsal.compensate(seat);
  const auto late = rehearsal.execute(seat);
  const auto again = rehearsal.compensate(seat);

  CHECK(compensated.outcome == Outcome::succeeded);
  CHECK(late.outcome == Outcome::refused);
  CHECK(late.code == "compensated_before");
  CHECK_THAT(late.message, Catch::Contains("step step-1 of job job-1 was compensated before") &&
                               Catch::Contains("rerun the job"));
  CHECK(again.outcome == Outcome::succeeded);
  CHECK(evening.office.bookings() == 0);
  CHECK(evening.office.cancellations() == 0);
}

TEST_CASE("C7: an execute that comes again after its compensation is refused") {
  Evening evening;
  auto rehearsal = evening.rehearse();
  static_cast<void>(rehearsal.execute(seat));
  static_cast<void>(rehearsal.compensate(seat));

  const auto late = rehearsal.execute(seat);
  const auto again = rehearsal.compensate(seat);

  CHECK(late.code == "compensated_before");
  CHECK(again.outcome == Outcome::succeeded);
  CHECK(evening.office.bookings() == 1);
  CHECK(evening.office.cancellations() == 1);
}

TEST_CASE("C7: a compensation is given the output of an execute that could not report it") {
  Evening evening;
  static_cast<void>(evening.office.book("of somebody else"));
  auto rehearsal = evening.rehearse();

  // Host call 4 is set_output: the commit lies behind it.
  const auto undone = rehearsal.undo_of_crashed(seat, {4, When::before});

  CHECK(undone.outcome == Outcome::succeeded);
  CHECK_FALSE(rehearsal.record.output);
  CHECK(evening.office.number("SELECT booking FROM cancellations") == 2);
}

TEST_CASE("C7: of two hosts that call at once one writes and the other gets its output") {
  Evening evening;
  BoxOffice elsewhere(evening.file);
  auto stale = evening.rehearse();
  auto successor = Evening::rehearse(elsewhere);
  successor.record.calls = 1;
  std::optional<stepd::testing::Ending> meanwhile;
  evening.stage->in_body = [&](stepd::Context&) { meanwhile = successor.execute(seat); };

  const auto first = stale.execute(seat);
  const auto second = successor.execute(seat);

  REQUIRE(meanwhile);
  CHECK(meanwhile->outcome == Outcome::retry);
  CHECK(meanwhile->code == "database_busy");
  CHECK_THAT(meanwhile->message,
             Catch::Contains(evening.file.string()) && Catch::Contains("sqlite3_busy_timeout"));
  CHECK(first.outcome == Outcome::succeeded);
  CHECK(second.output == first.output);
  CHECK(evening.office.bookings() == 1);
}

TEST_CASE("C7: an execute of a stale host and its compensation race and leave nothing behind") {
  Evening evening;
  BoxOffice elsewhere(evening.file);
  for (BoxOffice* office : {&evening.office, &elsewhere}) {
    sqlite3_busy_timeout(&office->connection(), 10'000);
  }
  constexpr int rounds = 40;
  int late = 0;

  for (int round = 0; round < rounds; ++round) {
    auto stale = evening.rehearse();
    auto successor = Evening::rehearse(elsewhere);
    stale.surroundings.job_id = successor.surroundings.job_id = "job-" + std::to_string(round);
    successor.record.calls = 1;
    std::latch both(2);
    std::jthread executing([&] {
      both.arrive_and_wait();
      late += stale.execute(seat).code == "compensated_before" ? 1 : 0;
    });
    both.arrive_and_wait();
    const auto undone = successor.compensate(seat);
    executing.join();
    REQUIRE(undone.outcome == Outcome::succeeded);
  }

  CHECK(evening.office.bookings() == rounds - late);
  CHECK(evening.office.cancellations() == evening.office.bookings());
}

TEST_CASE("C7: what a body throws is the answer and leaves nothing so that a retry may work") {
  Evening evening;
  auto rehearsal = evening.rehearse();
  evening.stage->in_body = [](stepd::Context&) { throw stepd::Refused{"sold_out", "no seats"}; };
  const auto refused = rehearsal.execute(seat);
  evening.stage->in_body = [](stepd::Context&) { throw std::runtime_error("later"); };
  const auto later = rehearsal.execute(seat);
  CHECK(evening.office.bookings() == 0);

  evening.stage->in_body = [](stepd::Context&) {};
  const auto done = rehearsal.execute(seat);
  evening.stage->in_body = [](stepd::Context&) { throw stepd::Retry{"closed", "come tomorrow"}; };
  const auto not_yet = rehearsal.compensate(seat);
  CHECK(evening.office.cancellations() == 0);
  evening.stage->in_body = [](stepd::Context&) {};
  const auto undone = rehearsal.compensate(seat);

  CHECK(refused.code == "sold_out");
  CHECK(later.outcome == Outcome::retry);
  CHECK(done.outcome == Outcome::succeeded);
  CHECK(not_yet.code == "closed");
  CHECK(undone.outcome == Outcome::succeeded);
  CHECK(evening.office.cancellations() == 1);
}

TEST_CASE("C7: a body that commits by itself is told on and undone") {
  Evening evening;
  auto rehearsal = evening.rehearse();
  evening.stage->in_body = [&](stepd::Context&) { evening.office.run("COMMIT"); };

  const auto ended = rehearsal.execute(seat);
  const auto repeat = rehearsal.execute(seat);

  CHECK(ended.outcome == Outcome::failed);
  CHECK(ended.code == "transaction_ended");
  CHECK_THAT(ended.message, Catch::Contains("leaves COMMIT and ROLLBACK to the barrier"));
  CHECK(repeat.code == "transaction_ended");
  CHECK(evening.office.bookings() == 1);
}

TEST_CASE("C7: each named part of a step passes the barrier once") {
  Evening evening;
  const auto both = [&](const std::string& first, const std::string& second) {
    return evening.call([&evening, first, second](stepd::Context& context) {
      std::string text;
      for (const auto& part : {first, second}) {
        stepd::SqliteBarrier barrier(evening.office.connection(), context, part);
        text += barrier.execute([&] { return std::to_string(evening.office.book(part)); });
      }
      return text;
    });
  };

  const auto unnamed = both("", "");
  const auto named = both("left", "right");

  CHECK(unnamed.outcome == Outcome::failed);
  CHECK(unnamed.code == "barrier_passed_twice");
  CHECK(named.output == R"("23")");
}

TEST_CASE("C7: a call of the same number in another job that undoes the step is a repeat") {
  Evening evening;

  const auto ending = evening.call([&](stepd::Context& context) {
    stepd::SqliteBarrier first(evening.office.connection(), context);
    const auto booked = first.execute([&] { return evening.office.book("A1"); });
    evening.office.run("UPDATE stepd_barrier SET job = 'another'");
    stepd::SqliteBarrier second(evening.office.connection(), context);
    return std::to_string(second.execute([&] { return evening.office.book("A2"); }) - booked);
  });

  CHECK(ending.output == R"("0")");
  CHECK(evening.office.bookings() == 1);
}

TEST_CASE("the barrier refuses a connection inside a transaction and a phase not its own") {
  Evening evening;
  const auto inside = evening.call([&](stepd::Context& context) {
    evening.office.run("BEGIN");
    return stepd::SqliteBarrier(evening.office.connection(), context).execute([] {
      return std::string("unreachable");
    });
  });
  evening.office.run("ROLLBACK");
  const auto elsewhere = evening.call([&](stepd::Context& context) {
    stepd::SqliteBarrier(evening.office.connection(), context).compensate([] {});
    return std::string("unreachable");
  });

  CHECK(inside.code == "transaction_open");
  CHECK(elsewhere.code == "wrong_phase");
  CHECK_THAT(elsewhere.message, Catch::Contains("compensate is called in another phase"));
}

TEST_CASE("a step whose database cannot be written is tried again") {
  Evening evening;
  BoxOffice read_only(evening.file, SQLITE_OPEN_READONLY);

  const auto ending = Evening::rehearse(read_only).execute(seat);

  CHECK(ending.outcome == Outcome::retry);
  CHECK(ending.code == "database_failed");
  CHECK_THAT(ending.message, Catch::Contains(evening.file.string()));
}
