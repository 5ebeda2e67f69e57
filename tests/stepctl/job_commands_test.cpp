#include <catch2/catch.hpp>

#include "tests/stepctl/canned/canned_daemon.hpp"
#include "tests/stepctl/child.hpp"
#include "tools/stepctl/json_text.hpp"

using namespace stepd::test;
using stepd::stepctl::parse_object;

namespace {

const std::string transfer =
    R"({"id":"J-1","name":"transfer","key":"order-42","tenant":"default","state":"compensated",
        "reason":"step in was abandoned: account_closed","attention":false,
        "created_at":"2026-03-01T12:00:00.000000Z","settled_at":"2026-03-01T12:00:01.240000Z",
        "deadline":null,"args":{"amount":2.50},"output":null,"left":[],
        "steps":[{"id":"out","type":"bank.transfer_out","version":1,"state":"compensated",
                  "phase":"compensate","effect":"none","attempts":1,"calls":1,"args":{},
                  "output":{"receipt":"r-1"},"due":null,"error":null},
                 {"id":"in","type":"bank.transfer_in","version":1,"state":"abandoned",
                  "phase":"execute","effect":"none","attempts":2,"calls":3,"args":{},
                  "output":null,"due":null,
                  "error":{"code":"account_closed","message":"B-7","details":null}}]})";

CannedReply transfer_answer(const CannedRequest& request) {
  if (request.target == "/v1/jobs/J-1") return {200, transfer};
  if (request.target == "/v1/jobs/J-1/journal?limit=500&after=0") {
    return {200, R"({"rows":[{"row":1,"at":"2026-03-01T12:00:00Z",
                     "entries":[{"type":"submitted"}]}],"next":1})"};
  }
  if (request.target == "/v1/jobs/J-1/journal?limit=500&after=1") {
    return {200, R"({"rows":[{"row":2,"at":"2026-03-01T12:00:01.240Z",
                     "entries":[{"type":"settled","state":"compensated"}]}],"next":null})"};
  }
  return problem(404, "no such job");
}

}  // namespace

TEST_CASE("show tells a job and its steps") {
  CannedDaemon daemon(transfer_answer);

  const ChildEnd end = stepctl(daemon.address(), {"job", "show", "J-1"});

  CHECK(end.code == 0);
  CHECK(end.err.empty());
  CHECK(end.out.find("state      compensated\n") != end.out.npos);
  CHECK(end.out.find("settled    2026-03-01 12:00:01 UTC, after 1.24s\n") != end.out.npos);
  CHECK(end.out.find("args       {\"amount\":2.5}\n") != end.out.npos);
  CHECK(end.out.find("STEP  TYPE               STATE        EFFECT  ATTEMPTS     ERROR OR OUTPUT\n"
                     "out   bank.transfer_out  compensated  none    1            "
                     "{\"receipt\":\"r-1\"}\n"
                     "in    bank.transfer_in   abandoned    none    2 (3 calls)  "
                     "account_closed: B-7\n") != end.out.npos);
}

TEST_CASE("show with the journal reads all its pages") {
  CannedDaemon daemon(transfer_answer);

  const ChildEnd end = stepctl(daemon.address(), {"job", "show", "J-1", "--journal"});

  CHECK(end.out.find("     +0ms  submitted\n   +1.24s  settled: compensated\n") != end.out.npos);
}

TEST_CASE("show as json is the document of the daemon with its numbers as they were") {
  CannedDaemon daemon(transfer_answer);

  const ChildEnd plain = stepctl(daemon.address(), {"job", "show", "J-1", "--output", "json"});
  const ChildEnd whole =
      stepctl(daemon.address(), {"--output", "json", "job", "show", "J-1", "--journal"});

  CHECK(plain.out.find("\"amount\": 2.50") != plain.out.npos);
  CHECK(parse_object(plain.out) == parse_object(transfer));
  const auto document = parse_object(whole.out);
  REQUIRE(document);
  CHECK(document->at("journal").as_array().size() == 2);
  CHECK(document->at("state") == "compensated");
}

