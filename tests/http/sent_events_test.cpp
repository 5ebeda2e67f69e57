#include <catch2/catch.hpp>

#include "tests/http/served.hpp"

namespace stepd::http {
namespace {

using testing::Response;
using testing::Served;

TEST_CASE("W2: an event that is sent without an id is given one and null for data") {
  Served served;

  const Response sent = served.post("/v1/events", R"({"key":"approval"})");
  const Response listed = served.get("/v1/events");

  CHECK(sent.status == 201);
  CHECK(sent.json().at("id").as_string().size() == 36);
  CHECK(sent.json().at("given_to").is_null());
  CHECK(listed.json().at("events").at(0).at("id") == sent.json().at("id"));
  CHECK(listed.json().at("events").at(0).at("data").is_null());
}

TEST_CASE("an event is refused by the member at fault") {
  const auto [body, pointer] = GENERATE(
      table<std::string, std::string>({{R"({})", "/key"},
                                       {R"({"key":""})", "/key"},
                                       {R"({"key":7})", "/key"},
                                       {R"({"key":"k","job":"7"})", "/job"},
                                       {R"({"key":"k","dat":1})", "/dat"},
                                       {R"({"key":"k","data":{"a":1,"a":2}})", "/data/a"}}));
  Served served;

  const Response refused = served.post("/v1/events", body);

  CAPTURE(body, refused.body);
  CHECK(refused.status == 422);
  CHECK(refused.json().at("errors").at(0).at("pointer").as_string() == pointer);
  CHECK(served.get("/v1/events").json().at("events").as_array().empty());
}

TEST_CASE("W2: what becomes of an event decides how its sender is answered") {
  using runtime::EventAnswer;
  const auto id = engine::to_text(engine::JobId{7});
  const auto [answer, status, word] = GENERATE_COPY(table<EventAnswer, int, std::string>(
      {{EventAnswer{runtime::EventAccepted{.given_to = engine::JobId{7}}}, 201, id},
       {EventAnswer{runtime::EventAccepted{.given_to = {}, .repeated = true}}, 200, "true"},
       {EventAnswer{runtime::EventIdTaken{}}, 409, "event_id_taken"},
       {EventAnswer{runtime::NoAddressee{.settled = true}}, 409, "job_settled"},
       {EventAnswer{runtime::NoAddressee{}}, 404, "no_such_job"},
       {EventAnswer{runtime::NotStored{"the disk is full"}}, 507, "the disk is full"},
       {EventAnswer{runtime::StoreUnsure{"ask again"}}, 503, "ask again"}}));
  Served served;
  served.host.script([&](auto& script) { script.event_answer = answer; });

  const Response told = served.post("/v1/events", R"({"id":"e","key":"k","job":")" + id + R"("})");

  CHECK(told.status == status);
  CHECK(told.body.find(word) != std::string::npos);
}

}  // namespace
}  // namespace stepd::http
