#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <utility>

#include "host/engine/codec.hpp"
#include "host/engine/names.hpp"
#include "host/engine/why.hpp"
#include "host/http/news_mailbox.hpp"
#include "host/http/render.hpp"
#include "host/http/routes.hpp"
#include "host/http/text.hpp"

namespace stepd::http {
namespace {

/// One event of the stream. Raw line ends in JSON stand between its tokens only, and would end the
/// field.
std::string event_text(std::string_view type, std::uint64_t id, std::string json) {
  for (char& character : json) {
    if (character == '\n' || character == '\r') character = ' ';
  }
  std::string text = "event: ";
  text += type;
  if (id != 0) text += "\nid: " + std::to_string(id);
  text += "\ndata: ";
  text += json;
  text += "\n\n";
  return text;
}

struct Row {
  std::uint64_t number = 0;
  engine::TimePoint at{};
  const std::vector<engine::Entry>& entries;
};

/// `job` is told when the stream is about all of them.
std::string journal_event(const Row& row, const StepIds& steps, std::optional<engine::JobId> job) {
  std::string text;
  JsonWriter json(text);
  json.begin_object();
  if (job) json.member("job", engine::to_text(*job));
  json.member("row", row.number);
  json.member("at", to_text(row.at));
  json.key("entries");
  write_entries(json, row.entries, steps);
  json.end_object();
  return event_text("journal", row.number, std::move(text));
}

std::string progress_event(const runtime::JobNews& news, std::optional<engine::JobId> job) {
  std::string text;
  JsonWriter json(text);
  json.begin_object();
  if (job) json.member("job", engine::to_text(*job));
  json.member("step", news.step);
  json.member("permille", news.permille);
  json.member("note", news.note);
  json.end_object();
  return event_text("progress", 0, std::move(text));
}

const engine::Settled* settled_in(const std::vector<engine::Entry>& entries) {
  for (const engine::Entry& entry : entries) {
    if (const auto* settled = std::get_if<engine::Settled>(&entry)) return settled;
  }
  return nullptr;
}

/// One job's stream: its journal from a row on, then what is added to it. News says that there is
/// more; where it does not follow on what was sent, the journal is read instead, so that nothing is
/// missing and nothing comes twice.
class JobStream {
 public:
  JobStream(const Scope& scope, engine::JobId job, std::uint64_t after, StepIds steps)
      : host_(scope.host),
        heartbeat_(scope.settings.heartbeat),
        output_bytes_max_(scope.settings.limits.output_bytes_max),
        job_(job),
        last_(after),
        steps_(std::move(steps)) {}

  void run(StreamPort& port) {
    NewsMailbox mailbox(job_);
    const auto subscription =
        host_.subscribe([&mailbox](const runtime::JobNews& news) { mailbox.post(news); });
    if (!send_journal(port)) return;
    while (!settled_) {
      switch (port.wait(mailbox.descriptor(), heartbeat_)) {
        case StreamPort::Wake::gone:
          return;
        case StreamPort::Wake::signal:
          if (!send_news(port, mailbox.take())) return;
          break;
        case StreamPort::Wake::time:
          // News may have been dropped on the way here; the journal has all of it.
          if (!port.send(": still here\n\n") || !send_journal(port)) return;
          break;
      }
    }
    send_job(port);
  }

 private:
  /// All rows behind the last one sent. False: the client, or the job, is gone.
  bool send_journal(StreamPort& port) {
    constexpr std::size_t rows_max = 256;
    for (;;) {
      const auto rows = host_.reader().journal(job_, last_, rows_max);
      for (const engine::StoredRow& row : rows) {
        const std::vector<engine::Entry> entries = engine::decode_entries(row.entries);
        if (!send_row(port, {row.number, row.at, entries})) return false;
      }
      if (rows.size() < rows_max) break;
    }
    if (settled_) return true;
    const auto loaded = host_.reader().find(job_);
    if (!loaded) return false;
    // It asked for what comes after its last row, or that row was added just now.
    const engine::JobState state = engine::fold(*loaded);
    if (state.settled && state.rows <= last_) settled_ = true;
    return true;
  }

  bool send_news(StreamPort& port, const NewsMailbox::Content& content) {
    for (const runtime::JobNews& news : content.news) {
      if (settled_) return true;
      if (news.row == 0) {
        if (!port.send(progress_event(news, std::nullopt))) return false;
      } else if (news.row == last_ + 1) {
        if (!send_row(port, {news.row, news.at, news.entries})) return false;
      } else if (news.row > last_) {
        if (!send_journal(port)) return false;
      }
    }
    return content.dropped == 0 || settled_ || send_journal(port);
  }

  bool send_row(StreamPort& port, const Row& row) {
    last_ = row.number;
    settled_ = settled_ || settled_in(row.entries) != nullptr;
    return port.send(journal_event(row, steps_, std::nullopt));
  }

