#include <catch2/catch.hpp>

#include "host/http/news_mailbox.hpp"
#include "tests/http/served.hpp"

namespace stepd::http {
namespace {

using testing::path_of;
using testing::RawClient;
using testing::Served;

struct Event {
  std::string type;
  std::string id;
  boost::json::value content;
};

/// A client that watches.
class Watcher {
 public:
  Watcher(const Served& served, const std::string& target, const std::string& fields = "")
      : client_(served.client()) {
    client_.send("GET " + target + " HTTP/1.1\r\n" + fields + "\r\n");
    head_ = client_.until("\r\n\r\n");
  }

  [[nodiscard]] const std::string& head() const { return head_; }

  /// The next event; comments are passed over.
  Event next() {
    for (;;) {
      std::istringstream text(client_.until("\n\n"));
      Event event;
      for (std::string line; std::getline(text, line);) {
        if (line.starts_with("event: ")) event.type = line.substr(7);
        if (line.starts_with("id: ")) event.id = line.substr(4);
        if (line.starts_with("data: ")) event.content = boost::json::parse(line.substr(6));
      }
      if (!event.type.empty()) return event;
    }
  }

  std::string comment() { return client_.until("\n\n"); }
  [[nodiscard]] bool closed() { return client_.closed(); }

 private:
  RawClient client_;
  std::string head_;
};

std::vector<engine::Entry> some_entries() { return {engine::AttentionRaised{0}}; }
std::vector<engine::Entry> end_of_job() {
  return {engine::StepMoved{.step = 0, .effect = engine::Effect::done, .to = engine::Succeeded{}},
          engine::Settled{engine::SettledState::succeeded}};
}

/// The rows of the stream up to and with its end.
std::vector<std::string> rows_until_settled(Watcher& watcher) {
  std::vector<std::string> rows;
  for (;;) {
    const Event event = watcher.next();
    if (event.type == "settled") return rows;
    if (event.type == "journal") rows.push_back(event.id);
  }
}

using Rows = std::vector<std::string>;

TEST_CASE("a job is watched from its first row to its end") {
  Served served;
  const auto id = served.host.add({"only"});
  Watcher watcher(served, path_of(id) + ":watch");

  const Event first = watcher.next();
  REQUIRE(served.host.await_subscribers(1));
  served.host.append(id, {engine::CallStarted{.step = 0, .call = 1}});
  const Event second = watcher.next();
  served.host.append(id, end_of_job());
  const Event third = watcher.next();
  const Event last = watcher.next();

  CHECK(watcher.head().find("text/event-stream") != std::string::npos);
  CHECK(first.type == "journal");
  CHECK(first.id == "1");
  CHECK(first.content.at("entries").at(0).at("type") == "submitted");
  CHECK(second.id == "2");
  CHECK(second.content.at("entries").at(0).at("step") == "only");
  CHECK(third.id == "3");
  CHECK(last.type == "settled");
  CHECK(last.content.at("state") == "succeeded");
  CHECK(last.content.at("id").as_string() == engine::to_text(id));
  CHECK(watcher.closed());
  CHECK(served.host.await_subscribers(0));
}

TEST_CASE("a settled job is replayed and the stream ends") {
  Served served;
  const auto id = served.host.add({"only"});
  for (int row = 0; row < 600; ++row) served.host.append(id, some_entries());
  served.host.append(id, end_of_job());

  Watcher watcher(served, path_of(id) + ":watch");

  CHECK(rows_until_settled(watcher).size() == 602);
  CHECK(watcher.closed());
}

TEST_CASE("a client that comes back goes on behind the last row it saw") {
  Served served;
  const auto id = served.host.add({"only"});
  served.host.append(id, some_entries());
  served.host.append(id, end_of_job());
  const std::string target = path_of(id) + ":watch";

  Watcher by_parameter(served, target + "?after=2");
  Watcher by_field(served, target + "?after=1", "Last-Event-ID: 2\r\n");
  Watcher at_the_end(served, target + "?after=3");
  Watcher beyond(served, target + "?after=999");

  CHECK(rows_until_settled(by_parameter) == Rows{"3"});
  CHECK(rows_until_settled(by_field) == Rows{"3"});
  CHECK(rows_until_settled(at_the_end).empty());
  CHECK(rows_until_settled(beyond).empty());
}

TEST_CASE("a row that comes before the replay is sent once") {
  Served served;
  const auto id = served.host.add({"only"});
  served.host.script([&](auto& script) {
    script.before_journal = [&] { served.host.append(id, some_entries()); };
  });
  Watcher watcher(served, path_of(id) + ":watch");
  REQUIRE(watcher.next().id == "1");

  served.host.append(id, end_of_job());

  CHECK(rows_until_settled(watcher) == Rows{"2", "3"});
}

TEST_CASE("a row that comes behind the replay is not missed") {
  Served served;
  const auto id = served.host.add({"only"});
  served.host.script([&](auto& script) {
    script.after_journal = [&] { served.host.append(id, some_entries()); };
  });
  Watcher watcher(served, path_of(id) + ":watch");
  REQUIRE(watcher.next().id == "1");

  CHECK(watcher.next().id == "2");
}

TEST_CASE("a row that nobody was told of is sent before the next one") {
  Served served;
  const auto id = served.host.add({"only"});
  Watcher watcher(served, path_of(id) + ":watch");
  REQUIRE(watcher.next().id == "1");

  served.host.append_silently(id, some_entries());
  served.host.append(id, end_of_job());

  CHECK(rows_until_settled(watcher) == Rows{"2", "3"});
}

TEST_CASE("a last row that nobody was told of is found at the next heartbeat") {
  using namespace std::chrono_literals;
  Served served({.api = {.heartbeat = 20ms}});
  const auto id = served.host.add({"only"});
  Watcher watcher(served, path_of(id) + ":watch");
  REQUIRE(watcher.next().id == "1");

  served.host.append_silently(id, end_of_job());

  CHECK(rows_until_settled(watcher) == Rows{"2"});
}

TEST_CASE("a row told twice is sent once") {
  Served served;
  const auto id = served.host.add({"only"});
  Watcher watcher(served, path_of(id) + ":watch");
  REQUIRE(watcher.next().id == "1");

  served.host.tell({.job = id, .row = 1, .entries = {engine::Submitted{}}});
  served.host.append(id, end_of_job());

  CHECK(rows_until_settled(watcher) == Rows{"2"});
}

TEST_CASE("progress is passed on and the news of other jobs is not") {
  Served served;
  const auto id = served.host.add({"only"});
  const auto other = served.host.add({"only"});
  Watcher watcher(served, path_of(id) + ":watch");
  REQUIRE(watcher.next().id == "1");

  served.host.append(other, some_entries());
  served.host.tell({.job = id, .step = "only", .permille = 250, .note = "a\nquarter"});
  const Event event = watcher.next();

  CHECK(event.type == "progress");
  CHECK(event.id.empty());
  CHECK(event.content.at("step") == "only");
  CHECK(event.content.at("permille") == 250);
  CHECK(event.content.at("note") == "a\nquarter");
}

TEST_CASE("line ends between the tokens of an output do not break an event") {
  Served served;
  const auto id = served.host.add({"only"});
  Watcher watcher(served, path_of(id) + ":watch");
  REQUIRE(watcher.next().id == "1");

  served.host.append(
      id,
      {engine::CallEnded{.step = 0, .call = 1, .output = engine::JsonText("{\n\"n\":\r\n1\r}")}});

  CHECK(watcher.next().content.at("entries").at(0).at("output").at("n") == 1);
}

TEST_CASE("a quiet stream shows a sign of life") {
  using namespace std::chrono_literals;
  Served served({.api = {.heartbeat = 20ms}});
  const auto id = served.host.add({"only"});
  Watcher watcher(served, path_of(id) + ":watch");
  REQUIRE(watcher.next().id == "1");

  CHECK(watcher.comment().starts_with(":"));
  CHECK(watcher.comment().starts_with(":"));
}

TEST_CASE("a client that goes away ends its stream at once") {
  Served served;
  const auto id = served.host.add({"only"});
  {
    Watcher watcher(served, path_of(id) + ":watch");
    REQUIRE(watcher.next().id == "1");
    REQUIRE(served.host.await_subscribers(1));
  }

  CHECK(served.host.await_subscribers(0));
}

TEST_CASE("streams do not take the place of requests") {
  Served served({.connections_max = 2, .streams_max = 8});
  std::vector<std::unique_ptr<Watcher>> watchers;

  for (int watcher = 0; watcher < 8; ++watcher) {
    watchers.push_back(std::make_unique<Watcher>(served, "/v1/jobs:watch"));
    CHECK(watchers.back()->comment().starts_with(":"));
  }

  CHECK(served.get("/v1/health").status == 200);
  const auto one_too_many = served.get("/v1/jobs:watch");
  CHECK(one_too_many.status == 503);
  CHECK(one_too_many.code() == "too_many_streams");
}

TEST_CASE("stopping ends streams") {
  Served served;
  Watcher watcher(served, "/v1/jobs:watch");
  REQUIRE(watcher.comment().starts_with(":"));

  served.server.stop();

  CHECK(watcher.closed());
}

TEST_CASE("the news of all jobs of a tenant names the job") {
  Served served;
  const auto id = served.host.add({"only"});
  const auto theirs = served.host.add({"only"}, "theirs");
  Watcher watcher(served, "/v1/jobs:watch");
  REQUIRE(served.host.await_subscribers(1));

  served.host.append(theirs, some_entries());
  served.host.append(id, end_of_job());
  const Event row = watcher.next();
  const Event settled = watcher.next();

  CHECK(row.type == "journal");
  CHECK(row.content.at("job").as_string() == engine::to_text(id));
  CHECK(row.content.at("entries").at(0).at("step") == "only");
  CHECK(settled.type == "settled");
  CHECK(settled.content.at("job").as_string() == engine::to_text(id));
  CHECK(settled.content.at("state") == "succeeded");
}

TEST_CASE("a mailbox that is full counts what it drops") {
  NewsMailbox mailbox(std::nullopt);

  for (int news = 0; news < 5000; ++news) mailbox.post({.row = 1});

  const auto content = mailbox.take();
  CHECK(content.news.size() == 4096);
  CHECK(content.dropped == 904);
  CHECK(mailbox.take().news.empty());
}

TEST_CASE("what the host lost before it came to a mailbox counts as dropped of any job") {
  NewsMailbox mailbox(engine::JobId{7});

  mailbox.post({.job = engine::JobId{8}, .row = 1});
  CHECK(mailbox.take().dropped == 0);
  mailbox.post({.dropped = 3});
  mailbox.post({.job = engine::JobId{7}, .row = 1});

  const auto content = mailbox.take();
  CHECK(content.news.size() == 1);
  CHECK(content.dropped == 3);
}

}  // namespace
}  // namespace stepd::http
