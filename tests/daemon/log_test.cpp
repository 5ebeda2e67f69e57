#include "host/daemon/log.hpp"

#include <catch2/catch.hpp>

namespace stepd::daemon {
namespace {

TEST_CASE("what a plugin says stays on the line of the log that it is said on") {
  CHECK(log::quoted("done\n2026-01-01 error forged") == R"("done\n2026-01-01 error forged")");
  CHECK(log::on_one_line("{\"n\":\r\n1,\"text\":\"a\\nb\"}") == R"({"n":  1,"text":"a\nb"})");
}

}  // namespace
}  // namespace stepd::daemon
