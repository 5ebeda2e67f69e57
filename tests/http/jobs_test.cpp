#include <catch2/catch.hpp>

#include "tests/http/served.hpp"

namespace stepd::http {
namespace {

using engine::Effect;
using engine::Phase;
using testing::path_of;
using testing::Response;
using testing::Served;

engine::Entry started(engine::StepIndex step, std::uint64_t call) {
  return engine::CallStarted{.step = step, .call = call, .module = {0xABC}};
}

engine::Entry succeeded(engine::StepIndex step, std::uint64_t call, const std::string& output) {
  return engine::CallEnded{.step = step, .call = call, .output = engine::JsonText(output)};
}

engine::Entry moved(engine::StepIndex step, engine::StepCondition to,
                    Effect effect = Effect::none) {
  return engine::StepMoved{.step = step, .effect = effect, .attempts = 1, .to = std::move(to)};
}

std::vector<std::string> ids_in(const Response& response) {
  std::vector<std::string> ids;
  const auto page = response.json();
  for (const auto& job : page.at("jobs").as_array()) {
    ids.emplace_back(job.at("id").as_string());
  }
  return ids;
}

TEST_CASE("a job is shown as far as it is on record") {
  Served served;
  const auto id = served.host.add({"out", "in"});
  served.host.append(id, {started(0, 1), moved(0, engine::Running{1})});
  served.host.append(
      id, {succeeded(0, 1, R"({"receipt": 1.50})"), moved(0, engine::Succeeded{}, Effect::done),
           started(1, 2), moved(1, engine::Running{2})});

  const Response response = served.get(path_of(id));

  const auto job = response.json();
  CHECK(job.at("id").as_string() == engine::to_text(id));
  CHECK(job.at("state") == "running");
  CHECK(job.at("created_at") == "2024-05-01T00:00:00.001000Z");
  CHECK(job.at("settled_at").is_null());
  CHECK(job.at("output").is_null());
  REQUIRE(job.at("steps").as_array().size() == 2);
  const auto& out = job.at("steps").at(0);
  CHECK(out.at("id") == "out");
  CHECK(out.at("state") == "succeeded");
  CHECK(out.at("effect") == "done");
  CHECK(out.at("attempts") == 1);
  CHECK(out.at("calls") == 1);
  CHECK(out.at("error").is_null());
  CHECK(job.at("steps").at(1).at("state") == "running");
  // What a step put out is shown byte for byte.
  CHECK(response.body.find(R"("output":{"receipt": 1.50})") != std::string::npos);
}

TEST_CASE("a job that succeeded is shown with its output and the time it settled") {
  Served served;
  const auto id = served.host.add({"only"});
  served.host.append(id, {started(0, 1), moved(0, engine::Running{1})});
  served.host.append(id, {succeeded(0, 1, "[7]"), moved(0, engine::Succeeded{}, Effect::done),
                          engine::Settled{engine::SettledState::succeeded}});

  const auto job = served.get(path_of(id)).json();

  CHECK(job.at("state") == "succeeded");
  CHECK(job.at("output") == boost::json::array{7});
  CHECK(job.at("settled_at") == "2024-05-01T00:00:00.003000Z");
  CHECK(job.at("reason").is_null());
}

/// The only step of the job succeeds, and so does the job.
void succeed(Served& served, engine::JobId id, const std::string& output) {
  served.host.append(id, {started(0, 1), moved(0, engine::Running{1})});
  served.host.append(id, {succeeded(0, 1, output), moved(0, engine::Succeeded{}, Effect::done),
                          engine::Settled{engine::SettledState::succeeded}});
}

TEST_CASE("J9: an output within the configured limit is shown whole and one beyond is an error") {
  const std::string output = "\"" + std::string(1000, 'x') + "\"";
  const auto [limit, fits] = GENERATE(table<std::size_t, bool>({{2000, true}, {900, false}}));
  const std::string expression = R"({"$ref":"/steps/only/output"})";
  Served served({.api = {.limits = {.output_bytes_max = limit}}});
  const auto id = served.host.add({"only"}, "default", expression);
  succeed(served, id, output);

  const auto job = served.get(path_of(id)).json();

  CHECK(job.at("output").is_null() == !fits);
  CHECK(job.at("output_error").is_null() == fits);
}

TEST_CASE("J9: an output expression that names what is not there is shown as an error") {
  Served served;
  const auto id = served.host.add({"only"}, "default", R"({"$ref":"/steps/only/output/receipt"})");
  succeed(served, id, "{}");

  const auto job = served.get(path_of(id)).json();

  CHECK(job.at("state") == "succeeded");
  CHECK(job.at("output").is_null());
  const std::string message(job.at("output_error").at("message").as_string());
  CHECK(message.find("/steps/only/output/receipt") != std::string::npos);
}

TEST_CASE("a job whose record cannot be read is told apart from a fault of the host") {
  Served served;
  const auto id = served.host.add({"a"});
  served.host.damage(id);
  const std::string below = GENERATE(as<std::string>{}, "", "/journal", "/why", ":watch");

  const Response response = served.get(path_of(id) + below);

  CHECK(response.status == 500);
  CHECK(response.code() == "record_unreadable");
  CHECK(response.detail().find("newer stepd") != std::string::npos);
}

TEST_CASE("a job was created at the same time in a list and alone") {
  Served served;
  const auto id = served.host.add({"a"});

  const auto alone = served.get(path_of(id)).json();
  const auto page = served.get("/v1/jobs").json();

  CHECK(alone.at("created_at") == page.at("jobs").at(0).at("created_at"));
}

TEST_CASE("C6: a job that turned back is shown with the first cause as its reason") {
  Served served;
  const auto id = served.host.add({"out", "in"});
  const engine::Error closed{"account_closed", "account B-7 is closed", engine::JsonText("{}")};
  served.host.append(id, {started(0, 1), moved(0, engine::Running{1})});
  served.host.append(
      id, {engine::CallEnded{
               .step = 0, .call = 1, .outcome = engine::OutcomeKind::refused, .error = closed},
           moved(0, engine::Abandoned{engine::AbandonReason::refused, closed}),
           engine::TurnedBack{{engine::Cause::Kind::step_abandoned, 0, closed}},
           moved(1, engine::Never{}), engine::Settled{engine::SettledState::failed}});

  const auto job = served.get(path_of(id)).json();

  CHECK(job.at("state") == "failed");
  CHECK(job.at("reason") == "step out was abandoned: account_closed: account B-7 is closed");
  CHECK(job.at("steps").at(0).at("error").at("code") == "account_closed");
  CHECK(job.at("steps").at(0).at("error").at("details").is_object());
  CHECK(job.at("steps").at(1).at("state") == "never");
}

TEST_CASE("a job that is not there is told so") {
  const Served served;
  const std::string id =
      GENERATE(as<std::string>{}, "garbage", "%20", engine::to_text(engine::JobId{42}), "0193a5");
  const std::string below = GENERATE(as<std::string>{}, "", "/journal", "/why", ":watch");

  const Response response = served.get("/v1/jobs/" + id + below);

  CHECK(response.status == 404);
  CHECK(response.code() == "no_such_job");
}

TEST_CASE("the job of another tenant is not there") {
  Served served;
  const auto id = served.host.add({"a"}, "theirs");

  CHECK(served.get(path_of(id)).status == 404);
  CHECK(served.post(path_of(id) + ":cancel", "").status == 404);
  CHECK(served.get(path_of(id), "X-Stepd-Tenant: theirs\r\n").status == 200);
  CHECK(served.host.acts().empty());
}

TEST_CASE("jobs are listed newest first page by page") {
  Served served;
  std::vector<std::string> expected;
  for (int job = 0; job < 5; ++job) expected.push_back(engine::to_text(served.host.add({"a"})));
  std::reverse(expected.begin(), expected.end());

  std::vector<std::string> seen;
  std::string target = "/v1/jobs?limit=2";
  int pages = 0;
  for (; pages < 10; ++pages) {
    const Response page = served.get(target);
    for (const std::string& id : ids_in(page)) seen.push_back(id);
    const auto next = page.json().at("next");
    if (next.is_null()) break;
    target = "/v1/jobs?limit=2&before=" + std::string(next.as_string());
  }

  CHECK(seen == expected);
  CHECK(pages == 2);
}

TEST_CASE("a list is narrowed by state and tenant") {
  Served served;
  const auto waiting = served.host.add({"a"});
  const auto done = served.host.add({"a"});
  served.host.add({"a"}, "theirs");
  served.host.append(done, {moved(0, engine::Succeeded{}, Effect::done),
                            engine::Settled{engine::SettledState::succeeded}});

  CHECK(ids_in(served.get("/v1/jobs")).size() == 2);
  CHECK(ids_in(served.get("/v1/jobs?state=succeeded")) ==
        std::vector<std::string>{engine::to_text(done)});
  CHECK(ids_in(served.get("/v1/jobs?state=succeeded&state=queued")).size() == 2);
  CHECK(ids_in(served.get("/v1/jobs?name=made")).size() == 2);
  CHECK(ids_in(served.get("/v1/jobs?name=m%61d")).empty());
  CHECK(ids_in(served.get("/v1/jobs?attention=true")).empty());
  CHECK(served.get("/v1/jobs?child=false").status == 200);
  CHECK(served.host.filters().back().child == false);
  CHECK(served.get("/v1/jobs?state=queued").json().at("jobs").at(0).at("id").as_string() ==
        engine::to_text(waiting));
}

TEST_CASE("a list is asked for with parameters that mean something") {
  const Served served;
  const std::string query = GENERATE(as<std::string>{}, "limit=0", "limit=1001", "limit=x",
                                     "limit=-1", "limit=", "state=done", "before=garbage",
                                     "attention=1", "child=no", "sort=name", "limit=1&limit=2");

  CAPTURE(query);
  CHECK(served.get("/v1/jobs?" + query).status == 400);
}

TEST_CASE("a journal is read page by page") {
  Served served;
  const auto id = served.host.add({"out"});
  served.host.append(id, {started(0, 1), moved(0, engine::Running{1})});
  served.host.append(
      id, {succeeded(0, 1, "{}"), moved(0, engine::Succeeded{}, Effect::done), engine::Settled{}});

  const auto first = served.get(path_of(id) + "/journal?limit=2").json();
  const auto second = served.get(path_of(id) + "/journal?limit=2&after=2").json();

  CHECK(first.at("next") == 2);
  CHECK(first.at("rows").at(0).at("entries").at(0).at("type") == "submitted");
  const auto& call = first.at("rows").at(1).at("entries").at(0);
  CHECK(call.at("type") == "call_started");
  CHECK(call.at("step") == "out");
  CHECK(call.at("module") == "0000000000000abc");
  CHECK(second.at("next").is_null());
  REQUIRE(second.at("rows").as_array().size() == 1);
  CHECK(second.at("rows").at(0).at("row") == 3);
  CHECK(second.at("rows").at(0).at("entries").at(2).at("state") == "succeeded");
}

TEST_CASE("J5: a job is shown with the last of its undos and the state that is in") {
  Served served;
  const auto id = served.host.add({"only"});
  const auto undo = served.host.add({"only"});
  CHECK(served.get(path_of(id)).json().at("undo").is_null());
  served.host.script([&](auto& script) { script.undo = undo; });
  served.host.append(undo, {moved(0, engine::Parked{})});

  const auto parked = served.get(path_of(id)).json();
  CHECK(parked.at("undo").at("job").as_string() == engine::to_text(undo));
  CHECK(parked.at("undo").at("state") == "parked");
  served.host.script([&](auto& script) { script.undo = engine::JobId{42}; });
  CHECK(served.get(path_of(id)).json().at("undo").at("state").is_null());
}

TEST_CASE("W3: a job is shown with how many jobs its steps have started") {
  Served served;
  const auto id = served.host.add({"a", "b"});
  CHECK(served.get(path_of(id)).json().at("children").is_null());

  served.host.set_children(id, {{.step = 0, .spawned = 3, .settled = 2, .unsuccessful = 1},
                                {.step = 1, .spawned = 4, .settled = 1}});

  const boost::json::object counts{{"started", 7}, {"settled", 3}, {"unsuccessful", 1}};
  CHECK(served.get(path_of(id)).json().at("children") == counts);
}

TEST_CASE("O2 W3: why tells how many jobs have settled by what the store has counted") {
  Served served;
  const auto id = served.host.add({"all"});
  engine::Wait wait;
  wait.children.emplace();
  served.host.append(id, {engine::ChildrenSpawned{0, 3}, moved(0, engine::Suspended{wait})});
  served.host.set_children(id, {{.step = 0, .spawned = 3, .settled = 2}});

  const auto why = served.get(path_of(id) + "/why").json();

  const std::string message(why.at("reasons").at(0).at("message").as_string());
  CHECK(message.find("have settled; 2 of 3 have (stepctl job children ") != std::string::npos);
}

TEST_CASE("W3: children are listed with the word they have now") {
  Served served;
  const auto id = served.host.add({"all"});
  served.host.script([](auto& script) {
    script.children = {{.key = "0", .job = {7}, .word = engine::JobWord::parked}};
  });

  const auto list = served.get(path_of(id) + "/children").json();

  CHECK(list.at("children").at(0).at("state").is_null());
  CHECK(list.at("children").at(0).at("word") == "parked");
}

TEST_CASE("O2: why says what a job waits for") {
  Served served;
  const auto id = served.host.add({"out"});
  const engine::TimePoint due(std::chrono::sys_days(std::chrono::year(2024) / 5 / 2));
  served.host.append(id, {moved(0, engine::Retrying{{.at = due}})});

  const auto why = served.get(path_of(id) + "/why").json();

  CHECK(why.at("id").as_string() == engine::to_text(id));
  REQUIRE_FALSE(why.at("reasons").as_array().empty());
  CHECK(why.at("reasons").at(0).at("step") == "out");
  CHECK(why.at("reasons").at(0).at("until") == "2024-05-02T00:00:00.000000Z");
}

}  // namespace
}  // namespace stepd::http
