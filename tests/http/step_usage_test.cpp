#include <catch2/catch.hpp>

#include "tests/http/served.hpp"

using namespace stepd;
using namespace stepd::http::testing;
using namespace std::chrono_literals;
using engine::OutcomeKind;

namespace {

runtime::StepLoad busy() {
  runtime::StepCounters counters;
  runtime::StepCounter worker(counters);
  worker.begin("bank.transfer");
  worker.end(OutcomeKind::succeeded, {.waited = 3ms, .ran = 5us, .cpu = 4us, .memory_kib = 2048});
  worker.begin("bank.transfer");
  worker.end(OutcomeKind::timed_out, {.ran = 5us});
  worker.begin("bank.transfer");
  return {
      .type = "bank.transfer", .ready = 2, .in_calls = 4, .count = counters.lines().front().count};
}

}  // namespace

TEST_CASE("what calls use is told by step type with what runs and waits now") {
  Served served;
  served.host.script([](auto& script) { script.step_loads = {busy()}; });

  const auto type = served.get("/v1/step-types:usage").json().at("step_types").at(0);

  CHECK(type.at("type") == "bank.transfer");
  CHECK(type.at("running") == 1);
  CHECK(type.at("waiting") == 5);  // two that are ready, and three calls that have not begun
  CHECK(type.at("calls") == 2);
  CHECK(type.at("failed") == 1);
  CHECK(type.at("ended") == boost::json::object{{"succeeded", 1}, {"timed_out", 1}});
  CHECK(type.at("cpu_us") == 4);
  CHECK(type.at("cpu_unknown") == 1);
  CHECK(type.at("ran") == boost::json::array{{{"below_us", 6}, {"calls", 2}}});
  CHECK(type.at("memory_bytes") == 2048 * 1024);
}

TEST_CASE("a step type that was never called has used nothing") {
  Served served;
  served.host.script([](auto& script) { script.step_loads = {{.type = "demo.greet"}}; });

  const auto type = served.get("/v1/step-types:usage").json().at("step_types").at(0);

  CHECK(type.at("calls") == 0);
  CHECK(type.at("ended").as_object().empty());
  CHECK(type.at("ran").as_array().empty());
  CHECK(type.at("memory_bytes").is_null());
}

TEST_CASE("the journal tells what a call used and null for what is not known") {
  Served served;
  const auto id = served.host.add({"a"});
  served.host.append(
      id, {engine::CallStarted{.step = 0, .call = 1},
           engine::CallEnded{
               .step = 0, .call = 1, .used = {.waited = 2s, .ran = 1500us, .memory_kib = 8}},
           engine::CallEnded{.step = 0, .call = 2}});

  const auto rows = served.get("/v1/jobs/" + engine::to_text(id) + "/journal").json().at("rows");

  const auto entries = rows.as_array().back().at("entries").as_array();
  CHECK(entries.at(1).at("used") ==
        boost::json::object{
            {"waited", "2s"}, {"ran", "1500us"}, {"cpu", nullptr}, {"memory_bytes", 8192}});
  CHECK(entries.at(2).at("used").is_null());
}
