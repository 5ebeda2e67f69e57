#include "host/engine/reference.hpp"

#include <algorithm>
#include <boost/json/monotonic_resource.hpp>
#include <boost/json/value.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "host/engine/job_state.hpp"
#include "host/engine/json_children.hpp"
#include "host/engine/json_cursor.hpp"
#include "host/engine/json_pointer.hpp"
#include "host/engine/json_value.hpp"
#include "host/engine/schema.hpp"

namespace stepd::engine {
namespace {

namespace json = boost::json;

/// Finds references in a value that is about to be accepted.
class ReferenceSearch {
 public:
  void in(const json::value& value, const std::string& pointer) {
    if (const json::array* array = value.if_array()) {
      std::size_t index = 0;
      for (const json::value& element : *array) {
        if (element.is_structured()) in(element, pointer_to(pointer, index));
        ++index;
      }
    } else if (const json::object* object = value.if_object()) {
      in_object(*object, pointer);
    }
  }

  References references() && { return std::move(references_); }

 private:
  void in_object(const json::object& object, const std::string& pointer) {
    if (const json::value* target = object.if_contains("$ref")) {
      return reference(object, *target, pointer);
    }
    if (object.contains("$literal")) {
      if (object.size() != 1) refuse(pointer, "\"$literal\" must be the only member of its object");
      return;
    }
    for (const auto& [key, member] : object) {
      if (!member.is_structured()) continue;
      in(member, pointer_to(pointer, std::string_view(key.data(), key.size())));
    }
  }

  void reference(const json::object& object, const json::value& target,
                 const std::string& pointer) {
    if (object.size() != 1) {
      return refuse(pointer,
                    "\"$ref\" must be the only member of its object; to pass the object through "
                    "as it is, write {\"$literal\": {…}}");
    }
    if (!target.is_string()) return refuse(pointer, "\"$ref\" must be a text: a JSON pointer");
    const json::string& text = target.get_string();
    if (!pointer_tokens(text)) {
      return refuse(pointer,
                    in_quotes(text) +
                        " is no JSON pointer (RFC 6901): write \"/args/NAME\" or "
                        "\"/steps/STEP/output/NAME\", with ~1 for / and ~0 for ~ in names");
    }
    references_.found.push_back({pointer, std::string(text)});
  }

  void refuse(const std::string& pointer, std::string message) {
    references_.problems.push_back({"bad_reference", pointer, std::move(message)});
  }

  References references_;
};

Error unresolved(std::string_view target, const std::string& why) {
  return {.code = "unresolved_reference",
          .message = "the reference " + in_quotes(target) + " cannot be resolved: " + why};
}

/// Copies an expression and puts in what its references point at, text for text.
class Resolver {
 public:
  Resolver(const JobState& job, std::size_t bytes_max) : job_(job), bytes_max_(bytes_max) {}

  Resolution resolved(std::string_view expression) && {
    JsonCursor cursor(expression);
    if (!copy(cursor)) return std::move(*error_);
    return JsonText(std::move(text_));
  }

 private:
  // All of these are false once something could not be resolved.
  [[nodiscard]] bool copy(JsonCursor& cursor);
  [[nodiscard]] bool copy_object(JsonCursor& cursor);
  [[nodiscard]] bool copy_array(JsonCursor& cursor);
  [[nodiscard]] bool put(std::string_view text);
  [[nodiscard]] bool put_target(std::string_view target);
  [[nodiscard]] bool put_step(std::string_view target, const std::vector<std::string>& tokens);
  [[nodiscard]] bool put_part(std::string_view target, std::string_view document,
                              std::span<const std::string> tokens, const std::string& of);
  bool fail(Error error) {
    error_ = std::move(error);
    return false;
  }

