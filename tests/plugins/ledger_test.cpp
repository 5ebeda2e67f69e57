#include "plugins/bank/ledger.hpp"

#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "plugins/bank/ledgers.hpp"
#include "plugins/bank/sqlite.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace std::chrono_literals;
using bank::Account;
using bank::Down;
using bank::Instant;
using bank::Ledger;
using bank::NoCover;
using bank::Receipt;
using bank::Refusal;
using bank::Undone;

namespace {

constexpr Instant noon{1'800'000'000'000ms};

/// A bank with A-1 holding 100.00, and what the tests ask of it in one word each.
class Books {
 public:
  Books() { open("A-1", 10'000); }

  void open(const std::string& account, std::int64_t cents) {
    REQUIRE(std::holds_alternative<Account>(ledger->open("opens " + account, {account, cents})));
  }
  auto book(const std::string& key, const std::string& account, std::int64_t cents) {
    return ledger->book(key, {account, cents, "rent"}, noon);
  }
  Receipt booked(const std::string& key, const std::string& account, std::int64_t cents) {
    const auto answer = book(key, account, cents);
    REQUIRE(std::holds_alternative<Receipt>(answer));
    return std::get<Receipt>(answer);
  }
  std::string refusal(const std::string& key, const std::string& account, std::int64_t cents) {
    const auto answer = book(key, account, cents);
    REQUIRE(std::holds_alternative<Refusal>(answer));
    return std::get<Refusal>(answer).code;
  }
  Undone undone(const std::string& key) {
    const auto answer = ledger->undo(key, noon);
    REQUIRE(std::holds_alternative<Undone>(answer));
    return std::get<Undone>(answer);
  }
  std::int64_t balance(const std::string& account) { return ledger->find(account)->balance; }
  std::filesystem::path file() const { return folder.path() / "A.sqlite"; }
  void reopen() {
    ledger.reset();
    ledger.emplace(file(), "A");
  }
  std::int64_t count(const char* question) {
    bank::Database database{file()};
    bank::Statement select{database, question};
    REQUIRE(select.step());
    return select.integer(0);
  }

  stepd::support::TemporaryFolder folder;
  std::optional<Ledger> ledger{std::in_place, folder.path() / "A.sqlite", "A"};
};

}  // namespace

TEST_CASE("a booking changes the balance and is kept with the balance it made") {
  Books books;

  const auto receipt = books.booked("k1", "A-1", -2'500);

  CHECK(receipt.balance == 7'500);
  CHECK(books.balance("A-1") == 7'500);
  CHECK(books.count("SELECT count(*) FROM movements WHERE cents = -2500 AND balance = 7500") == 1);
}

TEST_CASE(
    "C7: a repeated booking books nothing and returns the same receipt even after a restart") {
  Books books;
  const auto first = books.booked("k1", "A-1", -2'500);
  (void)books.booked("k2", "A-1", -100);

  CHECK(books.booked("k1", "A-1", -2'500) == first);
  books.reopen();
  CHECK(books.booked("k1", "A-1", -2'500) == first);

  CHECK(books.balance("A-1") == 7'400);
}

TEST_CASE("C7: undoing a booking returns the money once however often it is asked for") {
  Books books;
  (void)books.booked("k1", "A-1", -2'500);

  const auto first = books.undone("k1").reversal;
  const auto second = books.undone("k1").reversal;

  REQUIRE(first.has_value());
  CHECK(second == first);
  CHECK(books.balance("A-1") == 10'000);
  CHECK(books.count("SELECT count(*) FROM movements") == 2);
}

TEST_CASE("C7: undoing what never ran books nothing and refuses a late booking") {
  Books books;

  CHECK_FALSE(books.undone("k1").reversal.has_value());
  CHECK_FALSE(books.undone("k1").reversal.has_value());

  CHECK(books.refusal("k1", "A-1", -2'500) == "undone");
  CHECK(books.balance("A-1") == 10'000);
}

TEST_CASE("C7: a booking that was undone is refused when it comes again") {
  Books books;
  (void)books.booked("k1", "A-1", -2'500);
  (void)books.undone("k1");

  CHECK(books.refusal("k1", "A-1", -2'500) == "undone");
  CHECK(books.balance("A-1") == 10'000);
}

TEST_CASE("a refused booking leaves no trace and its key may work later") {
  Books books;
  books.open("A-2", 0);

  CHECK(books.refusal("k1", "A-2", -1) == "insufficient_funds");
  (void)books.booked("k2", "A-2", 5);

  CHECK(books.booked("k1", "A-2", -1).balance == 4);
}

TEST_CASE("a booking is refused for what stands in its way") {
  Books books;
  books.open("A-2", 50);
  (void)books.ledger->close("A-2");
  (void)books.booked("used", "A-1", -1);

  struct Row {
    std::string key, account;
    std::int64_t cents;
    std::string code;
  };
  const Row row = GENERATE(values<Row>({
      {"k1", "A-9", 1, "unknown_account"},
      {"k2", "A-2", 1, "account_closed"},
      {"k3", "A-2", -1, "account_closed"},
      {"k4", "A-1", -10'001, "insufficient_funds"},
      {"k5", "A-1", Ledger::cents_max, "balance_too_large"},
      {"used", "A-1", -2, "key_reused"},
  }));

  CHECK(books.refusal(row.key, row.account, row.cents) == row.code);
  CHECK(books.count("SELECT count(*) FROM movements") == 1);
}

TEST_CASE("the last cent can be taken out") {
  Books books;

  CHECK(books.booked("k1", "A-1", -10'000).balance == 0);
  CHECK(books.refusal("k2", "A-1", -1) == "insufficient_funds");
}

TEST_CASE("an undo goes to an account that was closed meanwhile") {
  Books books;
  (void)books.booked("k1", "A-1", -2'500);
  (void)books.ledger->close("A-1");

  CHECK(books.undone("k1").reversal->balance == 10'000);
}

TEST_CASE("money that was spent meanwhile is not taken back before it is there") {
  Books books;
  books.open("A-2", 0);
  (void)books.booked("in", "A-2", 500);
  (void)books.booked("spent", "A-2", -200);

  CHECK(std::get<NoCover>(books.ledger->undo("in", noon)).balance == 300);
  (void)books.booked("more", "A-2", 200);

  CHECK(books.undone("in").reversal->balance == 0);
}

TEST_CASE("a bank that is down books and undoes nothing until its time has come") {
  Books books;
  (void)books.booked("k1", "A-1", -2'500);

  CHECK(books.ledger->go_down("outage", noon + 2s) == noon + 2s);

  CHECK(std::get<Down>(books.book("k2", "A-1", -1)).until == noon + 2s);
  CHECK(std::get<Down>(books.ledger->undo("k1", noon + 1999ms)).until == noon + 2s);
  CHECK(std::holds_alternative<Receipt>(books.ledger->book("k2", {"A-1", -1, ""}, noon + 2s)));
}

TEST_CASE("an outage that is reported again does not last longer") {
  Books books;
  (void)books.ledger->go_down("outage", noon + 2s);

  CHECK(books.ledger->go_down("outage", noon + 9s) == noon + 2s);
}

TEST_CASE("an account opened twice by one key is opened once and by another key refused") {
  Books books;

  const auto repeat = books.ledger->open("opens A-1", {"A-1", 10'000});
  const auto other = books.ledger->open("another", {"A-1", 10'000});

  CHECK(std::get<Account>(repeat).balance == 10'000);
  CHECK(std::get<Refusal>(other).code == "account_exists");
}

TEST_CASE("every balance is what it was opened with plus its movements") {
  Books books;
  books.open("A-2", 70);
  (void)books.booked("k1", "A-1", -2'500);
  (void)books.booked("k2", "A-2", 2'500);
  (void)books.undone("k1");
  (void)books.undone("never ran");

  CHECK(books.count("SELECT count(*) FROM accounts a WHERE balance <> opened_with + ("
                    " SELECT coalesce(sum(cents), 0) FROM movements m"
                    " WHERE m.account = a.account)") == 0);
}

TEST_CASE("a movement can be neither changed nor removed") {
  Books books;
  (void)books.booked("k1", "A-1", -2'500);
  bank::Database database{books.file()};

  CHECK_THROWS_AS(database.run("UPDATE movements SET cents = -1"), bank::SqliteError);
  CHECK_THROWS_AS(database.run("DELETE FROM movements"), bank::SqliteError);
}

TEST_CASE("a ledger of a later version is left alone") {
  Books books;
  books.ledger.reset();
  bank::Database{books.file()}.run("PRAGMA user_version = 2");

  CHECK_THROWS_WITH(Ledger(books.file(), "A"), Catch::Contains("version 2"));
}

TEST_CASE("many threads repeating the same bookings book each of them once") {
  Books books;
  constexpr int bookings = 20;
  std::atomic<int> failed = 0;
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 4; ++thread) {
      threads.emplace_back([&] {
        for (int n = 0; n < bookings; ++n) {
          const auto answer = books.ledger->book("k" + std::to_string(n), {"A-1", -10, ""}, noon);
          if (!std::holds_alternative<Receipt>(answer)) ++failed;
        }
      });
    }
  }

  CHECK(failed == 0);
  CHECK(books.balance("A-1") == 10'000 - bookings * 10);
  CHECK(books.count("SELECT count(*) FROM movements") == bookings);
}

TEST_CASE("a bank exists once an account was opened there and its name cannot leave the folder") {
  stepd::support::TemporaryFolder folder;
  bank::Ledgers ledgers{folder.path() / "ledgers"};

  CHECK(ledgers.find("B") == nullptr);
  Ledger& made = ledgers.make("B");
  CHECK(ledgers.find("B") == &made);

  CHECK(bank::is_bank_name("Bank_1.test"));
  const std::string bad = GENERATE("", "..", ".hidden", "a/b", "a b", "a-b", "ä");
  CHECK_FALSE(bank::is_bank_name(bad));
}
