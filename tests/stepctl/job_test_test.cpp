#include <catch2/catch.hpp>
#include <fstream>

#include "tests/stepctl/canned/canned_daemon.hpp"
#include "tests/stepctl/child.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tools/stepctl/json_text.hpp"

using namespace stepd::test;
using stepd::stepctl::parse_object;

namespace {

const char* const tested = R"({"name":"t","steps":2,"paths":9,"played":3,
    "verdicts":{"ok":1,"parked":0,"effect_stays":1,"bad_arguments":0,"broken":BROKEN},
    "results":[
      {"path":"all_well","verdict":"ok","ended":"succeeded","calls":2,"took":"0ms","remarks":[]},
      {"path":"it's:refused","verdict":"effect_stays","ended":"failed","calls":2,"took":"90s",
       "remarks":["what \"n\" did stays"],
       "journal":[{"row":1,"at":"2026-03-01T12:00:00Z","entries":[{"type":"submitted"}]}]}],
    "omitted":[],"remarks":["made up"],"warnings":[]})";

std::string tested_with(const std::string& broken) {
  std::string text = tested;
  return text.replace(text.find("BROKEN"), 6, broken);
}

}  // namespace

TEST_CASE("test sends the job and shows what each path came to with the worst first") {
  CannedDaemon daemon([](const CannedRequest&) { return CannedReply{200, tested_with("0")}; });
  const ChildOptions job{.input = R"({"steps":[]})"};

  const ChildEnd end = stepctl(daemon.address(), {"job", "test", "-"}, job);

  CHECK(end.code == 0);
  CHECK(daemon.requests().at(0).target == "/v1/jobs:test");
  CHECK(daemon.requests().at(0).body == R"({"job":{"steps":[]}})");
  CHECK(end.out.starts_with("3 paths: 1 effect stays, 1 ok\nan even part of 9 paths"));
  CHECK(end.out.find("1m 30s") != end.out.npos);
  CHECK(end.out.find("it's:refused") < end.out.find("all_well"));
  CHECK(end.out.find("stepctl job test - --path 'it'\\''s:refused'") != end.out.npos);
  CHECK(end.err.ends_with("made up (stepctl job test FILE --outputs FILE)\n"));
  CHECK(end.err.starts_with("effect stays: the job turned back, and a plain step"));
}

TEST_CASE("test says quietly no more than the verdicts that are not ok") {
  CannedDaemon daemon([](const CannedRequest&) { return CannedReply{200, tested_with("0")}; });

  const ChildEnd end =
      stepctl(daemon.address(), {"job", "test", "-", "-q"}, {.input = R"({"steps":[]})"});

  CHECK(end.code == 0);
  CHECK(end.out == "effect_stays it's:refused\n");
  CHECK(end.err.empty());
}

TEST_CASE("a file that is no JSON is named with the place and nothing is sent") {
  CannedDaemon daemon([](const CannedRequest&) { return CannedReply{200, tested_with("0")}; });
  const ScratchFile job("job.json", "{\"name\":\"x\",\n \"steps\":[}\n");
  const ScratchFile outputs("outputs.json", "{\"a\":}");
  const auto command = GENERATE(as<std::string>(), "test", "plan");

  const ChildEnd broken = stepctl(daemon.address(), {"job", command, job.path()});
  const ChildEnd made_up =
      stepctl(daemon.address(), {"job", "test", "-", "--outputs", outputs.path()}, {.input = "{}"});

  CHECK(broken.code == 1);
  CHECK(broken.err == "error: " + job.path() + ":2:11: it is no JSON from here on\n");
  CHECK(made_up.err == "error: --outputs " + outputs.path() + ":1:6: it is no JSON from here on\n");
  CHECK(daemon.requests().empty());
}

TEST_CASE("a file of outputs that is not there or no object is named with its flag") {
  CannedDaemon daemon([](const CannedRequest&) { return CannedReply{200, tested_with("0")}; });
  const ScratchFile list("outputs.json", "\n [1]");
  const auto err_of = [&](const std::string& outputs) {
    return stepctl(daemon.address(), {"job", "test", "-", "--outputs", outputs}, {.input = "{}"})
        .err;
  };

  CHECK(err_of("/nowhere/o.json") ==
        "error: --outputs: cannot read /nowhere/o.json: No such file or directory (give a file "
        "with a JSON object, what steps return by step, or - for stdin)\n");
  CHECK(err_of(list.path()) == "error: --outputs " + list.path() +
                                   ":2:2: it is no object; give what steps return by step, "
                                   "{\"STEP\": OUTPUT}\n");
  CHECK(err_of("-").find("stdin (-) is the job or what --outputs names, not both") == 7);
  CHECK(daemon.requests().empty());
}

TEST_CASE("an objection to an output names the flag and the file with line and column") {
  const std::string pointer = GENERATE(as<std::string>(), "/outputs/pay~1in", "/outputs/pay~1in/0");
  CannedDaemon daemon([&](const CannedRequest&) {
    return CannedReply{422, R"({"code":"output_does_not_fit","detail":"the output does not fit",
        "errors":[{"pointer":")" +
                                pointer + R"(","message":"it does not"}]})"};
  });
  const ScratchFile outputs("outputs.json",
                            "{\"a\": {\"pay/in\": \"\\\",\"},\n  \"pay\\/in\": [1]}");

  const ChildEnd end =
      stepctl(daemon.address(), {"job", "test", "-", "--outputs", outputs.path()}, {.input = "{}"});

  CHECK(end.code == 1);
  CHECK(end.err.find("--outputs " + outputs.path() + ":2:3: error: the output does not fit\n") ==
        0);
}

