#include <catch2/catch.hpp>
#include <set>

#include "host/http/api.hpp"
#include "host/http/resources.hpp"
#include "tests/http/served.hpp"

namespace stepd::http {
namespace {

namespace json = boost::json;
using testing::path_of;
using testing::Response;
using testing::Served;

const json::value& document() {
  static const json::value parsed = json::parse(openapi_document());
  return parsed;
}

/// What a `#/…` reference names. Throws when there is nothing.
const json::value& resolved(const json::value& value) {
  const json::object* object = value.if_object();
  if (object == nullptr || !object->contains("$ref")) return value;
  const std::string reference(object->at("$ref").as_string());
  return resolved(document().at_pointer(reference.substr(1)));
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char character) {
    return static_cast<char>(std::tolower(character));
  });
  return text;
}

using Operation = std::pair<std::string, std::string>;  // path, method in lower case

std::set<Operation> documented() {
  const std::set<std::string> methods{"get", "post", "put", "patch", "delete"};
  std::set<Operation> operations;
  for (const auto& path : document().at("paths").as_object()) {
    for (const auto& member : path.value().as_object()) {
      const std::string method(member.key());
      if (methods.contains(method)) operations.emplace(std::string(path.key()), method);
    }
  }
  return operations;
}

/// The little of JSON Schema that the document uses; problems as "pointer: what".
class SchemaReader {
 public:
  std::vector<std::string> problems;

  void check(const json::value& schema, const json::value& value, const std::string& at) {
    const json::object& rules = resolved(schema).as_object();
    if (const auto* type = rules.if_contains("type")) {
      if (!is_of(*type, value)) return fail(at, "has the wrong type: " + json::serialize(value));
    }
    if (const auto* words = rules.if_contains("enum")) {
      const auto& all = words->as_array();
      if (std::find(all.begin(), all.end(), value) == all.end()) {
        fail(at, "is none of the words: " + json::serialize(value));
      }
    }
    if (const auto* only = rules.if_contains("const"); only != nullptr && *only != value) {
      fail(at, "is not the constant");
    }
    if (value.is_object()) check_members(rules, value.as_object(), at);
    if (const auto* items = rules.if_contains("items"); items != nullptr && value.is_array()) {
      for (const auto& element : value.as_array()) check(*items, element, at + "/*");
    }
  }

 private:
  void fail(const std::string& at, const std::string& what) { problems.push_back(at + " " + what); }

  static bool is_of_one(std::string_view type, const json::value& value) {
    if (type == "null") return value.is_null();
    if (type == "boolean") return value.is_bool();
    if (type == "integer") return value.is_int64() || value.is_uint64();
    if (type == "number") return value.is_number();
    if (type == "string") return value.is_string();
    if (type == "array") return value.is_array();
    return type == "object" && value.is_object();
  }

  static bool is_of(const json::value& type, const json::value& value) {
    if (type.is_string()) return is_of_one(type.as_string(), value);
    const auto& all = type.as_array();
    return std::any_of(all.begin(), all.end(),
                       [&](const json::value& one) { return is_of_one(one.as_string(), value); });
  }

  void check_members(const json::object& rules, const json::object& value, const std::string& at) {
    if (const auto* required = rules.if_contains("required")) {
      for (const auto& name : required->as_array()) {
        if (!value.contains(name.as_string())) fail(at, "lacks " + std::string(name.as_string()));
      }
    }
    const auto* properties = rules.if_contains("properties");
    const auto* others = rules.if_contains("additionalProperties");
    for (const auto& member : value) {
      const std::string below = at + "/" + std::string(member.key());
      if (properties != nullptr && properties->as_object().contains(member.key())) {
        check(properties->at(member.key()), member.value(), below);
      } else if (others != nullptr && others->is_object()) {
        check(*others, member.value(), below);
      } else if (others != nullptr && !others->as_bool()) {
        fail(below, "is not in the document");
      }
    }
  }
};

/// What of an answer the document does not say.
std::vector<std::string> undocumented(const Operation& operation, const Response& response) {
  const auto& responses =
      document().at("paths").at(operation.first).at(operation.second).at("responses").as_object();
  const std::string status = std::to_string(response.status);
  const auto* said = responses.if_contains(status);
  const json::object& content =
      resolved(said != nullptr ? *said : responses.at("default")).at("content").as_object();
  const std::string& type = response.fields.at("content-type");
  if (!content.contains(type)) return {"the content type " + type + " of " + status};
  SchemaReader reader;
  reader.check(content.at(type).at("schema"), response.json(), "");
  return reader.problems;
}

void collect_references(const json::value& value, std::set<std::string>& references) {
  if (value.is_object()) {
    for (const auto& member : value.as_object()) {
      if (member.key() == "$ref") references.insert(std::string(member.value().as_string()));
      collect_references(member.value(), references);
    }
  }
  if (value.is_array()) {
    for (const auto& element : value.as_array()) collect_references(element, references);
  }
}

