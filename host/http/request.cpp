#include "host/http/request.hpp"

#include <Poco/Exception.h>
#include <Poco/URI.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "host/http/problem.hpp"

namespace stepd::http {
namespace {

[[noreturn]] void bad_parameter(std::string detail) {
  refuse(400, "bad_parameter", std::move(detail));
}

std::string decoded(std::string text) {
  std::replace(text.begin(), text.end(), '+', ' ');
  return percent_decoded(text);
}

}  // namespace

std::string percent_decoded(std::string_view text) {
  std::string out;
  try {
    Poco::URI::decode(std::string(text), out);
  } catch (const Poco::SyntaxException&) {
    bad_parameter("the request target is not percent-encoded properly");
  }
  if (out.find('\0') != std::string::npos) bad_parameter("the request target holds a NUL byte");
  return out;
}

Query::Query(std::string_view text) {
  constexpr std::size_t parameters_max = 100;
  while (!text.empty()) {
    const auto end = std::min(text.find('&'), text.size());
    const std::string_view pair = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (pair.empty()) continue;
    if (left_.size() == parameters_max) bad_parameter("more than 100 parameters");
    const auto sign = std::min(pair.find('='), pair.size());
    const std::string_view value = pair.substr(std::min(sign + 1, pair.size()));
    left_.push_back({decoded(std::string(pair.substr(0, sign))), decoded(std::string(value))});
  }
}

std::vector<std::string> Query::all(std::string_view name) {
  std::vector<std::string> values;
  std::erase_if(left_, [&](Parameter& parameter) {
    if (parameter.name != name) return false;
    values.push_back(std::move(parameter.value));
    return true;
  });
  return values;
}

std::optional<std::string> Query::one(std::string_view name) {
  std::vector<std::string> values = all(name);
  if (values.size() > 1)
    bad_parameter("the parameter " + std::string(name) + " stands there twice");
  if (values.empty()) return std::nullopt;
  return std::move(values.front());
}

std::optional<std::uint64_t> Query::number(std::string_view name) {
  const auto text = one(name);
  if (!text) return std::nullopt;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc() || end != text->data() + text->size()) {
    bad_parameter("the parameter " + std::string(name) + " is \"" + *text + "\", no whole number");
  }
  return value;
}

std::optional<bool> Query::truth(std::string_view name) {
  const auto text = one(name);
  if (!text) return std::nullopt;
  if (*text == "true") return true;
  if (*text == "false") return false;
  bad_parameter("the parameter " + std::string(name) + " is \"" + *text +
                "\"; it is true or false");
}

void Query::done() const {
  if (!left_.empty()) {
    bad_parameter("there is no parameter \"" + left_.front().name +
                  "\" here (see: GET /v1/openapi.json)");
  }
}

}  // namespace stepd::http
