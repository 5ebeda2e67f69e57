#include "host/http/problem.hpp"

#include <utility>

#include "host/engine/job_parser.hpp"
#include "host/http/json_writer.hpp"

namespace stepd::http {

void refuse(int status, std::string code, std::string detail) {
  throw Refusal({.status = status, .code = std::move(code), .detail = std::move(detail)});
}

std::string_view phrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 411:
      return "Length Required";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 417:
      return "Expectation Failed";
    case 422:
      return "Unprocessable Content";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 505:
      return "HTTP Version Not Supported";
    case 507:
      return "Insufficient Storage";
    default:
      return "Unknown";
  }
}

std::string to_json(const Problem& problem) {
  std::string text;
  JsonWriter json(text);
  json.begin_object();
  json.member("type", "about:blank");
  json.member("title", phrase(problem.status));
  json.member("status", problem.status);
  json.member("detail", problem.detail);
  json.member("code", problem.code);
  if (!problem.id.empty()) json.member("id", problem.id);
  if (!problem.errors.empty()) {
    json.key("errors");
    write_problems(json, problem.errors);
  }
  json.end_object();
  return text;
}

Problem job_refused(std::vector<engine::Problem> errors) {
  const engine::Problem& first = errors.front();
  std::string detail = first.pointer.empty() ? first.message : first.pointer + ": " + first.message;
  if (errors.size() > 1) {
    detail += " (and " + std::to_string(errors.size() - 1) + " more in errors)";
  }
  std::string code = first.code;
  return {.status = code == engine::malformed_json_code ? 400 : 422,
          .code = std::move(code),
          .detail = std::move(detail),
          .errors = std::move(errors)};
}

}  // namespace stepd::http
