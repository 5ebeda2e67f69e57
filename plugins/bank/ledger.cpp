#include "plugins/bank/ledger.hpp"

#include <utility>

namespace bank {
namespace {

constexpr std::int64_t version = 1;

constexpr auto schema = R"(
CREATE TABLE accounts (
  account     TEXT PRIMARY KEY CHECK (account <> ''),
  opened_by   TEXT NOT NULL UNIQUE,
  opened_with INTEGER NOT NULL CHECK (opened_with >= 0),
  balance     INTEGER NOT NULL CHECK (balance BETWEEN 0 AND 9007199254740991),
  closed      INTEGER NOT NULL DEFAULT 0 CHECK (closed IN (0, 1))
) STRICT, WITHOUT ROWID;

CREATE TABLE movements (
  movement INTEGER PRIMARY KEY AUTOINCREMENT,
  account  TEXT NOT NULL REFERENCES accounts,
  cents    INTEGER NOT NULL CHECK (cents <> 0),
  balance  INTEGER NOT NULL CHECK (balance >= 0),
  memo     TEXT NOT NULL,
  undoes   INTEGER UNIQUE REFERENCES movements
) STRICT;

CREATE TABLE applied (
  execute_key TEXT NOT NULL,
  phase       TEXT NOT NULL CHECK (phase IN ('execute', 'compensate')),
  movement    INTEGER UNIQUE REFERENCES movements,
  PRIMARY KEY (execute_key, phase)
) STRICT, WITHOUT ROWID;

CREATE TABLE outages (
  set_by   TEXT PRIMARY KEY,
  until_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TRIGGER movements_stay BEFORE UPDATE ON movements
BEGIN SELECT RAISE(ABORT, 'a movement never changes'); END;
CREATE TRIGGER movements_remain BEFORE DELETE ON movements
BEGIN SELECT RAISE(ABORT, 'a movement is never removed'); END;

PRAGMA user_version = 1;
)";

void prepare(Database& database) {
  // WAL and FULL: a commit is on the disk when it returns. All writes and checkpoints come from
  // this one connection.
  database.run("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON");
  Transaction transaction{database};
  Statement present{database, "PRAGMA user_version"};
  present.step();
  const auto found = present.integer(0);
  if (found > version) {
    throw SqliteError{"the ledger is of version " + std::to_string(found) +
                      ", and this plugin knows none above " + std::to_string(version) +
                      ": install the plugin that wrote it"};
  }
  if (found == 0) database.run(schema);
  transaction.commit();
}

}  // namespace

/// What the ledger knows of a key: its booking if it ran, and whether that was undone.
struct Ledger::Booked {
  std::optional<std::int64_t> movement;  // absent: undone before it ran
  Booking booking;
  std::int64_t balance = 0;
  bool undone = false;
};

Ledger::Ledger(std::filesystem::path file, std::string bank)
    : bank_{std::move(bank)}, database_{file} {
  prepare(database_);
}

std::variant<Account, Refusal> Ledger::open(const std::string& key, const Account& wanted) {
  const std::scoped_lock lock{mutex_};
  Transaction transaction{database_};
  Statement before{database_, "SELECT account, opened_with FROM accounts WHERE opened_by = ?"};
  if (before.bind(key).step()) return Account{before.text(0), before.integer(1)};
  if (account(wanted.name)) {
    return Refusal{"account_exists", named(wanted.name) + " exists already: choose another name"};
  }
  Statement insert{database_,
                   "INSERT INTO accounts (account, opened_by, opened_with, balance)"
                   " VALUES (?1, ?2, ?3, ?3)"};
  insert.bind(wanted.name).bind(key).bind(wanted.balance).run();
  transaction.commit();
  return Account{wanted.name, wanted.balance};
}

std::variant<Account, Refusal> Ledger::close(std::string_view name) {
  const std::scoped_lock lock{mutex_};
  Transaction transaction{database_};
  auto found = account(name);
  if (!found) return Refusal{"unknown_account", named(name) + " does not exist"};
  Statement{database_, "UPDATE accounts SET closed = 1 WHERE account = ?"}.bind(name).run();
  transaction.commit();
  found->closed = true;
  return *found;
}

Instant Ledger::go_down(const std::string& key, Instant until) {
  const std::scoped_lock lock{mutex_};
  Transaction transaction{database_};
  Statement{database_,
            "INSERT INTO outages (set_by, until_ms) VALUES (?, ?) ON CONFLICT DO NOTHING"}
      .bind(key)
      .bind(until.time_since_epoch().count())
      .run();
  Statement first{database_, "SELECT until_ms FROM outages WHERE set_by = ?"};
  first.bind(key).step();
  const Instant set{std::chrono::milliseconds{first.integer(0)}};
  transaction.commit();
  return set;
}

std::variant<Receipt, Refusal, Down> Ledger::book(const std::string& key, const Booking& booking,
                                                  Instant now) {
  const std::scoped_lock lock{mutex_};
  Transaction transaction{database_};
  if (const auto closed_until = down(now)) return *closed_until;
  if (const auto before = booked(key)) {
    return std::visit([](auto answer) -> std::variant<Receipt, Refusal, Down> { return answer; },
                      repeat(*before, booking));
  }
  const auto found = account(booking.account);
  if (!found) return Refusal{"unknown_account", named(booking.account) + " does not exist"};
  if (found->closed) return Refusal{"account_closed", named(booking.account) + " is closed"};
  if (found->balance + booking.cents < 0) {
    return Refusal{"insufficient_funds", named(booking.account) + " holds " +
                                             std::to_string(found->balance) + " cents, not the " +
                                             std::to_string(-booking.cents) + " asked for"};
  }
  if (found->balance > cents_max - booking.cents) {
    return Refusal{"balance_too_large", named(booking.account) + " would hold more than " +
                                            std::to_string(cents_max) + " cents"};
  }
  const auto receipt = write(*found, booking, std::nullopt);
  remember(key, "execute", database_.last_row());
  transaction.commit();
  return receipt;
}

std::variant<Undone, NoCover, Down> Ledger::undo(const std::string& key, Instant now) {
  const std::scoped_lock lock{mutex_};
  Transaction transaction{database_};
  if (const auto closed_until = down(now)) return *closed_until;
  const auto before = booked(key);
  if (!before) {
    remember(key, "execute", std::nullopt);
    remember(key, "compensate", std::nullopt);
    transaction.commit();
    return Undone{};
  }
  if (!before->movement) return Undone{};
  if (before->undone) {
    Statement reversal{database_, "SELECT movement, balance FROM movements WHERE undoes = ?"};
    reversal.bind(before->movement).step();
    return Undone{Receipt{number(reversal.integer(0)), reversal.integer(1)}};
  }
  const auto found = account(before->booking.account);
  if (found->balance < before->booking.cents) return NoCover{found->balance};
  const Booking reverse{before->booking.account, -before->booking.cents,
                        "undoes " + number(*before->movement)};
  const auto receipt = write(*found, reverse, before->movement);
  remember(key, "compensate", database_.last_row());
  transaction.commit();
  return Undone{receipt};
}

std::optional<Account> Ledger::find(std::string_view name) {
  const std::scoped_lock lock{mutex_};
  return account(name);
}

std::optional<Account> Ledger::account(std::string_view name) {
  Statement select{database_, "SELECT account, balance, closed FROM accounts WHERE account = ?"};
  if (!select.bind(name).step()) return std::nullopt;
  return Account{select.text(0), select.integer(1), select.integer(2) != 0};
}

std::optional<Down> Ledger::down(Instant now) {
  Statement select{database_, "SELECT max(until_ms) FROM outages WHERE until_ms > ?"};
  select.bind(now.time_since_epoch().count()).step();
  if (select.is_null(0)) return std::nullopt;
  return Down{Instant{std::chrono::milliseconds{select.integer(0)}}};
}

std::optional<Ledger::Booked> Ledger::booked(const std::string& key) {
  Statement select{database_,
                   "SELECT a.movement, m.account, m.cents, m.memo, m.balance, EXISTS ("
                   "  SELECT 1 FROM applied c WHERE c.execute_key = a.execute_key"
                   "  AND c.phase = 'compensate')"
                   " FROM applied a LEFT JOIN movements m ON m.movement = a.movement"
                   " WHERE a.execute_key = ? AND a.phase = 'execute'"};
  if (!select.bind(key).step()) return std::nullopt;
  Booked booked{.undone = select.integer(5) != 0};
  if (!select.is_null(0)) {
    booked.movement = select.integer(0);
    booked.booking = {select.text(1), select.integer(2), select.text(3)};
    booked.balance = select.integer(4);
  }
  return booked;
}

Receipt Ledger::write(const Account& account, const Booking& booking,
                      std::optional<std::int64_t> undoes) {
  const auto balance = account.balance + booking.cents;
  Statement{database_, "UPDATE accounts SET balance = ? WHERE account = ?"}
      .bind(balance)
      .bind(account.name)
      .run();
  Statement{database_,
            "INSERT INTO movements (account, cents, balance, memo, undoes) VALUES (?, ?, ?, ?, ?)"}
      .bind(account.name)
      .bind(booking.cents)
      .bind(balance)
      .bind(booking.memo)
      .bind(undoes)
      .run();
  return {number(database_.last_row()), balance};
}

void Ledger::remember(const std::string& key, std::string_view phase,
                      std::optional<std::int64_t> movement) {
  Statement{database_, "INSERT INTO applied (execute_key, phase, movement) VALUES (?, ?, ?)"}
      .bind(key)
      .bind(phase)
      .bind(movement)
      .run();
}

std::variant<Receipt, Refusal> Ledger::repeat(const Booked& before, const Booking& booking) const {
  if (before.undone) {
    return Refusal{"undone", "this booking was undone; it must not run again under the same key"};
  }
  if (before.booking.account != booking.account || before.booking.cents != booking.cents) {
    return Refusal{"key_reused", "the key already stands for " + number(*before.movement) +
                                     ", a booking of " + std::to_string(before.booking.cents) +
                                     " cents on " + named(before.booking.account)};
  }
  return Receipt{number(*before.movement), before.balance};
}

std::string Ledger::number(std::int64_t movement) const {
  return bank_ + "/" + std::to_string(movement);
}

std::string Ledger::named(std::string_view account) const {
  return "account " + std::string{account} + " of bank " + bank_;
}

}  // namespace bank