TEST_CASE("show tells what an unsettled job waits for and how to decide on a parked step") {
  CannedDaemon daemon([](const CannedRequest& request) {
    if (request.target.ends_with("/why")) {
      return CannedReply{200, R"({"id":"J-2","state":"parked","reasons":[{"step":"pay",
          "code":"parked","message":"an operator must say if it took effect","until":null}]})"};
    }
    return CannedReply{200, R"({"id":"J-2","name":"n","state":"parked","created_at":null,
        "settled_at":null,"steps":[{"id":"pay","type":"t","state":"parked","phase":"execute",
        "effect":"possible","attempts":1,"calls":1}]})"};
  });

  const ChildEnd end = stepctl(daemon.address(), {"job", "show", "J-2"});

  CHECK(end.code == 0);
  CHECK(end.out.find("  pay  an operator must say if it took effect\n") != end.out.npos);
  CHECK(end.err.find("stepctl job resolve J-2 pay --reason TEXT") != end.err.npos);
}

TEST_CASE("show offers for a parked compensation what can be done about it") {
  CannedDaemon daemon([](const CannedRequest& request) {
    if (request.target.ends_with("/why")) return CannedReply{200, R"({"id":"J-2","reasons":[]})"};
    return CannedReply{200, R"({"id":"J-2","name":"n","state":"parked","created_at":null,
        "settled_at":null,"steps":[{"id":"pay","type":"t","state":"parked","phase":"compensate",
        "effect":"done","attempts":1,"calls":1}]})"};
  });

  const ChildEnd end = stepctl(daemon.address(), {"job", "show", "J-2"});

  CHECK(end.err.find("resolve J-2 pay --reason TEXT --undone\n") != end.err.npos);
  CHECK(end.err.find("abandon") == end.err.npos);
}

TEST_CASE("J9: show tells why a job that succeeded has no output") {
  CannedDaemon daemon([](const CannedRequest&) {
    return CannedReply{200, R"({"id":"J-3","name":"n","state":"succeeded","output":null,
        "output_error":{"code":"too_large","message":"the output has 9 bytes","details":null},
        "settled_at":"2026-03-01T12:00:01Z","steps":[]})"};
  });

  const ChildEnd end = stepctl(daemon.address(), {"job", "show", "J-3"});

  CHECK(end.code == 0);
  CHECK(end.out.find("no output  too_large: the output has 9 bytes\n") != end.out.npos);
}

TEST_CASE("an unknown job is refused with 1") {
  CannedDaemon daemon(transfer_answer);
  const auto command = GENERATE(as<std::string>(), "show", "watch", "why", "cancel", "delete");

  const ChildEnd end = stepctl(daemon.address(), {"job", command, "a/b?c"});

  CHECK(end.code == 1);
  CHECK(end.out.empty());
  CHECK(end.err == "error: no such job\n");
  CHECK(daemon.requests().at(0).target.starts_with("/v1/jobs/a%2Fb%3Fc"));
}

TEST_CASE("plan shows the order and draws the graph and runs nothing") {
  CannedDaemon daemon([](const CannedRequest&) {
    return CannedReply{200, R"({"name":"p","deadline":null,"steps":[
        {"id":"a","step":"bank.out","after":[],"pivot":false,"plugin":"bank 1","kind":"saga",
         "version":1,"retry":{"attempts_max":2},"timeout":"2s","heartbeat":null,"longest":"5s",
         "compensation":{"retry":{"attempts_max":"unlimited"},"timeout":null,"longest":null}},
        {"id":"b","step":"nobody.knows","after":["a"],"pivot":true,"plugin":null,"kind":null,
         "version":null,"retry":null,"timeout":null,"heartbeat":null,"longest":null,
         "compensation":null}],
        "longest":null,"compensation":{"order":["a"],"longest":null},
        "warnings":[{"code":"c","pointer":"/steps/1/step","message":"it waits"}]})"};
  });
  const ChildOptions job{.input = R"({"steps":[]})"};

  const ChildEnd table = stepctl(daemon.address(), {"job", "plan", "-"}, job);
  CHECK(table.code == 0);
  CHECK(daemon.requests().at(0).target == "/v1/jobs:plan");
  CHECK(daemon.requests().at(0).body == R"({"steps":[]})");
  CHECK(table.out.find("#1, attempts no end, no bound") != table.out.npos);
  CHECK(table.out.find("none: it waits") != table.out.npos);
  CHECK(table.out.find("b  (point of no return)") != table.out.npos);
  CHECK(table.out.find("undone in order    a\n") != table.out.npos);
  CHECK(table.err == "warning: it waits (at /steps/1/step)\n");

  const ChildEnd quiet = stepctl(daemon.address(), {"job", "plan", "-", "--quiet"}, job);
  CHECK(quiet.out == "a\nb\n");
  CHECK(quiet.err.empty());

  const ChildEnd dot = stepctl(daemon.address(), {"job", "plan", "-", "--dot"}, job);
  CHECK(dot.out.starts_with("digraph \"p\" {\n"));
  CHECK(dot.out.find("\"a\" -> \"b\";") != dot.out.npos);
}

