#include <sqlite3.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <stepd/testing/rehearsal.hpp>
#include <string>
#include <vector>

#include "plugins/long_request/steps.hpp"
#include "tests/plugins/servers.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace std::chrono_literals;
using boost::json::value;
using Poco::Net::HTTPServerResponse;
using stepd::testing::CrashPoint;
using stepd::testing::Ending;
using stepd::testing::Outcome;
using stepd::testing::Rehearsal;
using stepd::testing::When;

namespace {

Server::Answer always(int status, const value& document = nullptr) {
  return
      [status, text = boost::json::serialize(document)](const Seen&, HTTPServerResponse& response) {
        response.setStatusAndReason(static_cast<HTTPServerResponse::HTTPStatus>(status));
        if (status != 204) response.sendBuffer(text.data(), text.size());
      };
}

const value acknowledged{{"correlation_id", "job-1"}, {"request_id", "P 1/2"}};
const value result{{"correlation_id", "job-1"},
                   {"request_id", "P-1"},
                   {"answer", {{"action", "A6"}, {"reference", "AUTH-1"}, {"units", 3}}}};

/// The plugin with an empty database, and a partner that answers everything in one way.
class Desk {
 public:
  explicit Desk(Server::Answer answer) : server{std::move(answer)} {
    long_request::describe(plugin, partner);
    begin_anew();
  }

  void begin_anew() {
    std::filesystem::remove(file);
    plugin.init(boost::json::serialize(value{{"database", file.string()}, {"timeout", "20s"}}));
  }
  Rehearsal rehearse(const std::string& type) {
    Rehearsal rehearsal{plugin, "long_request." + type};
    rehearsal.surroundings.attempts_max = 5;
    rehearsal.before_each_run([this] { begin_anew(); });
    return rehearsal;
  }
  value submission() const {
    return {{"url", server.url("/requests")},
            {"envelope",
             {{"message_id", "m-1"},
              {"correlation_id", "job-1"},
              {"created_at", "2026-03-01T08:15:00.000Z"},
              {"sender", "clinic-7"},
              {"payload", {{"patient", "4711"}}}}}};
  }
  value query() const {
    return {{"url", server.url("/results/")},
            {"acknowledgement", acknowledged},
            {"every", "5s"},
            {"pending_for", "12s"}};
  }

  /// Each row of a statement that yields one column of text.
  std::vector<std::string> rows(const std::string& sql) const {
    sqlite3* connection = nullptr;
    REQUIRE(sqlite3_open(file.c_str(), &connection) == SQLITE_OK);
    std::vector<std::string> found;
    const int done = sqlite3_exec(
        connection, sql.c_str(),
        [](void* list, int, char** texts, char**) {
          static_cast<std::vector<std::string>*>(list)->emplace_back(texts[0]);
          return 0;
        },
        &found, nullptr);
    sqlite3_close(connection);
    REQUIRE(done == SQLITE_OK);
    return found;
  }
  std::vector<std::string> audit() const {
    return rows("SELECT direction || ' ' || subject FROM exchanges ORDER BY exchange");
  }

  stepd::support::TemporaryFolder folder;
  std::filesystem::path file = folder.path() / "deep" / "requests.sqlite";
  Server server;
  long_request::SharedPartner partner = std::make_shared<std::optional<long_request::Partner>>();
  stepd::Plugin plugin{"long_request", "0"};
};

/// The host call of that name in the run that was observed last.
std::size_t host_call(const Rehearsal& rehearsal, const std::string& name) {
  const auto& calls = rehearsal.observed.host_calls;
  const auto found = std::find(calls.begin(), calls.end(), name);
  REQUIRE(found != calls.end());
  return static_cast<std::size_t>(found - calls.begin()) + 1;
}

}  // namespace

TEST_CASE("an envelope keeps its ids and its time however often it is asked for") {
  Desk desk{always(200)};
  auto rehearsal = desk.rehearse("wrap");
  const value request{{"sender", "clinic-7"}, {"payload", {{"patient", "4711"}}}};

  const auto first = rehearsal.execute(request);
  rehearsal.record.now += 1h;
  const auto repeat = rehearsal.execute(request);

  const value expected{{"message_id", "job-1/step-1/0"},
                       {"correlation_id", "job-1"},
                       {"created_at", "2023-11-14T22:13:20.000Z"},
                       {"sender", "clinic-7"},
                       {"payload", {{"patient", "4711"}}}};
  CHECK(boost::json::parse(*first.output) == expected);
  CHECK(boost::json::parse(*repeat.output) == expected);
}

