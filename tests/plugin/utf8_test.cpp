#include "host/plugin/utf8.hpp"

#include <catch2/catch.hpp>

using stepd::plugin::readable;
using stepd::plugin::utf8_prefix;

TEST_CASE("well-formed text is recognised to its end and malformed text up to the fault") {
  for (const std::string good : {"", "abc", "\xC3\xA4", "\xE2\x82\xAC", "\xF0\x9F\x98\x80"}) {
    CHECK(utf8_prefix(good) == good.size());
  }
  for (const std::string bad : {"\x80", "\xC0\xAF", "\xC3", "\xE0\x80\xAF", "\xED\xA0\x80",
                                "\xF0\x80\x80\x80", "\xF4\x90\x80\x80", "\xFF", "\xE2\x82"}) {
    CHECK(utf8_prefix("ok" + bad) == 2);
  }
}

TEST_CASE("words for people become UTF-8 and are cut behind a whole character") {
  CHECK(readable("caf\xE9 closed", 100) == "caf\xEF\xBF\xBD closed");
  CHECK(readable("\xE2\x82\xAC\xE2\x82\xAC", 100) == "\xE2\x82\xAC\xE2\x82\xAC");
  CHECK(readable("\xE2\x82\xAC\xE2\x82\xAC", 5) == "\xE2\x82\xAC\xE2\x80\xA6");
  CHECK(readable("abc", 3) == "abc");
}
