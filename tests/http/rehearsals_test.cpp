#include <catch2/catch.hpp>

#include "host/rehearsal/called_code.hpp"
#include "tests/http/served.hpp"

namespace stepd::http::testing {
namespace {

/// In the place of the plugins' code.
class EchoCaller final : public runtime::StepCaller {
 public:
  std::atomic<int> calls{0};
  engine::Outcome run(const engine::CallRequest&, plugin::CallPorts&, std::stop_token) override {
    ++calls;
    return {.output = engine::JsonText(R"({"text":"real"})")};
  }
};

engine::Catalogue sagas() {
  engine::Catalogue catalogue;
  engine::StepType type{.name = "t.saga", .kind = engine::StepKind::saga, .plugin = "t 1"};
  type.retry.attempts_max = 3;
  catalogue.types.emplace(type.name, type);
  return catalogue;
}

HttpSettings with_code(rehearsal::CalledCode& code) {
  HttpSettings settings;
  settings.api.real_steps = &code;
  return settings;
}

const std::string job = R"({"name":"t","steps":[
    {"id":"a","step":"t.saga"},
    {"id":"b","step":"t.saga","args":{"name":{"$ref":"/steps/a/output/text"}}}]})";

}  // namespace

TEST_CASE("real steps are refused where the daemon does not allow them") {
  Served served;
  served.host.set_catalogue(sagas());

  const Response refused = served.post("/v1/jobs:test", R"({"real":true,"job":)" + job + "}");
  const Response counted = served.post("/v1/jobs:test", R"({"only_count":true,"job":)" + job + "}");

  CHECK(refused.status == 403);
  CHECK(refused.code() == "real_steps_not_allowed");
  CHECK(refused.detail().find("--real-steps") != std::string::npos);
  CHECK(counted.code() == "nothing_to_count");
}

TEST_CASE("calls of real steps are counted without any and then made") {
  EchoCaller caller;
  rehearsal::CalledCode code(caller);
  Served served(with_code(code));
  served.host.set_catalogue(sagas());
  const auto asked = [&](const std::string& more) {
    return served.post("/v1/jobs:test", R"({"real":true,)" + more + R"("job":)" + job + "}");
  };

  const Response count = asked(R"("only_count":true,)");
  REQUIRE(count.status == 200);
  CHECK(caller.calls == 0);
  const Response one = asked(R"("path":"all_well",)");
  const int calls_of_one = caller.calls;
  const Response all = asked("");

  CHECK(calls_of_one == 2);
  CHECK(one.body.find(R"({"name":"real"})") != one.body.npos);
  CHECK(all.json().at("verdicts").at("broken") == 0);
  CHECK(all.json().at("verdicts").at("step_at_fault") == 0);
  CHECK(all.json().at("code_calls") == caller.calls - calls_of_one);
  CHECK(count.json().at("code_calls") == all.json().at("code_calls"));
}

TEST_CASE("a step with a given output is not called when the others are") {
  EchoCaller caller;
  rehearsal::CalledCode code(caller);
  Served served(with_code(code));
  served.host.set_catalogue(sagas());

  const Response one = served.post(
      "/v1/jobs:test",
      R"({"real":true,"path":"all_well","outputs":{"a":{"text":"given"}},"job":)" + job + "}");

  CHECK(caller.calls == 1);
  CHECK(one.body.find(R"({"name":"given"})") != one.body.npos);
}

TEST_CASE("an output that no step has or that does not fit is refused with its place") {
  Served served;
  engine::Catalogue catalogue = sagas();
  catalogue.types.at("t.saga").output_schema =
      engine::JsonText(R"({"type":"object","properties":{"text":{"type":"string"}}})");
  served.host.set_catalogue(std::move(catalogue));
  const auto pointer_of = [&](const std::string& outputs) {
    const Response refused =
        served.post("/v1/jobs:test", R"({"outputs":)" + outputs + R"(,"job":)" + job + "}");
    CHECK(refused.status == 422);
    return std::string(refused.json().at("errors").at(0).at("pointer").as_string());
  };

  CHECK(pointer_of(R"({"a/b":1})") == "/outputs/a~1b");
  CHECK(pointer_of(R"({"a":{"text":7}})") == "/outputs/a/text");
}

TEST_CASE("one test at a time has real steps") {
  EchoCaller caller;
  rehearsal::CalledCode code(caller);
  Served served(with_code(code));
  served.host.set_catalogue(sagas());
  REQUIRE(code.enter());

  const Response busy = served.post("/v1/jobs:test", R"({"real":true,"job":)" + job + "}");
  code.leave();
  const Response after = served.post("/v1/jobs:test", R"({"real":true,"job":)" + job + "}");

  CHECK(busy.status == 409);
  CHECK(busy.code() == "test_under_way");
  CHECK(after.status == 200);
}

}  // namespace stepd::http::testing