TEST_CASE("A10: a request is submitted again only while its acknowledgement is not recorded") {
  Desk desk{always(202, acknowledged)};
  auto rehearsal = desk.rehearse("submit");
  std::set<std::string> keys;
  const auto submissions = [&](std::optional<CrashPoint> crash) {
    const auto before = desk.server.seen().size();
    rehearsal.record = {};
    rehearsal.observed = {};
    desk.begin_anew();
    CHECK(rehearsal.run(desk.submission(), crash).outcome == Outcome::succeeded);
    return desk.server.seen().size() - before;
  };
  CHECK(submissions({}) == 1);
  const auto recorded = host_call(rehearsal, "memo_save acknowledgement");

  CHECK(submissions(CrashPoint{recorded, When::before}) == 2);
  CHECK(desk.audit().size() == 4);
  CHECK(submissions(CrashPoint{recorded, When::after}) == 1);
  CHECK(desk.audit() ==
        std::vector<std::string>{"out POST " + desk.server.url("/requests"), "in 202 Accepted"});

  for (const auto& seen : desk.server.seen()) keys.insert(seen.idempotency_key);
  CHECK(keys == std::set<std::string>{"job-1/step-1/0"});
}

TEST_CASE("A6: a submission survives a crash at every host call under one key") {
  Desk desk{always(202, acknowledged)};
  auto rehearsal = desk.rehearse("submit");

  rehearsal.survives_every_crash(desk.submission(), [&] {
    const auto audit = desk.audit();
    CHECK(audit.front().starts_with("out POST"));
    CHECK(audit.back() == "in 202 Accepted");
  });
}

TEST_CASE("a withdrawal names the request as we do and needs no acknowledgement") {
  const int status = GENERATE(200, 204, 404, 410);
  Desk desk{always(status)};
  auto rehearsal = desk.rehearse("submit");

  const auto ending = rehearsal.compensate(desk.submission());

  CHECK(ending.outcome == Outcome::succeeded);
  const auto seen = desk.server.seen();
  REQUIRE(seen.size() == 1);
  CHECK(seen[0].method == "DELETE");
  CHECK(seen[0].path == "/requests/job-1");
}

TEST_CASE("a withdrawal that the partner does not take is tried again") {
  const int status = GENERATE(400, 409, 500);
  Desk desk{always(status)};

  CHECK(desk.rehearse("submit").compensate(desk.submission()).outcome == Outcome::retry);
}

TEST_CASE("what a partner answers to a submission decides what becomes of it") {
  struct Row {
    int status;
    value document;
    Outcome outcome;
    std::string code;
  };
  const auto row = GENERATE_REF(values<Row>({
      {503, nullptr, Outcome::retry, "http_503"},
      {429, nullptr, Outcome::retry, "http_429"},
      {409, nullptr, Outcome::refused, "http_409"},
      {302, nullptr, Outcome::failed, "http_302"},
      {202, "no object", Outcome::retry, "bad_answer"},
      {202, {{"correlation_id", "job-1"}}, Outcome::retry, "bad_answer"},
      {202, {{"correlation_id", "job-2"}, {"request_id", "P"}}, Outcome::retry, "bad_answer"},
  }));
  Desk desk{always(row.status, row.document)};

  const auto ending = desk.rehearse("submit").execute(desk.submission());

  CHECK(ending.outcome == row.outcome);
  CHECK(ending.code == row.code);
  CHECK(desk.audit().size() == 2);
}

TEST_CASE("a message that nobody answers leaves what was sent and is tried again") {
  Desk desk{always(200)};
  BareServer silent{[](Poco::Net::StreamSocket& connection) { connection.close(); }};
  auto submission = desk.submission();
  submission.as_object()["url"] = silent.url();

  const auto ending = desk.rehearse("submit").execute(submission);

  CHECK(ending.outcome == Outcome::retry);
  CHECK(ending.code == "no_answer");
  const auto audit = desk.audit();
  REQUIRE(audit.size() == 1);
  CHECK(audit[0].starts_with("out POST"));
}

TEST_CASE("an address that is none is refused and nothing is sent") {
  const std::string url =
      GENERATE("https://127.0.0.1/", "requests", "http://", "http://a", "http://a/b c",
               "http://a/\r\nX: y", "http://a:x/", "http://me:secret@a/", "");
  Desk desk{always(200)};
  auto submission = desk.submission();
  submission.as_object()["url"] = url;

  const auto ending = desk.rehearse("submit").execute(submission);

  CHECK(ending.code == "bad_url");
  CHECK(desk.audit().empty());
}

