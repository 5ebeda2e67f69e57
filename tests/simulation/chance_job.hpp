#pragma once

#include <map>
#include <memory>
#include <string>

#include "host/engine/catalogue.hpp"
#include "host/engine/definition.hpp"
#include "tests/support/chance.hpp"

namespace stepd::simulation {

/// Every step type there is: plain and saga ones, some with a probe, some that must not be repeated
/// in doubt, some with time-outs.
[[nodiscard]] const engine::Catalogue& all_types();
[[nodiscard]] bool is_saga(const std::string& type);

/// All types, at times without one of them, at times of another build.
[[nodiscard]] std::shared_ptr<const engine::Catalogue> catalogue_by_chance(tests::Chance& chance);

/// A list or any other graph, at times with a pivot, of types of which some may not be loaded.
[[nodiscard]] engine::JobDefinition job_by_chance(tests::Chance& chance,
                                                  const engine::Catalogue& loaded,
                                                  std::size_t steps_max);

/// What a step's arguments come to once these steps have succeeded, worked out by hand.
[[nodiscard]] std::string args_by_hand(const std::string& args,
                                       const std::map<engine::StepIndex, std::string>& outputs);

}  // namespace stepd::simulation
