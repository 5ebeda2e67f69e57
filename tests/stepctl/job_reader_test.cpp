#include "tools/stepctl/job_reader.hpp"

#include <catch2/catch.hpp>
#include <sstream>

#include "tools/stepctl/json_text.hpp"

using namespace stepd::stepctl;

namespace {

struct Read {
  std::size_t line = 0;
  std::string text;
  friend bool operator==(const Read&, const Read&) = default;
};

std::ostream& operator<<(std::ostream& out, const Read& read) {
  return out << read.line << ":" << read.text;
}

std::vector<Read> read_all(const std::string& text) {
  std::istringstream in(text);
  JobReader reader(in);
  std::vector<Read> all;
  while (const auto job = reader.next()) all.push_back({job->line, job->text});
  return all;
}

}  // namespace

TEST_CASE("each line of JSON Lines is a job of its own") {
  CHECK(read_all("{\"a\":1}\n\n  {\"b\":[{}]}\r\n{\"c\":\"}{\"}") ==
        std::vector<Read>{{1, "{\"a\":1}"}, {3, "  {\"b\":[{}]}\r"}, {4, "{\"c\":\"}{\"}"}});
}

TEST_CASE("an object over many lines is one job") {
  const std::string job =
      "{\n  \"name\": \"x\",\n  \"steps\": [\n    {\"id\": \"a\"},\n    {\n      \"id\": \"b\"\n"
      "    }\n  ]\n}";

  CHECK(read_all(job + "\n") == std::vector<Read>{{1, job}});
}

TEST_CASE("an object may stand over many lines without any indent") {
  const std::string job = "{\"steps\":\n[\n{\"id\":\"a\"},\n{\"id\":\"b\"}\n]\n}";

  CHECK(read_all(job) == std::vector<Read>{{1, job}});
}

TEST_CASE("objects over many lines may follow each other") {
  CHECK(read_all("{\n \"a\": 1\n}\n{\n \"b\": 2\n}\n") ==
        std::vector<Read>{{1, "{\n \"a\": 1\n}"}, {4, "{\n \"b\": 2\n}"}});
}

TEST_CASE("a broken line takes none of its neighbours with it") {
  const auto broken =
      GENERATE(as<std::string>(), "{\"steps\":[", "{\"name\":\"x", "{\"a\":}}", "no json",
               "{\"a\":1]", "{\"a\":1}{\"b\":2}", "{\"a\":{\"b\":1}", "]");
  CAPTURE(broken);

  CHECK(read_all("{\"n\":1}\n" + broken + "\n{\"n\":2}\n{\"n\":3}\n") ==
        std::vector<Read>{{1, "{\"n\":1}"}, {2, broken}, {3, "{\"n\":2}"}, {4, "{\"n\":3}"}});
}

TEST_CASE("many broken lines are read in one pass each") {
  std::string text;
  for (int line = 0; line < 20'000; ++line) text += "{\"steps\":[{\n";

  CHECK(read_all(text).size() == 20'000);
}

TEST_CASE("a broken object over many lines is one job up to the next") {
  const std::string broken = "{\n  \"name\": oops \"x,\n  \"steps\": []\n}";

  CHECK(read_all(broken + "\n{\"n\":2}\n") == std::vector<Read>{{1, broken}, {5, "{\"n\":2}"}});
}

TEST_CASE("an object cut off at the end of the file is still a job to be judged") {
  CHECK(read_all("{\n \"a\": [1,\n") == std::vector<Read>{{1, "{\n \"a\": [1,"}});
}

TEST_CASE("a byte order mark and blank input are no jobs") {
  CHECK(read_all("\xEF\xBB\xBF{\"a\":1}\n") == std::vector<Read>{{1, "{\"a\":1}"}});
  CHECK(read_all("").empty());
  CHECK(read_all("\n  \n\t\n").empty());
}

TEST_CASE("a job on one line is no more JSON than it was over many") {
  CHECK(on_one_line("{\n \"a\": \"b\\\"\",\r\n \"c\": 1\n}") ==
        "{  \"a\": \"b\\\"\",   \"c\": 1 }");
  CHECK(on_one_line("{\"a\": \"b\nc\"}") ==
        "{\"a\": \"b\x1f"
        "c\"}");
  CHECK_FALSE(parse_json(on_one_line("{\"a\": \"b\nc\"}")));
}

TEST_CASE("a member is put into the job without touching the rest") {
  CHECK(with_member("{ \"n\": 1.50 }", {"key", "\"a\\\"b\""}) ==
        "{\"key\":\"a\\\"b\", \"n\": 1.50 }");
  CHECK(with_member("{}", {"key", "\"k\""}) == "{\"key\":\"k\"}");
  CHECK_FALSE(with_member("{\"key\":\"old\"}", {"key", "\"k\""}));
  CHECK(with_member("{oops", {"key", "\"k\""}) == "{oops");
}

TEST_CASE("the only job of a file is told from none and from several with the place") {
  const auto told = [](const std::string& text) {
    std::istringstream in(text);
    try {
      return only_job(in, "f.json");
    } catch (const NotOneJob& trouble) {
      return std::string(trouble.what());
    }
  };

  CHECK(told("\n {\"a\":\n1}\n\n") == " {\"a\":\n1}");
  CHECK(told("\n{\"a\":1,\n \"b\" 2}") == "f.json:3:6: it is no JSON from here on");
  CHECK(told("{\"a\":[1") == "f.json:1:8: it ends before its value does");
  CHECK(told(" \n") == "there is no job in f.json: it is empty (a job is a JSON object)");
  CHECK(told("{}\n{}") ==
        "f.json goes on at line 2, and one job is asked for: put it into a file of its own");
}

TEST_CASE("what nests deep is JSON all the same") {
  CHECK_NOTHROW(demand_json(std::string(90, '[') + std::string(90, ']'), "f.json"));
}