TEST_CASE("the OpenAPI document describes every route and nothing else") {
  std::set<Operation> routed;
  for (const Route& route : routes()) {
    routed.emplace(std::string(route.pattern), lower(std::string(route.method)));
  }

  CHECK(documented() == routed);
}

TEST_CASE("the OpenAPI document and the routes say the same of each operation") {
  std::set<std::string> operation_ids;
  for (const Route& route : routes()) {
    const auto& path = document().at("paths").at(route.pattern).as_object();
    const auto& operation = path.at(lower(std::string(route.method))).as_object();
    CAPTURE(route.pattern, route.method);

    CHECK(operation.at("summary").as_string() == route.summary);
    CHECK(operation_ids.insert(std::string(operation.at("operationId").as_string())).second);
    CHECK(operation.at("responses").as_object().contains("default"));
    const auto open = route.pattern.find('{');
    if (open == std::string_view::npos) continue;
    const auto name = route.pattern.substr(open + 1, route.pattern.find('}') - open - 1);
    CHECK(resolved(path.at("parameters").at(0)).at("name").as_string() == name);
  }
}

TEST_CASE("every reference within the OpenAPI document leads somewhere") {
  std::set<std::string> references;
  collect_references(document(), references);

  CHECK(references.size() > 20);
  for (const std::string& reference : references) {
    if (!reference.starts_with('#')) continue;
    CAPTURE(reference);
    CHECK_NOTHROW(document().at_pointer(reference.substr(1)));
  }
}

TEST_CASE("every schema of the OpenAPI document is used") {
  std::set<std::string> references;
  collect_references(document(), references);
  const std::set<std::string> told_in_words{"BatchLine", "Progress", "Row"};

  for (const auto& schema : document().at("components").at("schemas").as_object()) {
    CAPTURE(std::string(schema.key()));
    CHECK((references.contains("#/components/schemas/" + std::string(schema.key())) ||
           told_in_words.contains(std::string(schema.key()))));
  }
}

TEST_CASE("the documents are served and name the version") {
  const Served served;

  const Response openapi = served.get("/v1/openapi.json");
  const Response schema = served.get("/v1/job.schema.json");

  CHECK(openapi.json().at("openapi") == "3.1.0");
  CHECK(openapi.json().at("info").at("version") == "1.2.3");
  CHECK(schema.fields.at("content-type") == "application/schema+json");
  CHECK(schema.json().at("$schema") == "https://json-schema.org/draft/2020-12/schema");
}

void set_up(Served& served) {
  engine::StepType type;
  type.name = "demo.greet";
  type.kind = engine::StepKind::saga;
  type.retry.attempts_max = 0;
  type.retry.initial = std::chrono::milliseconds(200);
  type.retry.multiplier = 1.5;
  type.timeout = std::chrono::seconds(5);
  type.args_schema = engine::JsonText(R"({"type":"object"})");
  type.plugin = "demo 1.0.0";
  engine::Catalogue catalogue;
  catalogue.types.emplace(type.name, type);
  served.host.set_catalogue(std::move(catalogue));
  served.host.script([&](auto& script) {
    script.plugin_lines = {{.file = "/p/demo.so",
                            .id = "demo",
                            .version = "1.0.0",
                            .step_types = {"demo.greet"},
                            .sha256 = std::string(64, 'a'),
                            .signed_by = "/k/build.pub",
                            .warning = "is old"},
                           {.file = "/p/bad\xFF.so", .refused = "it is no ELF file"}};
  });
}

/// A job with one entry of every kind in its journal.
engine::JobId eventful_job(Served& served) {
  const auto id = served.host.add({"a", "b"});
  const engine::Error error{"code", "message", engine::JsonText(R"({"n":1})")};
  const engine::Cause cause{engine::Cause::Kind::step_abandoned, 0, error};
  const auto moved = [](engine::StepCondition to) {
    return engine::StepMoved{.step = 0, .to = std::move(to)};
  };
  served.host.append(
      id,
      {engine::SnapshotCompleted{0, {}},
       engine::ArgumentsResolved{0, engine::JsonText("{}")},
       engine::CallStarted{.step = 0, .call = 1},
       moved(engine::Running{1}),
       moved(engine::Stopping{1, engine::StopCause::silent}),
       engine::CallEnded{
           .step = 0, .call = 1, .outcome = engine::OutcomeKind::timed_out, .error = error},
       engine::CallEnded{
           .step = 0, .call = 1, .used = {.ran = std::chrono::milliseconds(2), .memory_kib = 3}},
       moved(engine::Retrying{}),
       engine::AttentionRaised{0},
       engine::Paused{},
       engine::Resumed{},
       moved(engine::Suspended{}),
       moved(engine::Parked{engine::ParkReason::crashes, error}),
       engine::OperatorActed{.verb = "abandon", .request_id = "r", .step = 0},
       engine::OperatorActed{.verb = "cancel", .request_id = "s"},
       engine::CancelNoted{{engine::Cause::Kind::cancel, 0, {}}},
       engine::DeadlinePassed{},
       moved(engine::Abandoned{engine::AbandonReason::operator_verb, error}),
       engine::StepMoved{.step = 1, .to = engine::Never{}},
       engine::TurnedBack{cause},
       engine::ChildrenSpawned{0, 2},
       engine::ChildrenSettled{0, 2, 1, 1},
       engine::WaitEnded{0, {engine::Phase::execute, "k", std::nullopt}},
       engine::WaitEnded{0,
                         {engine::Phase::execute, "k",
                          engine::TakenEvent{{1}, "e", "k", engine::JsonText("[1]"), {}}}},
       engine::Settled{engine::SettledState::failed}});
  return id;
}

