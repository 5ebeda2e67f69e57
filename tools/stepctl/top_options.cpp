#include "tools/stepctl/top_options.hpp"

#include <CLI/CLI.hpp>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "tools/stepctl/step_rates.hpp"

namespace stepd::stepctl {

void add_options(CLI::App* top, WatchStepTypes& watch) {
  const std::vector<std::string> keys(rate_sort_keys.begin(), rate_sort_keys.end());
  top->add_option("--sort", watch.sort, "What comes first (default: rate)")
      ->type_name("KEY")
      ->check(CLI::IsMember(keys));
  top->add_option_function<std::string>(
         "--interval", [&watch](const std::string& text) { watch.interval = *parse_span(text); },
         "How often to look (default: 2s)")
      ->type_name("SPAN")
      ->check([](const std::string& text) {
        constexpr Span least = std::chrono::milliseconds(100);
        const std::optional<Span> span = parse_span(text);
        return span && *span >= least ? std::string()
                                      : text + " is no span of 100ms and more, such as 2s";
      });
  top->add_flag("--once", watch.once, "Look twice, an interval apart, print the table and end");
}

}  // namespace stepd::stepctl
