#include "plugins/bank/steps.hpp"

#include <cstdlib>
#include <utility>
#include <variant>

namespace bank {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::milliseconds outage_max = 1h;

template <class... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};

[[nodiscard]] std::string bank_of(const std::optional<std::string>& bank,
                                  const std::string& account) {
  if (bank) return *bank;
  const auto dash = account.find('-');
  return dash == std::string::npos ? std::string{} : account.substr(0, dash);
}

/// Throws Refused when the name cannot be a bank's.
[[nodiscard]] std::string named_bank(const std::optional<std::string>& bank,
                                     const std::string& account) {
  auto name = bank_of(bank, account);
  if (is_bank_name(name)) return name;
  if (!bank && name.empty()) {
    throw stepd::Refused{"no_bank", "account \"" + account +
                                        "\" does not say its bank: write it before a dash, as in "
                                        "A-17, or name it with \"bank\""};
  }
  throw stepd::Refused{"bad_bank_name", "\"" + name +
                                            "\" cannot be a bank: up to 64 letters, digits, _ "
                                            "and . are allowed, and no dot in front"};
}

[[nodiscard]] Ledger& existing_ledger(Ledgers& ledgers, const std::string& bank) {
  if (Ledger* found = ledgers.find(bank)) return *found;
  throw stepd::Refused{"unknown_bank", "there is no bank " + bank + " in " +
                                           ledgers.folder().string() +
                                           ": open an account there first (bank.open)"};
}

[[nodiscard]] std::int64_t positive(std::int64_t cents) {
  if (cents > 0 && cents <= Ledger::cents_max) return cents;
  throw stepd::Refused{"bad_amount", "/cents: must be between 1 and " +
                                         std::to_string(Ledger::cents_max) + ", not " +
                                         std::to_string(cents)};
}

[[noreturn]] void throw_down(const std::string& bank, const Down& down, Instant now) {
  throw stepd::Retry{
      "bank_down",
      "bank " + bank + " is down for another " + std::to_string((down.until - now).count()) + " ms",
      {{"until_unix_ms", down.until.time_since_epoch().count()}}};
}

[[noreturn]] void throw_refused(const Refusal& refusal) {
  throw stepd::Refused{refusal.code, refusal.message};
}

enum class Direction { out, in };

Confirmation book(stepd::Context& context, Ledgers& ledgers, const Transfer& transfer,
                  Direction direction) {
  const auto cents = positive(transfer.cents);
  const auto bank = named_bank(transfer.bank, transfer.account);
  const auto now = context.now();
  const Booking booking{transfer.account, direction == Direction::out ? -cents : cents,
                        transfer.memo.value_or("")};
  const auto answer =
      existing_ledger(ledgers, bank).book(std::string{context.execute_key()}, booking, now);
  return std::visit(
      Overloaded{[](const Receipt& receipt) -> Confirmation {
                   return {receipt.number, receipt.balance};
                 },
                 [](const Refusal& refusal) -> Confirmation { throw_refused(refusal); },
                 [&](const Down& down) -> Confirmation { throw_down(bank, down, now); }},
      answer);
}

void undo(stepd::Context& context, Ledgers& ledgers, const Transfer& transfer) {
  const auto bank = bank_of(transfer.bank, transfer.account);
  // Without a ledger no execute can have booked anything.
  Ledger* const ledger = is_bank_name(bank) ? ledgers.find(bank) : nullptr;
  if (ledger == nullptr) return;
  const auto now = context.now();
  const auto answer = ledger->undo(std::string{context.execute_key()}, now);
  std::visit(Overloaded{[&](const Undone& undone) {
                          if (!undone.reversal) return context.info("nothing was booked to undo");
                          context.info("booking undone", {{"receipt", undone.reversal->number}});
                        },
                        [&](const NoCover& no_cover) {
                          throw stepd::Retry{"no_cover_yet",
                                             "account " + transfer.account + " holds " +
                                                 std::to_string(no_cover.balance) +
                                                 " cents of the " + std::to_string(transfer.cents) +
                                                 " to take back: have it filled up"};
                        },
                        [&](const Down& down) { throw_down(bank, down, now); }},
             answer);
}