TEST_CASE("every answer is as the OpenAPI document says") {
  Served served;
  set_up(served);
  served.host.script([](auto& script) {
    script.step_loads = {{.type = "demo.greet"}};
    script.step_loads[0].count.ran.add(std::chrono::milliseconds(1));
  });
  const auto id = eventful_job(served);
  const std::string path = path_of(id);
  const std::string job = R"({"steps":[{"id":"a","step":"demo.greet","args":{}}]})";
  const std::vector<std::pair<Operation, Response>> answers{
      {{"/v1/jobs", "post"}, served.post("/v1/jobs", job)},
      {{"/v1/jobs", "post"}, served.post("/v1/jobs", "{}")},
      {{"/v1/jobs", "get"}, served.get("/v1/jobs?limit=1")},
      {{"/v1/jobs", "get"}, served.get("/v1/jobs?limit=0")},
      {{"/v1/jobs/{id}", "get"}, served.get(path)},
      {{"/v1/jobs/{id}", "get"}, served.get("/v1/jobs/x")},
      {{"/v1/jobs/{id}", "delete"}, served.remove(path)},
      {{"/v1/jobs/{id}/journal", "get"}, served.get(path + "/journal")},
      {{"/v1/jobs/{id}/children", "get"}, served.get(path + "/children")},
      {{"/v1/jobs/{id}/why", "get"}, served.get(path + "/why")},
      {{"/v1/jobs/{id}:cancel", "post"}, served.post(path + ":cancel", "")},
      {{"/v1/jobs/{id}:pause", "post"}, served.post(path + ":pause", "")},
      {{"/v1/jobs/{id}:resume", "post"}, served.post(path + ":resume", "")},
      {{"/v1/jobs/{id}:skip", "post"}, served.post(path + ":skip", "{}")},
      {{"/v1/events", "post"}, served.post("/v1/events", R"({"key":"k","data":1})")},
      {{"/v1/events", "post"}, served.post("/v1/events", R"({"data":1})")},
      {{"/v1/events", "get"}, served.get("/v1/events?kept=true")},
      {{"/v1/plugins", "get"}, served.get("/v1/plugins")},
      {{"/v1/step-types", "get"}, served.get("/v1/step-types")},
      {{"/v1/step-types/{type}", "get"}, served.get("/v1/step-types/demo.greet")},
      {{"/v1/step-types/{type}", "get"}, served.get("/v1/step-types/demo.nothing")},
      {{"/v1/step-types:usage", "get"}, served.get("/v1/step-types:usage")},
      {{"/v1/status", "get"}, served.get("/v1/status")},
      {{"/v1/health", "get"}, served.get("/v1/health")}};

  for (const auto& [operation, response] : answers) {
    CAPTURE(operation, response.status, response.body);
    CHECK(undocumented(operation, response) == std::vector<std::string>{});
  }
}

TEST_CASE("a host in trouble says so as the OpenAPI document says") {
  Served served;
  served.host.script([](auto& script) { script.health.storage_trouble = "the disk is full"; });
  const Response full = served.get("/v1/health");
  served.host.script([](auto& script) { script.health = {.ending = true}; });
  const Response ending = served.get("/v1/health");

  CHECK(full.status == 503);
  CHECK(full.json().at("status") == "storage");
  CHECK(undocumented({"/v1/health", "get"}, full) == std::vector<std::string>{});
  CHECK(ending.status == 503);
  CHECK(ending.json().at("status") == "ending");
}

TEST_CASE("a step type is shown with what it says of itself") {
  Served served;
  set_up(served);

  const auto type = served.get("/v1/step-types/demo.greet").json();

  CHECK(type.at("kind") == "saga");
  CHECK(type.at("retry").at("attempts_max") == "unlimited");
  CHECK(type.at("retry").at("initial") == "200ms");
  CHECK(type.at("retry").at("multiplier") == 1.5);
  CHECK(type.at("retry").at("jitter").is_null());
  CHECK(type.at("timeout") == "5s");
  CHECK(type.at("heartbeat").is_null());
  CHECK(type.at("args_schema").at("type") == "object");
  CHECK(type.at("output_schema").is_null());
}

}  // namespace
}  // namespace stepd::http
