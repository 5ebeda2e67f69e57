#include "host/plugin/child_json.hpp"

#include "host/engine/json_cursor.hpp"
#include "host/engine/names.hpp"

namespace stepd::plugin {
namespace {

std::string in_quotes(std::string_view text) {
  std::string literal;
  engine::append_quoted(literal, text);
  return literal;
}

}  // namespace

std::string json_of(const ChildNow& child) {
  std::string text = R"({"key":)" + in_quotes(child.key) + R"(,"job":)" +
                     in_quotes(engine::to_text(child.job)) + R"(,"number":)" +
                     std::to_string(child.number);
  if (!child.outcome) return text + R"(,"state":null,"output":null,"error":null})";
  const engine::ChildOutcome& outcome = *child.outcome;
  text += R"(,"state":)" + in_quotes(engine::name_of(outcome.word)) + R"(,"output":)";
  text += outcome.output.empty() ? "null" : outcome.output.text();
  if (outcome.error == engine::Error{}) return text + R"(,"error":null})";
  return text + R"(,"error":{"code":)" + in_quotes(outcome.error.code) + R"(,"message":)" +
         in_quotes(outcome.error.message) + "}}";
}

}  // namespace stepd::plugin
