// A C++ plugin made by hand whose steps, init and quiesce let exceptions out.
#include <stdexcept>

#include "tests/plugin/modules/module.h"

STEPD_NOTE("test.throwing", "1.0.0", 0);

namespace {

stepd_outcome throw_error(void*, stepd_context*) { throw std::runtime_error("no rates today"); }
stepd_outcome throw_number(void*, stepd_context*) { throw 42; }

constexpr stepd_step step_that(stepd_str type, stepd_outcome (*execute)(void*, stepd_context*)) {
  stepd_step step{};
  step.struct_size = sizeof step;
  step.type = type;
  step.version = 1;
  step.accepts_from = 1;
  step.execute = execute;
  return step;
}

constexpr stepd_step errors = step_that(TEXT("throwing.error"), throw_error);
constexpr stepd_step numbers = step_that(TEXT("throwing.number"), throw_number);
constexpr const stepd_step* steps[] = {&errors, &numbers};

stepd_status init(const stepd_host*, stepd_str config_json, void (*)(void*, stepd_str), void*) {
  if (config_json.len > 2) throw std::runtime_error("no configuration wanted");
  return STEPD_OK;
}

stepd_status quiesce(int64_t) { throw 42; }

constexpr stepd_plugin describe() {
  stepd_plugin plugin{};
  plugin.struct_size = sizeof plugin;
  plugin.id = TEXT("test.throwing");
  plugin.version = TEXT("1.0.0");
  plugin.step_count = 2;
  plugin.steps = steps;
  plugin.init = init;
  plugin.quiesce = quiesce;
  return plugin;
}
constexpr stepd_plugin plugin = describe();

}  // namespace

extern "C" const stepd_plugin* stepd_plugin_v1(void) noexcept { return &plugin; }
