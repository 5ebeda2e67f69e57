#include "host/workshop/workshop_main.hpp"

#include <sys/prctl.h>

#include <exception>
#include <string>

#include "host/contained/module_main.hpp"
#include "host/workshop/host_tricks.hpp"
#include "host/workshop/order.hpp"
#include "host/workshop/report.hpp"
#include "host/workshop/step_bench.hpp"
#include "host/workshop/step_run.hpp"
#include "host/workshop/validation.hpp"

namespace stepd::workshop {
namespace {

constexpr int exit_unwell = 1;
constexpr int exit_usage = 2;

class Doer final {
 public:
  Doer(const Order& order, Report& report) : order_(order), report_(report) {}
  int operator()(const RunStep& work) const { return run_step(work, order_.json, report_); }
  int operator()(const BenchStep& work) const { return bench_step(work, order_.json, report_); }
  int operator()(const ValidatePlugin& work) const {
    return validate_plugin(work, order_.json, report_);
  }

 private:
  const Order& order_;
  Report& report_;
};

}  // namespace

int workshop_main(std::string_view text) {
  try {
    const Order order = parse_order(text);
    Report report(order.quiet);
    try {
      return std::visit(Doer(order, report), order.work);
    } catch (const BadOrder& wrong) {
      report.say(std::string("error: ") + wrong.what());
      return exit_usage;
    } catch (const std::exception& trouble) {
      report.say(std::string("error: ") + trouble.what());
      return exit_unwell;
    }
  } catch (const BadOrder& wrong) {
    Report(false).say(std::string("stepd: ") + wrong.what());
    return exit_usage;
  }
}

void process_main(std::string_view text) {
  const HostTricks tricks = tricks_of(text);
  if (tricks.may_be_traced) ::prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
  contained::module_main([tricks](std::vector<plugin::StepModule>& steps) { play(tricks, steps); });
}

}  // namespace stepd::workshop