  const JobState& job_;
  std::size_t bytes_max_;
  JsonChildren children_;
  std::string text_;
  std::optional<Error> error_;
};

bool Resolver::copy(JsonCursor& cursor) {
  switch (cursor.kind()) {
    case JsonCursor::Kind::object:
      return copy_object(cursor);
    case JsonCursor::Kind::array:
      return copy_array(cursor);
    default:
      return put(cursor.take());
  }
}

bool Resolver::copy_object(JsonCursor& cursor) {
  cursor.open();
  text_ += '{';
  for (bool first = true; cursor.more(); first = false) {
    const std::string_view key = cursor.key();
    // Either is the only member of its object: that was seen to when the job was accepted.
    const bool reference = first && stands_for(key, "$ref");
    if (reference || (first && stands_for(key, "$literal"))) {
      text_.pop_back();
      const std::string_view value = cursor.take();
      if (!(reference ? put_target(unquoted(value)) : put(value))) return false;
      return !cursor.more();
    }
    if (!first) text_ += ',';
    text_ += key;
    text_ += ':';
    if (!copy(cursor)) return false;
  }
  return put("}");
}

bool Resolver::copy_array(JsonCursor& cursor) {
  cursor.open();
  text_ += '[';
  for (bool first = true; cursor.more(); first = false) {
    if (!first) text_ += ',';
    if (!copy(cursor)) return false;
  }
  return put("]");
}

bool Resolver::put(std::string_view text) {
  if (text_.size() + text.size() > bytes_max_) {
    return fail({.code = "too_large",
                 .message = "with its references resolved it has more than " +
                            std::to_string(bytes_max_) + " bytes, the limit"});
  }
  text_ += text;
  return true;
}

bool Resolver::put_target(std::string_view target) {
  const auto tokens = pointer_tokens(target);
  if (!tokens) return fail(unresolved(target, "it is no JSON pointer"));
  if (!tokens->empty() && tokens->front() == "args") {
    const JsonText& args = job_.definition->args;
    return put_part(target, args.empty() ? "{}" : args.view(), std::span(*tokens).subspan(1),
                    "the job's arguments");
  }
  if (tokens->size() >= 2 && tokens->front() == "steps") return put_step(target, *tokens);
  return fail(unresolved(target, "it must begin with /args or with /steps and a step's id"));
}

bool Resolver::put_step(std::string_view target, const std::vector<std::string>& tokens) {
  const std::string& id = tokens[1];
  const auto step = find_step(*job_.definition, id);
  if (!step) return fail(unresolved(target, "the job has no step " + id));
  const JsonText& output = job_.steps[*step].output;
  if (output.empty()) return fail(unresolved(target, "the step " + id + " left no output"));
  if (tokens.size() == 2)
    return put(R"({"output":)") && put(without_blanks(output.view())) && put("}");
  if (tokens[2] != "output") {
    return fail(unresolved(target, "of a step there is only its output"));
  }
  return put_part(target, output.view(), std::span(tokens).subspan(3),
                  "the output of the step " + id);
}

bool Resolver::put_part(std::string_view target, std::string_view document,
                        std::span<const std::string> tokens, const std::string& of) {
  std::string_view part = document;
  for (const std::string& token : tokens) {
    part = children_.child(part, token);
    if (part.empty()) {
      return fail(unresolved(target, "there is no " + in_quotes(token) + " in " + of));
    }
  }
  return put(without_blanks(part));
}

/// The step that no other comes after, when there is only one.
std::optional<StepIndex> only_last_step(const JobDefinition& definition) {
  std::vector<bool> is_last(definition.steps.size(), true);
  for (const StepDefinition& step : definition.steps) {
    for (const StepIndex before : step.after) is_last[before] = false;
  }
  const auto first = std::ranges::find(is_last, true);
  if (first == is_last.end() || std::find(std::next(first), is_last.end(), true) != is_last.end()) {
    return std::nullopt;
  }
  return static_cast<StepIndex>(first - is_last.begin());
}

Error bad_arguments(const std::vector<Problem>& problems) {
  json::array details;
  for (const Problem& problem : problems) {
    details.push_back(
        {{"code", problem.code}, {"pointer", problem.pointer}, {"message", problem.message}});
  }
  const Problem& first = problems.front();
  const std::string more =
      problems.size() == 1 ? "" : " (and " + std::to_string(problems.size() - 1) + " more)";
  return {.code = "bad_arguments",
          .message = "the arguments do not fit the step type: " +
                     (first.pointer.empty() ? "they" : first.pointer) + " " + first.message + more,
          .details = JsonText(text_of(details))};
}

/// Checked against the schema, and completed from it.
Resolution fitted(JsonText args, const StepSchema& schema) {
  json::monotonic_resource memory;
  json::value value = value_of(args.view(), &memory);
  const SchemaVerdict verdict = check_and_complete(value, schema.value(), {});
  if (!verdict.problems.empty()) return bad_arguments(verdict.problems);
  return verdict.completed ? JsonText(text_of(value)) : std::move(args);
}

}  // namespace

References references_in(const json::value& value) {
  ReferenceSearch search;
  search.in(value, "");
  return std::move(search).references();
}

Resolution resolve(const JsonText& expression, const JobState& job, std::size_t bytes_max) {
  return Resolver(job, bytes_max).resolved(expression.view());
}

Resolution resolve_args(const JobState& job, StepIndex step, const StepSchema& args_schema,
                        std::size_t bytes_max) {
  const StepDefinition& definition = job.definition->steps[step];
  Resolution args = definition.args_have_references
                        ? resolve(definition.args, job, bytes_max)
                        : Resolution(definition.args.empty() ? JsonText("{}") : definition.args);
  if (args_schema.empty() || std::holds_alternative<Error>(args)) return args;
  return fitted(std::get<JsonText>(std::move(args)), args_schema);
}

Resolution job_output(const JobState& job, std::size_t bytes_max) {
  if (!job.definition->output.empty()) return resolve(job.definition->output, job, bytes_max);
  const auto last = only_last_step(*job.definition);
  return last ? job.steps[*last].output : JsonText();
}

}  // namespace stepd::engine