[[nodiscard]] Standing standing(const std::string& bank,
                                const std::variant<Account, Refusal>& answer) {
  if (const auto* refusal = std::get_if<Refusal>(&answer)) throw_refused(*refusal);
  const auto& account = std::get<Account>(answer);
  return {bank, account.name, account.balance, account.closed};
}

[[nodiscard]] std::filesystem::path usual_folder() {
  if (const char* folder = std::getenv("XDG_DATA_HOME"); folder != nullptr && *folder == '/') {
    return std::filesystem::path{folder} / "stepd-bank";
  }
  if (const char* home = std::getenv("HOME"); home != nullptr && *home == '/') {
    return std::filesystem::path{home} / ".local/share/stepd-bank";
  }
  throw stepd::Refused{"no_folder",
                       "the bank does not know where its ledgers lie: configure "
                       "\"folder\", or set HOME"};
}

}  // namespace

Confirmation TransferOut::execute(stepd::Context& context, const Transfer& transfer) {
  return book(context, **ledgers_, transfer, Direction::out);
}

void TransferOut::compensate(stepd::Context& context, const Transfer& transfer,
                             const std::optional<Confirmation>&) {
  undo(context, **ledgers_, transfer);
}

Confirmation TransferIn::execute(stepd::Context& context, const Transfer& transfer) {
  return book(context, **ledgers_, transfer, Direction::in);
}

void TransferIn::compensate(stepd::Context& context, const Transfer& transfer,
                            const std::optional<Confirmation>&) {
  undo(context, **ledgers_, transfer);
}

Standing Open::execute(stepd::Context& context, const Opening& opening) {
  if (opening.cents < 0 || opening.cents > Ledger::cents_max) {
    throw stepd::Refused{"bad_amount",
                         "/cents: must be between 0 and " + std::to_string(Ledger::cents_max)};
  }
  if (opening.account.empty()) {
    throw stepd::Refused{"bad_account", "/account: must not be empty"};
  }
  const auto bank = named_bank(opening.bank, opening.account);
  return standing(bank, (*ledgers_)->make(bank).open(std::string{context.idempotency_key()},
                                                     {opening.account, opening.cents}));
}

Standing Close::execute(stepd::Context&, const Closing& closing) {
  const auto bank = named_bank(closing.bank, closing.account);
  return standing(bank, existing_ledger(**ledgers_, bank).close(closing.account));
}

OutageSet GoDown::execute(stepd::Context& context, const Outage& outage) {
  if (outage.lasts > outage_max) {
    throw stepd::Refused{"too_long", "/lasts: a bank is down for an hour at most"};
  }
  const auto bank = named_bank(outage.bank, {});
  const auto until =
      existing_ledger(**ledgers_, bank)
          .go_down(std::string{context.idempotency_key()}, context.now() + outage.lasts);
  return {bank, until.time_since_epoch().count()};
}

void describe(stepd::Plugin& plugin, const SharedLedgers& ledgers) {
  plugin.on_init<Settings>([ledgers](const Settings& settings) {
    ledgers->emplace(settings.folder.empty() ? usual_folder()
                                             : std::filesystem::path{settings.folder});
  });
  plugin.saga<TransferOut>("bank.transfer_out", ledgers)
      .title("Take money out of an account")
      .timeout(30s);
  plugin.saga<TransferIn>("bank.transfer_in", ledgers)
      .title("Put money into an account")
      .timeout(30s);
  plugin.step<Open>("bank.open", ledgers)
      .title("Open an account, and its bank with the first one")
      .timeout(30s);
  plugin.step<Close>("bank.close", ledgers)
      .title("Close an account: it takes no bookings any more")
      .timeout(30s);
  plugin.step<GoDown>("bank.go_down", ledgers)
      .title("Take a bank out of service for a while, to see what happens")
      .timeout(30s);
}

}  // namespace bank
