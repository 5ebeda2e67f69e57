#pragma once

#include <memory>
#include <stdexcept>
#include <string>

#include "host/engine/job_parser.hpp"
#include "host/engine/validate.hpp"
#include "host/rehearsal/example_outputs.hpp"
#include "host/rehearsal/rehearsal.hpp"

/// Step types to rehearse jobs of, and jobs as they are submitted.
namespace stepd::rehearsal::testing {

using namespace std::chrono_literals;

inline engine::StepType type_of(std::string name, engine::StepKind kind) {
  engine::StepType type{.name = std::move(name), .kind = kind, .plugin = "small 1", .module = {1}};
  type.retry.attempts_max = kind == engine::StepKind::saga ? 3 : 0;
  type.timeout = 10s;
  type.compensate_timeout = 5s;
  return type;
}

inline engine::Catalogue small_bank() {
  engine::Catalogue catalogue;
  const auto add = [&](engine::StepType type) { catalogue.types.emplace(type.name, type); };
  add(type_of("saga", engine::StepKind::saga));
  add(type_of("plain", engine::StepKind::plain));
  engine::StepType probed = type_of("probed", engine::StepKind::saga);
  probed.offers_probe = true;
  add(probed);
  engine::StepType once = type_of("once", engine::StepKind::saga);
  once.not_repeatable = true;
  add(once);
  engine::StepType out = type_of("out", engine::StepKind::saga);
  out.output_schema = engine::JsonText(
      R"({"type":"object","properties":{"receipt":{"type":"string","minLength":3},
          "cents":{"type":"integer","minimum":5}},"required":["cents"]})");
  add(out);
  engine::StepType into = type_of("in", engine::StepKind::saga);
  into.args_schema = engine::JsonText(
      R"({"type":"object","properties":{"memo":{"type":"string"},"note":{"type":"integer"}},
          "required":["memo"],"additionalProperties":false})");
  add(into);
  return catalogue;
}

/// The job of the text, ready to be rehearsed with outputs made up for it.
inline RehearsalSetting setting_of(const std::string& job,
                                   engine::Catalogue catalogue = small_bank()) {
  engine::ParsedJob parsed = engine::parse_job(job, {});
  if (!parsed.problems.empty()) throw std::logic_error(parsed.problems.front().message);
  engine::Validated validated =
      engine::validate(std::move(parsed.definition), catalogue, {}, engine::Limits{});
  if (!validated.problems.empty()) throw std::logic_error(validated.problems.front().message);
  RehearsalSetting setting;
  setting.job = std::make_shared<const engine::JobDefinition>(std::move(validated.definition));
  setting.catalogue = std::make_shared<const engine::Catalogue>(std::move(catalogue));
  setting.outputs = example_outputs(*setting.job, *setting.catalogue).outputs;
  return setting;
}

}  // namespace stepd::rehearsal::testing