TEST_CASE("list asks for what was wished and shows a table") {
  CannedDaemon daemon([](const CannedRequest&) {
    return CannedReply{200, R"({"jobs":[
        {"id":"J-2","name":"b","key":"k","state":"parked","attention":true,
         "created_at":"2026-03-01T12:00:00Z","due":null,"needs":[],"settled_at":null},
        {"id":"J-1","name":"transfer","key":null,"state":"succeeded","attention":false,
         "created_at":"2026-03-01T12:00:00Z","due":null,"needs":[],
         "settled_at":"2026-03-01T12:00:02Z"}],"next":"J-1"})"};
  });

  const ChildEnd end =
      stepctl(daemon.address(),
              {"job", "list", "--state", "parked", "--state", "succeeded", "--name", "a b", "--key",
               "k", "--attention", "--no-children", "--limit", "2", "--before", "J-9"});

  CHECK(end.code == 0);
  CHECK(daemon.requests().at(0).target ==
        "/v1/jobs?limit=2&state=parked&state=succeeded&name=a%20b&key=k&attention=true&child=false"
        "&before=J-9");
  CHECK(end.out.find("ID   STATE      NAME      KEY  SUBMITTED") == 0);
  CHECK(end.out.find("\nJ-2  parked !   b         k") != end.out.npos);
  CHECK(end.out.find("\nJ-1  succeeded  transfer") != end.out.npos);
  CHECK(end.err == "there are more: --all, --limit N, or --before J-1\n");
}

TEST_CASE("list tells when a job that waits goes on and nothing of one that does not wait") {
  CannedDaemon daemon([](const CannedRequest&) {
    return CannedReply{200, R"({"jobs":[
        {"id":"J-2","name":"waits","state":"running","created_at":"2026-03-01T12:00:00Z",
         "due":"2999-03-01T12:00:00Z","settled_at":null},
        {"id":"J-1","name":"works","state":"running","created_at":"2026-03-01T12:00:00Z",
         "due":"2026-03-01T12:00:00Z","settled_at":null}],"next":null})"};
  });

  const std::string table = stepctl(daemon.address(), {"job", "list"}).out;

  const auto second = table.find("J-1");
  REQUIRE(second != table.npos);
  CHECK(table.substr(0, second).find("  in ") != table.npos);
  const std::string works = table.substr(second);
  CHECK(works.find("ago") != works.npos);
  CHECK(works.find("ago") == works.rfind("ago"));
}

TEST_CASE("list of all goes through every page and quiet means ids") {
  CannedDaemon daemon([](const CannedRequest& request) {
    const bool second = request.target.find("before=J-2") != std::string::npos;
    return CannedReply{200, second ? R"({"jobs":[{"id":"J-1"}],"next":null})"
                                   : R"({"jobs":[{"id":"J-3"},{"id":"J-2"}],"next":"J-2"})"};
  });

  CHECK(stepctl(daemon.address(), {"job", "list", "--all", "--quiet"}).out == "J-3\nJ-2\nJ-1\n");
  const ChildEnd as_json = stepctl(daemon.address(), {"job", "list", "--all", "--output", "json"});
  const auto document = parse_object(as_json.out);
  REQUIRE(document);
  CHECK(document->at("jobs").as_array().size() == 3);
  CHECK(document->at("next").is_null());
}

