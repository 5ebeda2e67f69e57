#include <boost/json/value.hpp>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <stepd/testing/rehearsal.hpp>
#include <string>

#include "plugins/bank/steps.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace std::chrono_literals;
using boost::json::value;
using stepd::testing::Ending;
using stepd::testing::Outcome;
using stepd::testing::Rehearsal;

namespace {

/// Two banks in a folder of their own: A-1 holds 100.00, B-1 holds 1.00 and B-2 is closed.
class TwoBanks {
 public:
  TwoBanks() {
    bank::describe(plugin, ledgers);
    begin_anew();
  }

  void begin_anew() {
    ledgers->reset();
    std::filesystem::remove_all(folder.path() / "ledgers");
    plugin.init(boost::json::serialize(value{{"folder", (folder.path() / "ledgers").string()}}));
    open("A-1", 10'000);
    open("B-1", 100);
    open("B-2", 0);
    (void)(*ledgers)->find("B")->close("B-2");
  }

  void open(const std::string& account, std::int64_t cents) {
    auto& ledger = (*ledgers)->make(account.substr(0, 1));
    REQUIRE(
        std::holds_alternative<bank::Account>(ledger.open("opens " + account, {account, cents})));
  }
  std::int64_t balance(const std::string& account) {
    return (*ledgers)->find(account.substr(0, 1))->find(account)->balance;
  }
  std::int64_t movements(const std::string& bank) {
    bank::Database database{(*ledgers)->folder() / (bank + ".sqlite")};
    bank::Statement count{database, "SELECT count(*) FROM movements"};
    REQUIRE(count.step());
    return count.integer(0);
  }
  Rehearsal rehearse(const std::string& type) {
    Rehearsal rehearsal{plugin, type};
    rehearsal.surroundings.attempts_max = 5;
    rehearsal.before_each_run([this] { begin_anew(); });
    return rehearsal;
  }

  stepd::support::TemporaryFolder folder;
  bank::SharedLedgers ledgers = std::make_shared<std::optional<bank::Ledgers>>();
  stepd::Plugin plugin{"bank", "0"};
};

}  // namespace

TEST_CASE("a transfer takes out of one bank and puts into the other") {
  TwoBanks banks;

  const auto out =
      banks.rehearse("bank.transfer_out").run(value{{"account", "A-1"}, {"cents", 2'500}});
  const auto in = banks.rehearse("bank.transfer_in")
                      .run(value{{"account", "B-1"}, {"cents", 2'500}, {"memo", "rent"}});

  CHECK(out.output == R"({"receipt":"A/1","balance":7500})");
  CHECK(in.output == R"({"receipt":"B/1","balance":2600})");
}

TEST_CASE("a bank that is named goes before the one in the account's name") {
  TwoBanks banks;
  (void)banks.rehearse("bank.open").run(value{{"bank", "B"}, {"account", "A-1"}, {"cents", 7}});

  const auto ending = banks.rehearse("bank.transfer_out")
                          .run(value{{"bank", "B"}, {"account", "A-1"}, {"cents", 7}});

  CHECK(ending.output_as<bank::Confirmation>().balance == 0);
  CHECK(banks.balance("A-1") == 10'000);
}

TEST_CASE("a transfer survives a crash at every host call and moves its money once") {
  TwoBanks banks;

  banks.rehearse("bank.transfer_out")
      .survives_every_crash(value{{"account", "A-1"}, {"cents", 2'500}}, [&] {
        CHECK(banks.balance("A-1") == 7'500);
        CHECK(banks.movements("A") == 1);
      });
  banks.rehearse("bank.transfer_in")
      .survives_every_crash(value{{"account", "B-1"}, {"cents", 2'500}}, [&] {
        CHECK(banks.balance("B-1") == 2'600);
        CHECK(banks.movements("B") == 1);
      });
}

TEST_CASE("undoing a transfer survives a crash at every host call and gives back what it took") {
  TwoBanks banks;

  banks.rehearse("bank.transfer_out")
      .undo_survives_every_crash(value{{"account", "A-1"}, {"cents", 2'500}},
                                 [&] { CHECK(banks.balance("A-1") == 10'000); });
  banks.rehearse("bank.transfer_in")
      .undo_survives_every_crash(value{{"account", "B-1"}, {"cents", 2'500}},
                                 [&] { CHECK(banks.balance("B-1") == 100); });
}

TEST_CASE("C7: a transfer that comes after its own undoing is refused") {
  TwoBanks banks;
  auto rehearsal = banks.rehearse("bank.transfer_out");
  const value arguments{{"account", "A-1"}, {"cents", 2'500}};

  CHECK(rehearsal.compensate(arguments).outcome == Outcome::succeeded);
  const auto late = rehearsal.execute(arguments);

  CHECK(late.outcome == Outcome::refused);
  CHECK(late.code == "undone");
  CHECK(banks.balance("A-1") == 10'000);
}

TEST_CASE("a transfer that can never work is refused and says why") {
  TwoBanks banks;
  struct Row {
    value arguments;
    std::string code;
  };
  const Row row = GENERATE(values<Row>({
      {{{"account", "B-2"}, {"cents", 1}}, "account_closed"},
      {{{"account", "B-9"}, {"cents", 1}}, "unknown_account"},
      {{{"account", "C-1"}, {"cents", 1}}, "unknown_bank"},
      {{{"account", "B-1"}, {"cents", 101}}, "insufficient_funds"},
      {{{"account", "B-1"}, {"cents", 0}}, "bad_amount"},
      {{{"account", "B-1"}, {"cents", -5}}, "bad_amount"},
      {{{"account", "plain"}, {"cents", 1}}, "no_bank"},
      {{{"account", "B-1"}, {"bank", "../B"}, {"cents", 1}}, "bad_bank_name"},
  }));

  const auto ending = banks.rehearse("bank.transfer_out").run(row.arguments);

  CHECK(ending.outcome == Outcome::refused);
  CHECK(ending.code == row.code);
  CHECK(banks.movements("B") == 0);
}

TEST_CASE("a transfer without an account is refused with the path of what is missing") {
  TwoBanks banks;

  const auto ending = banks.rehearse("bank.transfer_out").run(value{{"cents", 1}});

  CHECK(ending.outcome == Outcome::refused);
  CHECK_THAT(ending.message, Catch::Contains("/account"));
}

TEST_CASE("a transfer to a bank that is down fails and works once the bank is back") {
  TwoBanks banks;
  const value arguments{{"account", "B-1"}, {"cents", 2'500}};
  const auto down = banks.rehearse("bank.go_down").run(value{{"bank", "B"}, {"lasts", "3s"}});
  REQUIRE(down.outcome == Outcome::succeeded);
  auto rehearsal = banks.rehearse("bank.transfer_in");

  const auto first = rehearsal.execute(arguments);
  const auto last = rehearsal.run(arguments);

  CHECK(first.outcome == Outcome::retry);
  CHECK(first.code == "bank_down");
  CHECK(last.outcome == Outcome::succeeded);
  CHECK(rehearsal.record.calls > 2);
  CHECK(banks.balance("B-1") == 2'600);
}

TEST_CASE("taking back money that was spent waits until it is there again") {
  TwoBanks banks;
  const value arguments{{"account", "B-1"}, {"cents", 2'500}};
  auto in = banks.rehearse("bank.transfer_in");
  REQUIRE(in.run(arguments).outcome == Outcome::succeeded);
  auto& ledger = *(*banks.ledgers)->find("B");
  (void)ledger.book("spent", {"B-1", -2'600, "holiday"}, in.record.now);

  const auto too_early = in.compensate(arguments);
  (void)ledger.book("wages", {"B-1", 3'000, "wages"}, in.record.now);
  const auto later = in.compensate(arguments);

  CHECK(too_early.code == "no_cover_yet");
  CHECK(later.outcome == Outcome::succeeded);
  CHECK(banks.balance("B-1") == 500);
}

TEST_CASE("opening an account survives a crash at every host call") {
  TwoBanks banks;

  banks.rehearse("bank.open").survives_every_crash(value{{"account", "C-1"}, {"cents", 50}}, [&] {
    CHECK(banks.balance("C-1") == 50);
  });
}

TEST_CASE("a closed account is told with its balance") {
  TwoBanks banks;

  const auto ending = banks.rehearse("bank.close").run(value{{"account", "A-1"}});

  CHECK(ending.output == R"({"bank":"A","account":"A-1","balance":10000,"closed":true})");
}

TEST_CASE("an unknown setting of the bank is refused by name") {
  TwoBanks banks;

  CHECK_THROWS_WITH(banks.plugin.init(R"({"fodler": "/tmp"})"), Catch::Contains("fodler"));
}
