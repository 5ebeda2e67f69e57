#include "host/plugin/plugin_version.hpp"

#include <array>
#include <catch2/catch.hpp>

using stepd::plugin::compare_versions;

TEST_CASE("versions are ordered as people order them") {
  constexpr std::array rising{"",
                              "0.9",
                              "1.0.0-alpha",
                              "1.0.0-rc.2",
                              "1.0.0-rc.10",
                              "1.0.0",
                              "1.2.0",
                              "1.10.0",
                              "1.10.0.1",
                              "2.0",
                              "99999999999999999999999999"};

  for (std::size_t left = 0; left < rising.size(); ++left) {
    for (std::size_t right = 0; right < rising.size(); ++right) {
      INFO(rising[left] << " against " << rising[right]);
      CHECK(std::is_lt(compare_versions(rising[left], rising[right])) == (left < right));
      CHECK(std::is_eq(compare_versions(rising[left], rising[right])) == (left == right));
    }
  }
  CHECK(std::is_eq(compare_versions("1.02", "1.2")));
}
