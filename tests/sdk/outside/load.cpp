// load FILE...: loads each plugin as a host would and runs its step.
#include <dlfcn.h>

#include <boost/json.hpp>
#include <cstdio>
#include <stepd/testing/rehearsal.hpp>

int main(int count, char** files) {
  for (int index = 1; index < count; ++index) {
    void* const library = ::dlopen(files[index], RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) {
      std::puts(::dlerror());
      return 1;
    }
    const auto entry =
        reinterpret_cast<const stepd_plugin* (*)()>(::dlsym(library, "stepd_plugin_v1"));
    const stepd_plugin* const plugin = entry == nullptr ? nullptr : entry();
    if (plugin == nullptr) return 1;
    stepd::testing::Rehearsal rehearsal(*plugin, "outside.greet");
    const auto ending = rehearsal.execute(boost::json::value{{"name", "ada"}});
    std::printf("%s: %s\n", files[index], ending.sentence().c_str());
    if (ending.sentence() != R"(succeeded {"text":"hello ada"})") return 1;
  }
  return count > 1 ? 0 : 1;
}