TEST_CASE("an empty list says how to begin and is no error") {
  CannedDaemon daemon([](const CannedRequest&) {
    return CannedReply{200, R"({"jobs":[],"next":null})"};
  });

  const ChildEnd end = stepctl(daemon.address(), {"job", "list"});

  CHECK(end.code == 0);
  CHECK(end.out.empty());
  CHECK(end.err.find("stepctl job submit FILE") != end.err.npos);
}

TEST_CASE("why tells each reason with its moment") {
  CannedDaemon daemon([](const CannedRequest&) {
    return CannedReply{200, R"({"id":"J-1","state":"waiting","reasons":[{"step":"mail",
        "code":"retrying","message":"attempt 3 follows","until":null},
        {"step":"","code":"paused","message":"","until":null}]})"};
  });

  const ChildEnd end = stepctl(daemon.address(), {"job", "why", "J-1"});

  CHECK(end.out ==
        "job J-1: waiting\n"
        "  mail  attempt 3 follows\n"
        "  job   paused\n");

  const ChildEnd quiet = stepctl(daemon.address(), {"job", "why", "J-1", "-q"});

  CHECK(quiet.out == "mail retrying\n- paused\n");
}

TEST_CASE("rerun prints the new job's id and waits for it when asked to") {
  CannedDaemon daemon([](const CannedRequest& request) {
    if (request.method == "POST") return CannedReply{200, R"({"id":"J-0","job":"J-1"})"};
    return transfer_answer(request);
  });

  const ChildEnd end = stepctl(daemon.address(), {"-q", "job", "rerun", "J-0"});

  CHECK(end.code == 0);
  CHECK(end.out == "J-1\n");
}

TEST_CASE("show tells the job's origin and what was made of it and its priority") {
  std::string job = transfer;
  job.replace(job.find("\"args\""), 0,
              R"("priority":-5,"origin":{"kind":"rerun","job":"J-0","from":"in"},
                 "derived":[{"kind":"rerun","job":"J-2"},{"kind":"undo","job":"J-3"}],
                 "undo":{"job":"J-4","state":"compensated"},)");
  CannedDaemon daemon([&](const CannedRequest&) { return CannedReply{200, job}; });

  const ChildEnd end = stepctl(daemon.address(), {"job", "show", "J-1"});

  CHECK(end.out.find("origin     rerun of J-0 from step in\n") != end.out.npos);
  CHECK(end.out.find("rerun as   J-2\nundo       undone by J-4\n") != end.out.npos);
  CHECK(end.out.find("priority   -5\n") != end.out.npos);
}

TEST_CASE("J5: show tells of an undo which other one goes on with it") {
  std::string job = transfer;
  job.replace(job.find("\"args\""), 0,
              R"("origin":{"kind":"undo","job":"J-0","from":null},
                 "derived":[{"kind":"undo","job":"J-3"}],"undo":{"job":"J-3","state":"parked"},)");
  CannedDaemon daemon([&](const CannedRequest&) { return CannedReply{200, job}; });

  const ChildEnd end = stepctl(daemon.address(), {"job", "show", "J-1"});

  CHECK(end.out.find("origin     undo of J-0\ngone on    J-3 (parked)\n") != end.out.npos);
}

TEST_CASE("J5: show tells how the last undo of a job stands") {
  const auto [state, told] = GENERATE(table<std::string, std::string>({
      {"\"parked\"", "undo       being undone by J-3 (parked)\n"},
      {"\"compensating\"", "undo       being undone by J-3 (compensating)\n"},
      {"\"compensated\"", "undo       undone by J-3\n"},
      {"\"failed\"",
       "undo       J-3 failed and has left something: to undo that, rerun it (stepctl "
       "job rerun J-3)\n"},
      {"null", "undo       J-3, which has been removed: how it ended is not known\n"},
  }));
  std::string job = transfer;
  job.replace(job.find("\"args\""), 0, R"("undo":{"job":"J-3","state":)" + state + "},");
  CannedDaemon daemon([&](const CannedRequest&) { return CannedReply{200, job}; });

  const ChildEnd end = stepctl(daemon.address(), {"job", "show", "J-1"});

  CHECK(end.out.find(told) != end.out.npos);
}

