// The bundled plain-C plugin, as the file that is installed.
#include <boost/json.hpp>
#include <catch2/catch.hpp>
#include <filesystem>
#include <stepd/testing/rehearsal.hpp>
#include <string>

#include "tests/sdk/loaded_plugin.hpp"
#include "tests/support/temporary_folder.hpp"

namespace {

using stepd::testing::Outcome;
using stepd::testing::Rehearsal;

Rehearsal plain_c(const char* type) {
  return Rehearsal(stepd::testing::loaded_plugin(STEPD_PLAIN_C_PLUGIN), type);
}

bool is_empty(const stepd::support::TemporaryFolder& folder) {
  return std::filesystem::is_empty(folder.path());
}

const boost::json::value no_arguments = boost::json::object{};

}  // namespace

TEST_CASE("plain_c.echo returns its arguments") {
  auto echo = plain_c("plain_c.echo");

  CHECK(echo.execute(boost::json::parse(R"({"a":[1,2]})")).output == R"({"a":[1,2]})");
}

TEST_CASE("plain_c.mark makes a file and removes it again however often it is called") {
  const stepd::support::TemporaryFolder folder;
  auto mark = plain_c("plain_c.mark");
  mark.configuration("folder", boost::json::value(folder.path().string()));

  const auto file = folder.path() / "job-1_step-1_0.mark";
  CHECK(mark.execute(no_arguments).output == R"({"file":")" + file.string() + "\"}");
  CHECK(mark.execute(no_arguments).outcome == Outcome::succeeded);
  CHECK(std::filesystem::exists(file));

  CHECK(mark.compensate(no_arguments).outcome == Outcome::succeeded);
  CHECK(mark.compensate(no_arguments).outcome == Outcome::succeeded);
  CHECK(is_empty(folder));
}

TEST_CASE("plain_c.mark that is not configured refuses and names the cure") {
  auto mark = plain_c("plain_c.mark");

  const auto ending = mark.execute(no_arguments);

  CHECK(ending.outcome == Outcome::refused);
  CHECK_THAT(ending.message, Catch::Matchers::Contains("configure `folder`"));
}

TEST_CASE("plain_c.mark survives a crash at every host call and so does its compensation") {
  const stepd::support::TemporaryFolder folder;
  auto mark = plain_c("plain_c.mark");
  mark.configuration("folder", boost::json::value(folder.path().string()));
  mark.before_each_run([&] {
    for (const auto& file : std::filesystem::directory_iterator(folder.path())) {
      std::filesystem::remove(file);
    }
  });

  mark.survives_every_crash(no_arguments, [&] { CHECK_FALSE(is_empty(folder)); });
  mark.undo_survives_every_crash(no_arguments, [&] { CHECK(is_empty(folder)); });
}
