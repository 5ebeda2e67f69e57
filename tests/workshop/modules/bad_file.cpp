// A plugin that can be loaded and is wrong as a file, in the way that its definition says.
#include <stepd/plugin.h>

STEPD_NOTE("test.bad_file", "1.0.0", 0);

#ifdef EXPORTS_MORE
STEPD_EXPORT int a_name_that_others_may_have = 0;
#endif

#ifdef IS_SHARED
template <class Value>
struct __attribute__((visibility("default"))) Shared {
  static inline int value = 0;
};
int* shared = &Shared<int>::value;
#endif

#ifdef TAKES_BOOST
namespace boost {
__attribute__((visibility("default"), weak)) void from_the_host();
}
bool takes_boost = boost::from_the_host != nullptr;
#endif

static stepd_outcome nothing(void*, stepd_context*) { return STEPD_SUCCEEDED; }
static stepd_step step{};
static const stepd_step* const steps[] = {&step};
static stepd_plugin plugin{};

const stepd_plugin* stepd_plugin_v1() noexcept {
  step.struct_size = sizeof step;
  step.type = {"bad.file", 8};
  step.version = step.accepts_from = 1;
  step.execute = nothing;
  plugin.struct_size = sizeof plugin;
  plugin.id = {"test.bad_file", 13};
  plugin.version = {"1.0.0", 5};
  plugin.step_count = 1;
  plugin.steps = steps;
  return &plugin;
}
