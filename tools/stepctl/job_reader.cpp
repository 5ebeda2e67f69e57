#include "tools/stepctl/job_reader.hpp"

#include <algorithm>
#include <cstdint>

#include "tools/stepctl/json_text.hpp"

namespace stepd::stepctl {
namespace {

constexpr std::size_t job_bytes_max = std::size_t{64} << 20U;

/// Follows the brackets of one JSON value over lines. It sees only what decides where the value
/// ends: strings, brackets, and a bracket where none can stand.
class Nesting final {
 public:
  enum class Verdict : std::uint8_t { open, closed, malformed };

  Verdict add(std::string_view line) {
    for (const char c : line) {
      if (in_string_) {
        string_character(c);
      } else if (!structure(c)) {
        return Verdict::malformed;
      }
    }
    if (in_string_) return Verdict::malformed;  // no string goes over a line
    return open_.empty() ? Verdict::closed : Verdict::open;
  }

 private:
  void string_character(char c) {
    if (escaped_) {
      escaped_ = false;
    } else if (c == '\\') {
      escaped_ = true;
    } else if (c == '"') {
      in_string_ = false;
    }
  }

  bool structure(char c) {
    if (c == ' ' || c == '\t' || c == '\r') return true;
    bool fits = true;
    if (c == '"') {
      in_string_ = true;
    } else if (c == '{' || c == '[') {
      fits = last_ == '\0' || last_ == '[' || last_ == ',' || last_ == ':';
      open_ += c;
    } else if (c == '}' || c == ']') {
      fits = !open_.empty() && open_.back() == (c == '}' ? '{' : '[');
      if (fits) open_.pop_back();
    }
    last_ = c;
    return fits;
  }

  std::string open_;
  bool in_string_ = false;
  bool escaped_ = false;
  char last_ = '\0';
};

bool is_blank(std::string_view line) { return line.find_first_not_of(" \t\r") == line.npos; }

/// A line at whose very start an object begins: where a reader that lost its way finds it again.
bool begins_object(std::string_view line) { return line.starts_with('{'); }

std::string joined(const std::deque<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) {
    if (!text.empty()) text += '\n';
    text += line;
  }
  return text;
}

}  // namespace

std::optional<std::string> JobReader::line() {
  std::string text;
  if (!returned_.empty()) {
    text = std::move(returned_.front());
    returned_.pop_front();
  } else {
    if (!std::getline(in_, text)) return std::nullopt;
    bytes_ += text.size() + 1;
    constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
    if (line_ == 0 && text.starts_with(byte_order_mark)) text.erase(0, byte_order_mark.size());
  }
  ++line_;
  return text;
}

std::optional<JobText> JobReader::next() {
  if (gave_up_) return std::nullopt;
  std::optional<std::string> text = line();
  while (text && is_blank(*text)) text = line();
  if (!text) return std::nullopt;

  const std::size_t first = line_;
  const char opening = (*text)[text->find_first_not_of(" \t\r")];
  if (opening != '{' && opening != '[') return JobText{*text, first, {}};

  Nesting nesting;
  std::deque<std::string> lines;
  std::size_t size = 0;
  while (text) {
    size += text->size() + 1;
    if (size > job_bytes_max) {
      gave_up_ = true;
      return JobText{{}, first, "the job is larger than 64 MiB, the most that one may have"};
    }
    const Nesting::Verdict verdict = nesting.add(*text);
    lines.push_back(std::move(*text));
    if (verdict == Nesting::Verdict::closed) return JobText{joined(lines), first, {}};
    if (verdict == Nesting::Verdict::malformed) break;
    text = line();
  }
  return recovered(std::move(lines), first);
}

JobText JobReader::recovered(std::deque<std::string> lines, std::size_t first) {
  std::size_t end = 1;
  while (end < lines.size() && !begins_object(lines[end])) ++end;
  if (end < lines.size()) {
    line_ -= lines.size() - end;
    const auto rest = lines.begin() + static_cast<std::ptrdiff_t>(end);
    returned_.insert(returned_.begin(), rest, lines.end());
    lines.erase(rest, lines.end());
    return {joined(lines), first, {}};
  }
  std::size_t size = 0;
  while (std::optional<std::string> text = line()) {
    if (begins_object(*text)) {
      returned_.push_front(std::move(*text));
      --line_;
      break;
    }
    size += text->size() + 1;
    if (size < job_bytes_max) lines.push_back(std::move(*text));
  }
  return {joined(lines), first, {}};
}

std::string only_job(std::istream& in, const std::string& file) {
  JobReader reader(in);
  const std::optional<JobText> job = reader.next();
  if (!job) {
    throw NotOneJob("there is no job in " + file + ": it is empty (a job is a JSON object)");
  }
  if (!job->trouble.empty()) throw NotOneJob(file + ": " + job->trouble);
  demand_json(job->text, file, job->line);
  if (const std::optional<JobText> second = reader.next()) {
    throw NotOneJob(file + " goes on at line " + std::to_string(second->line) +
                    ", and one job is asked for: put it into a file of its own");
  }
  return job->text;
}

void demand_json(const std::string& text, const std::string& file, std::size_t first_line) {
  json::parse_options options;
  options.max_depth = 512;  // how deep is too deep the daemon says
  json::stream_parser parser({}, options);
  json::error_code error;
  const std::size_t read = parser.write(text, error);
  if (!error) parser.finish(error);
  if (!error || error == json::error::too_deep) return;
  const std::string what = error == json::error::incomplete ? "it ends before its value does"
                                                            : "it is no JSON from here on";
  throw NotOneJob(file + ":" + place_in(text, read, first_line) + ": " + what);
}

std::string place_in(std::string_view text, std::size_t offset, std::size_t first_line) {
  const std::string_view before = text.substr(0, std::min(offset, text.size()));
  const auto lines = static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n'));
  const std::size_t column = before.size() - (before.rfind('\n') + 1) + 1;  // npos + 1 is 0
  return std::to_string(first_line + lines) + ":" + std::to_string(column);
}

std::string on_one_line(std::string job) {
  constexpr char never_in_json = '\x1f';
  bool in_string = false;
  bool escaped = false;
  for (char& c : job) {
    if (c == '\n' || c == '\r') {
      c = in_string ? never_in_json : ' ';
    } else if (escaped) {
      escaped = false;
    } else if (in_string && c == '\\') {
      escaped = true;
    } else if (c == '"') {
      in_string = !in_string;
    }
  }
  return job;
}

std::optional<std::string> with_member(const std::string& job, const JobMember& member) {
  const std::optional<json::object> parsed = parse_object(job);
  if (!parsed) return job;  // the daemon says what is wrong with it
  if (parsed->contains(member.name)) return std::nullopt;
  const std::size_t brace = job.find('{');
  std::string added = "\"" + member.name + "\":" + member.value;
  if (!parsed->empty()) added += ',';
  return std::string(job).insert(brace + 1, added);
}

}  // namespace stepd::stepctl