TEST_CASE("test shows so few of a frequent verdict that no other is hidden by it") {
  std::string results;
  for (int path = 0; path < 100; ++path) {
    results += R"({"path":"p)" + std::to_string(path) + R"(","verdict":")" +
               (path < 60   ? "effect_stays"
                : path < 97 ? "ok"
                            : "parked") +
               R"(","ended":"failed","calls":1,"took":"0ms","remarks":[]})" +
               (path < 99 ? "," : "");
  }
  CannedDaemon daemon([&](const CannedRequest&) {
    return CannedReply{200, R"({"name":"t","steps":2,"paths":100,"played":100,
        "verdicts":{"ok":37,"parked":3,"effect_stays":60},"omitted":[],"remarks":[],"warnings":[],
        "plain_run":"the plain run ends failed","results":[)" +
                                results + "]}"};
  });
  const auto out_of = [&](std::vector<std::string> more) {
    std::vector<std::string> words{"job", "test", "-"};
    words.insert(words.end(), more.begin(), more.end());
    return stepctl(daemon.address(), words, {.input = "{}"}).out;
  };

  const std::string some = out_of({});

  CHECK(
      some.starts_with("100 paths: 3 parked, 60 effect stays, 37 ok\n"
                       "the plain run ends failed\n"));
  CHECK(some.find("p98") < some.find("p0 "));
  CHECK(some.find("p19 ") != some.npos);
  CHECK(some.find("p20 ") == some.npos);
  CHECK(some.find("\nnot shown: 40 effect stays, 37 ok; --all shows them\n") != some.npos);
  CHECK(out_of({"--all"}).find("not shown") == some.npos);
}

TEST_CASE("test ends with 1 when a path is broken and sends the path and the outputs") {
  CannedDaemon daemon([](const CannedRequest&) {
    return CannedReply{200, R"({"name":"t","steps":1,"paths":1,"played":1,"verdicts":{"broken":1},
        "results":[{"path":"a:failed","verdict":"broken","ended":"failed","calls":2,"took":"0ms",
         "remarks":["C2: order"],
         "journal":[{"row":1,"at":"2026-03-01T12:00:00Z","entries":[{"type":"submitted"}]}]}],
        "omitted":[],"remarks":[],"warnings":[]})"};
  });
  const stepd::support::TemporaryFolder folder;
  const std::string outputs = (folder.path() / "outputs.json").string();
  std::ofstream(outputs) << R"({"a":{"n":1}})";
  const ChildOptions job{.input = "{}"};

  const ChildEnd end = stepctl(
      daemon.address(), {"job", "test", "-", "--path", "a:failed", "--outputs", outputs}, job);

  CHECK(end.code == 1);
  CHECK(daemon.requests().at(0).body == R"({"job":{},"path":"a:failed","outputs":{"a":{"n":1}}})");
  CHECK(end.out.find("submitted") != end.out.npos);
  CHECK(end.out.find("broken: C2: order\n") != end.out.npos);
}

TEST_CASE("test with real steps says how many calls there will be before any is made") {
  CannedDaemon daemon([](const CannedRequest& request) {
    const bool counts = request.body.find("only_count") != request.body.npos;
    return CannedReply{
        200, R"({"name":"t","steps":1,"paths":9,"played":)" + std::string(counts ? "9" : "1") +
                 R"(,"code_calls":1234,"cut_short":"it hangs","verdicts":{"step_at_fault":1},
        "results":[{"path":"a:failed","verdict":"step_at_fault","ended":"failed","calls":2,
         "took":"0ms","remarks":["step \"a\": it does not succeed"]}],
        "omitted":[],"remarks":[],"warnings":[]})"};
  });
  const ChildOptions job{.input = R"({"steps":[]})"};

  const ChildEnd unsaid = stepctl(daemon.address(), {"job", "test", "-", "--real"}, job);
  REQUIRE(daemon.requests().size() == 1);
  const ChildEnd said = stepctl(daemon.address(), {"job", "test", "-", "--real", "--yes"}, job);

  CHECK(unsaid.code == 1);
  CHECK(unsaid.out.empty());
  CHECK(unsaid.err.find("9 paths: the steps' own code runs about 1,234 times, and what it does is "
                        "real\n") == 0);
  CHECK(unsaid.err.find("nothing was done: to run the steps' own code about 1,234 times, say "
                        "--yes") != unsaid.err.npos);
  CHECK(daemon.requests().at(1).body == R"({"job":{"steps":[]},"real":true,"only_count":true})");
  CHECK(daemon.requests().at(2).body == R"({"job":{"steps":[]},"real":true})");
  CHECK(said.code == 1);
  CHECK(said.out.starts_with("1 path: 1 step at fault\ncut short: it hangs\n"));
  CHECK(said.out.find("stepctl job test - --real --path 'a:failed'") != said.out.npos);
}

TEST_CASE("test with real steps is refused where the daemon does not allow it") {
  CannedDaemon daemon([](const CannedRequest&) { return problem(403, "real steps: not here"); });

  const ChildEnd end = stepctl(daemon.address(), {"job", "test", "-", "--real", "--yes"},
                               {.input = R"({"steps":[]})"});

  CHECK(end.code == 1);
  CHECK(end.err == "error: real steps: not here\n");
  CHECK(daemon.requests().size() == 1);
}