TEST_CASE("W3: show tells which job started this one and how many this one has started") {
  std::string job = transfer;
  job.replace(job.find("\"args\""), 0,
              R"("parent":{"id":"J-0","key":"page 7"},
                 "children":{"started":5,"settled":3,"unsuccessful":1},)");
  CannedDaemon daemon([&](const CannedRequest&) { return CannedReply{200, job}; });

  const ChildEnd end = stepctl(daemon.address(), {"job", "show", "J-1"});

  CHECK(end.out.find("parent     J-0, which calls it page 7\n"
                     "children   5, 3 settled, 1 unsuccessful (see: stepctl job children J-1)\n") !=
        end.out.npos);
}

TEST_CASE("plugins are listed with the reason of the refused") {
  CannedDaemon daemon([](const CannedRequest&) {
    return CannedReply{200, R"({"plugins":[
        {"id":"bank","version":"1.0","file":"/p/bank.so","module":"ab","sdk":"0.1",
         "step_types":["bank.out","bank.in"],"state":"loaded","refused":null},
        {"id":"","version":"","file":"/p/notes.so","module":"","sdk":"","step_types":[],
         "state":"refused","refused":"it is no ELF file"}]})"};
  });

  const ChildEnd list = stepctl(daemon.address(), {"plugin", "list"});
  CHECK(list.out.find("bank    1.0      loaded   /p/bank.so   bank.out, bank.in\n") !=
        list.out.npos);
  CHECK(list.out.find("refused  /p/notes.so  it is no ELF file\n") != list.out.npos);
  CHECK(stepctl(daemon.address(), {"plugin", "show", "bank"}).out.find("/p/bank.so") !=
        std::string::npos);
  const ChildEnd missing = stepctl(daemon.address(), {"plugin", "show", "nope"});
  CHECK(missing.code == 1);
  CHECK(missing.err.find("there is no plugin nope") != missing.err.npos);
}

TEST_CASE("a step type is shown with a job to start from") {
  CannedDaemon daemon([](const CannedRequest&) {
    return CannedReply{200, R"({"type":"demo.greet","version":1,"kind":"plain","title":"Greets",
        "plugin":"demo","description":"Says hello","args_schema":{"type":"object",
        "required":["name"],"properties":{"name":{"type":"string"}}},"output_schema":null,
        "retry":{"attempts_max":"unlimited","initial":"1s"},"timeout":"5s","probe":false,
        "not_repeatable":false})"};
  });

  const ChildEnd end = stepctl(daemon.address(), {"step", "show", "demo.greet"});

  CHECK(end.code == 0);
  CHECK(daemon.requests().at(0).target == "/v1/step-types/demo.greet");
  CHECK(end.out.find("retry      attempts_max unlimited, initial 1s\n") != end.out.npos);
  CHECK(end.out.find("      \"id\": \"greet\",\n"
                     "      \"step\": \"demo.greet\",\n"
                     "      \"args\": {\n"
                     "        \"name\": \"\"\n") != end.out.npos);
}

TEST_CASE("status tells the daemon and a troubled store gives 1") {
  CannedDaemon daemon([](const CannedRequest&) {
    return CannedReply{200, R"({"version":"0.1.0","started_at":"2026-03-01T12:00:00Z",
        "storage":{"backend":"sqlite","place":"/s/stepd.db","bytes":1572864,
                   "trouble":"the disk is full"},
        "jobs":{"running":1200,"parked":0,"succeeded":3},"attention":2,"jobs_in_memory":1200,
        "calls_running":4,"plugins":3,"step_types":12})"};
  });

  const ChildEnd end = stepctl(daemon.address(), {"status"});

  CHECK(end.code == 1);
  CHECK(end.out.find("storage     sqlite, 1.5 MiB in /s/stepd.db\n") != end.out.npos);
  CHECK(end.out.find("trouble     the disk is full\n") != end.out.npos);
  CHECK(end.out.find("jobs        1,200 running  3 succeeded\n") != end.out.npos);
  CHECK(end.out.find("attention   2 jobs") != end.out.npos);
}
