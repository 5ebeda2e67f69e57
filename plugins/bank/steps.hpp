#pragma once

#include <boost/describe.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stepd/plugin.hpp>
#include <string>

#include "plugins/bank/ledgers.hpp"

namespace bank {

/// Shared by the plugin's description, which fills it when the plugin is configured, and by the
/// object of each call.
using SharedLedgers = std::shared_ptr<std::optional<Ledgers>>;

/// One side of a transfer. Where no bank is named, it is what stands before the account's first
/// dash: A-17 is an account of bank A.
struct Transfer {
  std::optional<std::string> bank;
  std::string account;
  std::int64_t cents = 0;
  std::optional<std::string> memo;
};
BOOST_DESCRIBE_STRUCT(Transfer, (), (bank, account, cents, memo))

struct Confirmation {
  std::string receipt;
  std::int64_t balance = 0;  // in cents, right after the booking
};
BOOST_DESCRIBE_STRUCT(Confirmation, (), (receipt, balance))

/// Takes money out of an account; undone, it puts it back.
class TransferOut : public stepd::SagaStep<Transfer, Confirmation> {
 public:
  explicit TransferOut(SharedLedgers ledgers) : ledgers_{std::move(ledgers)} {}
  Confirmation execute(stepd::Context& context, const Transfer& transfer);
  void compensate(stepd::Context& context, const Transfer& transfer,
                  const std::optional<Confirmation>& confirmation);

 private:
  SharedLedgers ledgers_;
};

/// Puts money into an account; undone, it takes it back as soon as it is there.
class TransferIn : public stepd::SagaStep<Transfer, Confirmation> {
 public:
  explicit TransferIn(SharedLedgers ledgers) : ledgers_{std::move(ledgers)} {}
  Confirmation execute(stepd::Context& context, const Transfer& transfer);
  void compensate(stepd::Context& context, const Transfer& transfer,
                  const std::optional<Confirmation>& confirmation);

 private:
  SharedLedgers ledgers_;
};

struct Opening {
  std::optional<std::string> bank;
  std::string account;
  std::int64_t cents = 0;
};
BOOST_DESCRIBE_STRUCT(Opening, (), (bank, account, cents))

struct Closing {
  std::optional<std::string> bank;
  std::string account;
};
BOOST_DESCRIBE_STRUCT(Closing, (), (bank, account))

struct Standing {
  std::string bank;
  std::string account;
  std::int64_t balance = 0;  // in cents
  bool closed = false;
};
BOOST_DESCRIBE_STRUCT(Standing, (), (bank, account, balance, closed))

/// Opens an account, and the bank with its first one.
class Open : public stepd::Step<Opening, Standing> {
 public:
  explicit Open(SharedLedgers ledgers) : ledgers_{std::move(ledgers)} {}
  Standing execute(stepd::Context& context, const Opening& opening);

 private:
  SharedLedgers ledgers_;
};

class Close : public stepd::Step<Closing, Standing> {
 public:
  explicit Close(SharedLedgers ledgers) : ledgers_{std::move(ledgers)} {}
  Standing execute(stepd::Context& context, const Closing& closing);

 private:
  SharedLedgers ledgers_;
};

struct Outage {
  std::string bank;
  std::chrono::milliseconds lasts{};
};
BOOST_DESCRIBE_STRUCT(Outage, (), (bank, lasts))

struct OutageSet {
  std::string bank;
  std::int64_t until_unix_ms = 0;
};
BOOST_DESCRIBE_STRUCT(OutageSet, (), (bank, until_unix_ms))

/// From now on the bank is down: its bookings fail, and may work once it is back.
class GoDown : public stepd::Step<Outage, OutageSet> {
 public:
  explicit GoDown(SharedLedgers ledgers) : ledgers_{std::move(ledgers)} {}
  OutageSet execute(stepd::Context& context, const Outage& outage);

 private:
  SharedLedgers ledgers_;
};

/// What the operator may set; without a folder the ledgers lie in the user's data folder.
struct Settings {
  std::string folder;
};
BOOST_DESCRIBE_STRUCT(Settings, (), (folder))

void describe(stepd::Plugin& plugin, const SharedLedgers& ledgers);

}  // namespace bank
