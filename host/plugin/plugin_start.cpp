#include "host/plugin/plugin_start.hpp"

#include <fcntl.h>

#include <future>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "host/plugin/current_call.hpp"
#include "host/plugin/file_descriptor.hpp"

namespace stepd::plugin {
namespace {

namespace fs = std::filesystem;

fs::path starting_file_of(fs::path module) { return module.replace_extension(".starting"); }

/// Where it cannot be made, nobody is blamed for a crash.
void put_file(const fs::path& path) {
  const FileDescriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

}  // namespace

fs::path crashed_file_of(fs::path module) { return module.replace_extension(".crashed"); }

void settle_unfinished_starts(const fs::path& modules, bool crashed) {
  std::vector<fs::path> unfinished;
  for (const auto& entry : fs::directory_iterator(modules)) {
    if (entry.path().extension() == ".starting") unfinished.push_back(entry.path());
  }
  for (const fs::path& file : unfinished) {
    if (crashed) {
      fs::rename(file, crashed_file_of(file));
    } else {
      fs::remove(file);
    }
  }
}

std::optional<std::string> run_init(const fs::path& module, std::chrono::milliseconds limit,
                                    std::function<std::string()> init) {
  put_file(starting_file_of(module));
  std::packaged_task<std::string()> task([module, init = std::move(init)] {
    static constexpr CurrentCall start{.id = start_of_plugin};
    std::string fact;
    {
      const CallMark mark(start);
      fact = init();
    }
    std::error_code gone;
    fs::remove(starting_file_of(module), gone);
    return fact;
  });
  std::future<std::string> answer = task.get_future();
  // Detached, because nothing ends a thread that hangs in somebody else's code.
  std::thread(std::move(task)).detach();
  if (answer.wait_for(limit) == std::future_status::ready) return answer.get();
  // Refused for that at each start; what happens from here on must not be blamed on another.
  std::error_code gone;
  fs::remove(starting_file_of(module), gone);
  return std::nullopt;
}

}  // namespace stepd::plugin
