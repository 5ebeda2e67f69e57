#include "host/daemon/token_file.hpp"

#include <catch2/catch.hpp>

#include "tests/support/temporary_folder.hpp"

namespace stepd::daemon {
namespace {

namespace fs = std::filesystem;

fs::path token_in(const support::TemporaryFolder& folder, const std::string& text,
                  fs::perms mode = fs::perms::owner_read) {
  const auto file = folder.path() / "token";
  std::ofstream(file) << text;
  fs::permissions(file, mode);
  return file;
}

TEST_CASE("the token is the first line of a file that is its owner's alone") {
  const support::TemporaryFolder folder;
  CHECK(read_token(token_in(folder, "0123456789abcdef\nnot this\n")) == "0123456789abcdef");
}

TEST_CASE("a token file that others could read or that can be guessed is refused by name") {
  const support::TemporaryFolder folder;
  const std::string good = "0123456789abcdef";
  const auto owner = fs::perms::owner_read;

  CHECK_THROWS_WITH(read_token(folder.path() / "none"), Catch::Contains("openssl rand"));
  CHECK_THROWS_WITH(read_token(folder.path()), Catch::Contains("no regular file"));
  CHECK_THROWS_WITH(read_token(token_in(folder, good, owner | fs::perms::group_read)),
                    Catch::Contains("others than its owner"));
  fs::remove(folder.path() / "token");
  CHECK_THROWS_WITH(read_token(token_in(folder, "short\n")), Catch::Contains("fewer than 16"));
  fs::remove(folder.path() / "token");
  CHECK_THROWS_WITH(read_token(token_in(folder, "")), Catch::Contains("empty"));
}

}  // namespace
}  // namespace stepd::daemon