TEST_CASE("a message without a correlation id is refused and not sent") {
  Desk desk{always(202, acknowledged)};
  auto submission = desk.submission();
  submission.at("envelope").as_object()["correlation_id"] = "";

  CHECK(desk.rehearse("submit").execute(submission).code == "no_correlation_id");
  CHECK(desk.server.seen().empty());
}

TEST_CASE("a plugin that cannot keep records says why and is not loaded") {
  stepd::support::TemporaryFolder folder;
  const auto started = [&](const value& settings) {
    stepd::Plugin plugin{"long_request", "0"};
    long_request::describe(plugin, std::make_shared<std::optional<long_request::Partner>>());
    plugin.init(boost::json::serialize(settings));
  };

  CHECK_THROWS_WITH(started({{"database", folder.path().string()}}),
                    Catch::Contains(folder.path().string()));
  try {
    started({{"database", (folder.path() / "r").string()}, {"timeout", "0s"}});
    FAIL("a time-out of nothing was taken");
  } catch (const stepd::Refused& refusal) {
    CHECK(refusal.code == "bad_configuration");
  }
}

TEST_CASE("W1: a pending result is asked for until its time is over and no longer") {
  const int status = GENERATE(202, 503);
  Desk desk{always(status)};
  auto rehearsal = desk.rehearse("poll");
  rehearsal.surroundings.attempts_max = 0;
  const auto start = rehearsal.record.now;

  const auto first = rehearsal.execute(desk.query());
  const auto ending = rehearsal.run(desk.query());

  CHECK(first.outcome == (status == 202 ? Outcome::suspended : Outcome::retry));
  CHECK(ending.outcome == Outcome::refused);
  CHECK(ending.code == "pending_ended");
  CHECK_THAT(ending.message, Catch::Contains("request P 1/2") && Catch::Contains("pending_for"));
  CHECK(rehearsal.record.now - start == 12s);
  CHECK(desk.server.seen().at(0).path == "/results/P%201%2F2");
}

TEST_CASE("a suspended question waits as long as asked and not past the pending time") {
  Desk desk{always(202)};
  auto rehearsal = desk.rehearse("poll");
  const auto start = rehearsal.record.now;

  CHECK(rehearsal.execute(desk.query()).suspended_until == start + 5s);
  rehearsal.record.now = start + 10s;
  CHECK(rehearsal.execute(desk.query()).suspended_until == start + 12s);
}

TEST_CASE("C7: a decision is stored once whatever host call storing it crashes at") {
  Desk desk{always(200)};
  auto rehearsal = desk.rehearse("store");

  rehearsal.survives_every_crash(value{{"result", result}}, [&](const Ending& ending) {
    CHECK(boost::json::parse(*ending.output).at("verdict") == "changed");
    CHECK(desk.rows("SELECT verdict || ' ' || reference || ' ' || units FROM decisions") ==
          std::vector<std::string>{"changed AUTH-1 3"});
  });
}

TEST_CASE("C7: a decision is taken back whatever host call either crashes at") {
  Desk desk{always(200)};
  auto rehearsal = desk.rehearse("store");

  rehearsal.undo_survives_every_crash(value{{"result", result}}, [&] {
    CHECK(desk.rows("SELECT reference FROM decisions").empty());
  });
}

TEST_CASE("a second decision on one correlation id is refused") {
  Desk desk{always(200)};
  auto rehearsal = desk.rehearse("store");
  CHECK(rehearsal.execute(value{{"result", result}}).outcome == Outcome::succeeded);
  rehearsal.surroundings.step_id = "step-2";

  CHECK(rehearsal.execute(value{{"result", result}}).code == "stored_before");
}

namespace {

value notice_to(const std::string& url) {
  return {{"url", url},
          {"decision",
           {{"correlation_id", "job-1"},
            {"request_id", "P-1"},
            {"verdict", "denied"},
            {"reference", ""},
            {"units", 0}}}};
}

}  // namespace

TEST_CASE("a notification for which there is no address takes no decision back") {
  Desk desk{always(200)};
  const value notice = notice_to("https://nowhere");

  const auto ending = desk.rehearse("notify").execute(notice);

  CHECK(ending.outcome == Outcome::retry);
  CHECK(ending.code == "bad_url");
}

TEST_CASE("a notification is tried again whatever the answer until it is taken") {
  const int status = GENERATE(200, 204, 302, 400, 404, 500);
  Desk desk{always(status)};
  const value notice = notice_to(desk.server.url("/notifications"));

  const auto ending = desk.rehearse("notify").execute(notice);

  CHECK(ending.outcome == (status / 100 == 2 ? Outcome::succeeded : Outcome::retry));
  CHECK(boost::json::parse(desk.server.seen().at(0).body) == notice.at("decision"));
}
