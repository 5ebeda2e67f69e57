#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "plugins/bank/sqlite.hpp"

namespace bank {

using Instant = std::chrono::time_point<std::chrono::system_clock, std::chrono::milliseconds>;

/// Will never work, and nothing was booked.
struct Refusal {
  std::string code;  // unknown_account, account_closed, insufficient_funds, ...
  std::string message;
};

/// The bank does no business before this instant; nothing was booked.
struct Down {
  Instant until;
};

/// One side of a transfer.
struct Booking {
  std::string account;
  std::int64_t cents = 0;  // what the balance changes by: below zero takes out
  std::string memo;
};

/// A booking as it stands in the ledger. Every repeat of it gets the same one.
struct Receipt {
  std::string number;        // "A/17": unique over all banks
  std::int64_t balance = 0;  // in cents, right after the booking
  friend bool operator==(const Receipt&, const Receipt&) = default;
};

/// What became of an undo: the receipt of the booking in reverse, or nothing was there to undo.
struct Undone {
  std::optional<Receipt> reversal;
};

/// Taking the money back would leave less than nothing; it may be there later.
struct NoCover {
  std::int64_t balance = 0;
};

struct Account {
  std::string name;
  std::int64_t balance = 0;
  bool closed = false;
};

/// The books of one bank: an SQLite file in which every booking is a row that is never changed, so
/// that an audit can add up each balance again.
///
/// A booking and its undoing happen once each, whatever crashes and whoever repeats them: both are
/// known by the idempotency key of the execute phase, and a row with that key is written in the
/// booking's own transaction. This is the barrier of sagas: undoing what never ran books nothing
/// and shuts the door to a late execute. Any thread.
class Ledger {
 public:
  /// Amounts and balances stay below this, so that any JSON reader has them exactly.
  static constexpr std::int64_t cents_max = 9'007'199'254'740'991;

  /// Makes the file when it is not there. Throws SqliteError, also for a file of a later version.
  Ledger(std::filesystem::path file, std::string bank);

  /// A new account; a repeat with the same key returns it as it was opened.
  [[nodiscard]] std::variant<Account, Refusal> open(const std::string& key, const Account& account);
  /// From now on refuses bookings, but not their undoing.
  [[nodiscard]] std::variant<Account, Refusal> close(std::string_view account);
  /// Does no business before `until`; a repeat with the same key returns the first instant.
  [[nodiscard]] Instant go_down(const std::string& key, Instant until);

  [[nodiscard]] std::variant<Receipt, Refusal, Down> book(const std::string& key,
                                                          const Booking& booking, Instant now);
  /// A closed account takes its money back: it has to go somewhere.
  [[nodiscard]] std::variant<Undone, NoCover, Down> undo(const std::string& key, Instant now);

  [[nodiscard]] std::optional<Account> find(std::string_view account);

 private:
  struct Booked;
  [[nodiscard]] std::optional<Account> account(std::string_view name);
  [[nodiscard]] std::optional<Down> down(Instant now);
  [[nodiscard]] std::optional<Booked> booked(const std::string& key);
  [[nodiscard]] Receipt write(const Account& account, const Booking& booking,
                              std::optional<std::int64_t> undoes);
  void remember(const std::string& key, std::string_view phase,
                std::optional<std::int64_t> movement);
  [[nodiscard]] std::variant<Receipt, Refusal> repeat(const Booked& before,
                                                      const Booking& booking) const;
  [[nodiscard]] std::string number(std::int64_t movement) const;
  [[nodiscard]] std::string named(std::string_view account) const;

  const std::string bank_;
  std::mutex mutex_;  // guards what is below
  Database database_;
};

}  // namespace bank
