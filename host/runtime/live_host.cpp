#include "host/runtime/live_host.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "host/engine/job_parser.hpp"
#include "host/engine/validate.hpp"
#include "host/runtime/child_undo.hpp"

namespace stepd::runtime {

namespace {

using Why = engine::Refused::Why;

std::vector<SubmitAnswer> all_not_stored(std::size_t count, const std::string& message) {
  return std::vector<SubmitAnswer>(count, NotStored{message});
}

std::string told(const std::vector<engine::Problem>& problems) {
  std::string text;
  for (const engine::Problem& problem : problems) {
    if (!text.empty()) text += "; ";
    text += problem.pointer + ": " + problem.message;
  }
  return text;
}

plugin::ChildNow now_of(const storage::ChildLine& line) {
  return {.key = line.key, .job = line.job, .number = line.number, .outcome = line.outcome};
}

}  // namespace

LiveHost::LiveHost(Surroundings surroundings, HostSettings settings, Plugins plugins)
    : at_(surroundings),
      settings_(std::move(settings)),
      started_at_(surroundings.clock.now().wall),
      inbox_(settings_.submits_waiting_max),
      plugins_(std::move(plugins)) {}

LiveHost::~LiveHost() { stop(engine::Duration::zero()); }

void LiveHost::start(AttemptRunner& runner, Listeners listeners) {
  listeners_ = std::move(listeners);
  const auto epoch = at_.store.acquire();
  // The clock may have been set back while no host ran.
  at_.store.shorten_waits(epoch, at_.clock.now().wall, engine::Duration::zero());
  settings_.engine.epoch = epoch;
  settings_.engine.highest_id = at_.store.highest_id();
  settings_.committer.epoch = epoch;
  auto engine = std::make_unique<engine::Engine>(settings_.engine, catalogue());
  committer_ = std::make_unique<Committer>(
      Committer::Surroundings{.store = at_.store,
                              .runner = runner,
                              .desk = desk_,
                              .feed = feed_,
                              .inbox = inbox_,
                              .clock = at_.clock},
      settings_.committer,
      Committer::Listeners{.on_loss =
                               [this](StoreLoss loss, const std::string& message) {
                                 const bool fenced = loss == StoreLoss::fenced;
                                 lose(fenced ? HostLoss::fenced : HostLoss::storage_broken,
                                      message);
                               },
                           .on_trouble = listeners_.on_trouble});
  engine_ = std::make_unique<EngineThread>(
      std::move(engine),
      EngineThread::Surroundings{
          .inbox = inbox_,
          .clock = at_.clock,
          .hand_on = [this](engine::Turn turn) { committer_->post(std::move(turn)); },
          .on_failure = [this](const std::string& why) { lose(HostLoss::engine_failed, why); }});
}

void LiveHost::offer(Plugins plugins) {
  auto catalogue = plugins.catalogue;
  bool changed = false;
  {
    const std::scoped_lock lock(mutex_);
    changed = plugins_.catalogue != catalogue;
    plugins_ = std::move(plugins);
  }
  if (!changed) return;
  inbox_.put([&](EngineMail& mail) {
    mail.events.emplace_back(engine::CatalogueChanged{std::move(catalogue)});
  });
}

bool LiveHost::stop(engine::Duration grace) {
  if (!is_up() || std::exchange(stopped_, true)) return all_over_;
  const bool lost = refusing_.load();
  close_doors("stepd is ending; nothing was recorded; submit again once it is back");
  all_over_ = !lost && engine_->wind_down(at_.clock.now().steady + grace);
  engine_->stop();
  committer_->stop();
  closed_.store(true);
  for (const auto kind : {Question::submit, Question::verb, Question::blob, Question::event}) {
    desk_.give_up(kind,
                  "stepd ended before this was answered, and it is not known whether it was "
                  "recorded: ask again with the same key or request id once it is back");
  }
  feed_.stop();
  return all_over_;
}

void LiveHost::lose(HostLoss loss, const std::string& message) {
  close_doors(message);
  closed_.store(true);
  inbox_.close();  // nobody waits for room that nobody makes
  desk_.give_up(Question::submit, message +
                                      "; it is not known whether the job was recorded: ask "
                                      "again with the same key");
  desk_.give_up(Question::verb, message +
                                    "; it is not known whether this was recorded: ask again "
                                    "with the same request id");
  desk_.give_up(Question::event, message +
                                     "; it is not known whether the event was recorded: send it "
                                     "again with the same id");
  desk_.give_up(Question::blob, {});
  if (!lost_.exchange(true)) listeners_.on_loss(loss, message);
}

void LiveHost::close_doors(const std::string& why) {
  const std::scoped_lock lock(mutex_);
  if (refusal_.empty()) refusal_ = why;
  refusing_.store(true);
}

std::string LiveHost::refusal() const {
  const std::scoped_lock lock(mutex_);
  return refusal_;
}

void LiveHost::found_damage(const std::string& what) {
  {
    const std::scoped_lock lock(mutex_);
    if (!damage_.empty()) return;
    damage_ = what;
  }
  damaged_.store(true);
  if (listeners_.on_trouble) listeners_.on_trouble(what);
}

std::string LiveHost::damage() const {
  const std::scoped_lock lock(mutex_);
  return damage_;
}

std::vector<SubmitAnswer> LiveHost::submit(std::vector<JobOffer> offers) {
  if (damaged_.load()) return all_not_stored(offers.size(), "not recorded: " + damage());
  // Opened before looking: whoever gives up on questions afterwards finds this one.
  const auto count = offers.size();
  const auto ticket = desk_.open(Question::submit, count);
  if (refusing_.load()) {
    desk_.withdraw(ticket);
    return all_not_stored(count, refusal());
  }
  const bool put = inbox_.put_when_room([&](EngineMail& mail) {
    auto token = ticket.first;
    for (auto& offer : offers) {
      mail.events.emplace_back(engine::Submission{.reply = token++,
                                                  .definition = std::move(offer.definition),
                                                  .encoded = std::move(offer.encoded),
                                                  .key = std::move(offer.key)});
    }
  });
  if (!put) {
    desk_.withdraw(ticket);
    return all_not_stored(count, refusal());
  }
  std::vector<SubmitAnswer> answers;
  answers.reserve(offers.size());
  for (auto& reply : ticket.wait->wait()) {
    answers.push_back(std::get<SubmitAnswer>(std::move(reply)));
  }
  return answers;
}

std::vector<engine::Verdict> LiveHost::act_on_each(std::vector<engine::JobId> jobs,
                                                   const engine::Verb& verb) {
  const auto refused = [&jobs](Why why, const std::string& message) {
    return std::vector<engine::Verdict>(jobs.size(), engine::Refused{why, message});
  };
  if (damaged_.load()) return refused(Why::not_stored, "not recorded: " + damage());
  const auto ticket = desk_.open(Question::verb, jobs.size());
  if (refusing_.load() || committer_->holding()) {
    desk_.withdraw(ticket);
    if (refusing_.load()) return refused(Why::ending, refusal());
    return refused(Why::not_stored,
                   "not recorded: " + committer_->trouble() + "; ask again once that is over");
  }
  const bool put = inbox_.put_when_room([&](EngineMail& mail) {
    auto token = ticket.first;
    for (const engine::JobId job : jobs) {
      mail.events.emplace_back(engine::VerbRequested{.reply = token++, .job = job, .verb = verb});
    }
  });
  if (!put) {
    desk_.withdraw(ticket);
    return refused(Why::ending, refusal());
  }
  std::vector<engine::Verdict> verdicts;
  verdicts.reserve(jobs.size());
  for (auto& reply : ticket.wait->wait()) {
    verdicts.push_back(std::get<engine::Verdict>(std::move(reply)));
  }
  return verdicts;
}

EventAnswer LiveHost::send(engine::SentEvent event) {
  return record({.reply = {}, .event = std::move(event), .by = {}});
}

plugin::SendStatus LiveHost::send(const engine::CallId& call, engine::SentEvent event) {
  using plugin::SendStatus;
  const auto answer = record({.reply = {}, .event = std::move(event), .by = call});
  if (std::holds_alternative<EventAccepted>(answer)) return SendStatus::stored;
  if (std::holds_alternative<EventIdTaken>(answer)) return SendStatus::id_taken;
  if (std::holds_alternative<NoAddressee>(answer)) return SendStatus::no_addressee;
  if (std::holds_alternative<SenderOver>(answer)) return SendStatus::fenced;
  return SendStatus::not_now;
}

EventAnswer LiveHost::record(engine::EventSent sent) {
  if (damaged_.load()) return NotStored{"not recorded: " + damage()};
  const auto ticket = desk_.open(Question::event);
  // A step's call may still send while the host ends; nobody else may.
  const bool refusing = sent.by ? closed_.load() : refusing_.load();
  if (refusing || committer_->holding()) {
    desk_.withdraw(ticket);
    if (refusing) return NotStored{refusal()};
    return NotStored{"not recorded: " + committer_->trouble() +
                     "; send it again once that is over"};
  }
  sent.reply = ticket.first;
  const bool put =
      inbox_.put_when_room([&](EngineMail& mail) { mail.events.emplace_back(std::move(sent)); });
  if (!put) {
    desk_.withdraw(ticket);
    return NotStored{refusal()};
  }
  return std::get<EventAnswer>(std::move(ticket.wait->wait().front()));
}

std::shared_ptr<const engine::Catalogue> LiveHost::catalogue() const {
  const std::scoped_lock lock(mutex_);
  return plugins_.catalogue;
}

std::vector<plugin::PluginLine> LiveHost::plugins() const {
  const std::scoped_lock lock(mutex_);
  return plugins_.lines;
}

HostHealth LiveHost::health() const {
  HostHealth health;
  health.started_at = started_at_;
  health.ending = refusing_.load();
  if (!is_up()) return health;
  const auto load = engine_->load();
  health.jobs_in_memory = load.jobs;
  health.calls_running = load.calls;
  health.storage_trouble = damaged_.load() ? damage() : committer_->trouble();
  return health;
}

std::vector<StepLoad> LiveHost::step_loads() {
  std::map<std::string, StepLoad, std::less<>> loads;
  for (const auto& [name, type] : catalogue()->types) loads[name];
  if (is_up()) {
    for (const auto& [type, steps] : engine_->steps_now()) {
      StepLoad& load = loads[type];
      load.ready = steps.ready;
      load.in_calls = steps.in_calls;
    }
  }
  for (StepCounters::Line& line : at_.counters.lines()) {
    loads[line.type].count = std::move(line.count);
  }
  std::vector<StepLoad> all;
  all.reserve(loads.size());
  for (auto& [type, load] : loads) {
    load.type = type;
    all.push_back(std::move(load));
  }
  return all;
}

std::unique_ptr<Host::Subscription> LiveHost::subscribe(
    std::function<void(const JobNews&)> on_news) {
  return feed_.subscribe(std::move(on_news));
}

void LiveHost::ended(std::vector<engine::CallReported> reports) {
  inbox_.put([&](EngineMail& mail) {
    std::move(reports.begin(), reports.end(), std::back_inserter(mail.events));
  });
}

void LiveHost::overran(engine::CallOverran overran) {
  inbox_.put([&](EngineMail& mail) { mail.events.emplace_back(overran); });
}

engine::BlobStatus LiveHost::save(const engine::CallId& call, engine::StepBlob::Kind kind,
                                  std::string key, std::string bytes) {
  const auto ticket = desk_.open(Question::blob);
  if (closed_.load()) {
    desk_.withdraw(ticket);
    return engine::BlobStatus::fenced;
  }
  inbox_.put([&](EngineMail& mail) {
    mail.events.emplace_back(engine::BlobOffered{.call = call,
                                                 .reply = ticket.first,
                                                 .kind = kind,
                                                 .key = std::move(key),
                                                 .bytes = std::move(bytes)});
  });
  return std::get<engine::BlobStatus>(ticket.wait->wait().front());
}

std::vector<engine::StepBlob> LiveHost::blobs(engine::JobId job, engine::StepIndex step) {
  return at_.reader.blobs(job, step);
}

plugin::CheckedJob LiveHost::check_job(const std::string& tenant, std::string_view json) {
  const engine::EngineSettings& rules = settings_.engine;
  engine::ParsedJob parsed = engine::parse_job(json, rules.limits);
  if (!parsed.problems.empty()) return told(parsed.problems);
  if (!parsed.definition.key.empty()) {
    return "/key: must be left out: a job that a step starts is named by the step's own key for it";
  }
  parsed.definition.tenant = tenant;
  engine::Validated validated =
      engine::validate(std::move(parsed.definition), *catalogue(), rules.defaults, rules.limits);
  if (!validated.problems.empty()) return told(validated.problems);
  return std::make_shared<const engine::JobDefinition>(std::move(validated.definition));
}

std::optional<plugin::ChildNow> LiveHost::child(engine::JobId job, engine::StepIndex step,
                                                const std::string& key) {
  const auto line = at_.reader.child(job, {step, key});
  return line ? std::optional(now_of(*line)) : std::nullopt;
}

std::vector<plugin::ChildNow> LiveHost::settled_children(engine::JobId job, engine::StepIndex step,
                                                         std::uint32_t after, std::size_t limit) {
  std::vector<plugin::ChildNow> children;
  for (const auto& line : at_.reader.settled_children(job, step, after, limit)) {
    if (!engine::is_name_of_undo(line.key)) children.push_back(now_of(line));
  }
  return children;
}

plugin::CheckedUndo LiveHost::check_undo(const engine::CallRequest& call, const std::string& key) {
  return runtime::check_undo(at_.reader, call, key);
}

std::optional<plugin::ChildNow> LiveHost::child_undo(engine::JobId job, engine::StepIndex step,
                                                     const std::string& key) {
  return runtime::child_undo(at_.reader, job, {step, key});
}

void LiveHost::progressed(const engine::CallId& call, std::string step, std::uint32_t permille,
                          std::string note) {
  if (!feed_.heard()) return;
  JobNews news;
  news.job = call.job;
  news.at = at_.clock.now().wall;
  news.step = std::move(step);
  news.permille = permille;
  news.note = std::move(note);
  feed_.publish(std::move(news));
}

}  // namespace stepd::runtime