  void send_job(StreamPort& port) {
    const auto loaded = host_.reader().find(job_);
    if (!loaded) return;
    const engine::JobState job = engine::fold(*loaded);
    const JobKin kin = kin_of(host_.reader(), *loaded);
    static_cast<void>(port.send(event_text(
        "settled", 0, job_json(job, engine::word_of(job, loaded->head), kin, output_bytes_max_))));
  }

  runtime::Host& host_;
  std::chrono::milliseconds heartbeat_;
  std::size_t output_bytes_max_;
  engine::JobId job_;
  std::uint64_t last_;
  StepIds steps_;
  bool settled_ = false;
};

/// What has to be known of a job to tell its news: looked up once for as long as it makes news.
class JobBook {
 public:
  explicit JobBook(storage::Reader& reader) : reader_(reader) {}

  struct Page {
    std::string tenant;
    StepIds steps;
  };
  /// Null: there is no such job any more.
  [[nodiscard]] const Page* find(engine::JobId job) {
    if (const auto known = pages_.find(job); known != pages_.end()) return &known->second;
    const auto loaded = reader_.find(job);
    if (!loaded) return nullptr;
    constexpr std::size_t pages_max = 1024;
    if (order_.size() == pages_max) {
      pages_.erase(order_.front());
      order_.pop_front();
    }
    order_.push_back(job);
    Page page{loaded->tenant, step_ids(engine::decode_definition(loaded->definition))};
    return &pages_.emplace(job, std::move(page)).first->second;
  }

 private:
  storage::Reader& reader_;
  std::map<engine::JobId, Page> pages_;
  std::deque<engine::JobId> order_;
};

/// The news of all jobs of a tenant, as long as the client keeps up; it is told what it missed.
class HostStream {
 public:
  HostStream(const Scope& scope, std::string tenant)
      : host_(scope.host),
        heartbeat_(scope.settings.heartbeat),
        tenant_(std::move(tenant)),
        book_(scope.host.reader()) {}

  void run(StreamPort& port) {
    NewsMailbox mailbox(std::nullopt);
    const auto subscription =
        host_.subscribe([&mailbox](const runtime::JobNews& news) { mailbox.post(news); });
    if (!port.send(": from now on\n\n")) return;
    for (;;) {
      switch (port.wait(mailbox.descriptor(), heartbeat_)) {
        case StreamPort::Wake::gone:
          return;
        case StreamPort::Wake::signal:
          if (!send_news(port, mailbox.take())) return;
          break;
        case StreamPort::Wake::time:
          if (!port.send(": still here\n\n")) return;
          break;
      }
    }
  }

 private:
  bool send_news(StreamPort& port, const NewsMailbox::Content& content) {
    for (const runtime::JobNews& news : content.news) {
      const JobBook::Page* page = book_.find(news.job);
      if (page == nullptr || page->tenant != tenant_) continue;
      if (!port.send(text_of(news, *page))) return false;
    }
    if (content.dropped == 0) return true;
    return port.send(
        event_text("lagged", 0, "{\"dropped\":" + std::to_string(content.dropped) + "}"));
  }

  static std::string text_of(const runtime::JobNews& news, const JobBook::Page& page) {
    if (news.row == 0) return progress_event(news, news.job);
    std::string text = journal_event({news.row, news.at, news.entries}, page.steps, news.job);
    if (const engine::Settled* settled = settled_in(news.entries)) {
      std::string body;
      JsonWriter json(body);
      json.begin_object();
      json.member("job", engine::to_text(news.job));
      json.member("state", engine::name_of(settled->state));
      json.end_object();
      text += event_text("settled", 0, std::move(body));
    }
    return text;
  }

  runtime::Host& host_;
  std::chrono::milliseconds heartbeat_;
  std::string tenant_;
  JobBook book_;
};

/// A client that connects again names the last row it has seen in a header; it knows better than
/// the address it was given at first.
std::uint64_t start_of(Request& request) {
  const std::uint64_t after = request.query.number("after").value_or(0);
  const auto seen = request.head.field("Last-Event-ID");
  if (!seen || seen->empty()) return after;
  Query row("after=" + std::string(*seen));
  return row.number("after").value_or(0);
}

}  // namespace

Answer watch_job(const Scope& scope, Request& request) {
  const std::uint64_t after = start_of(request);
  request.query.done();
  const engine::LoadedJob loaded = find_job(scope, request);
  StepIds steps = step_ids(engine::decode_definition(loaded.definition));
  // A row that is not there yet was not seen either.
  const std::uint64_t seen = loaded.rows.empty() ? 0 : std::min(after, loaded.rows.back().number);
  // Shared with nobody: a std::function wants what it holds to be copyable.
  const auto stream = std::make_shared<JobStream>(scope, loaded.id, seen, std::move(steps));
  return Stream([stream](StreamPort& port) { stream->run(port); });
}

Answer watch_all(const Scope& scope, Request& request) {
  request.query.done();
  const auto stream = std::make_shared<HostStream>(scope, request.tenant);  // likewise
  return Stream([stream](StreamPort& port) { stream->run(port); });
}

}  // namespace stepd::http
