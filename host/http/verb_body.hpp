#pragma once

#include <string_view>
#include <vector>

#include "host/engine/engine.hpp"
#include "host/http/json_body.hpp"

namespace stepd::http {

/// The verb that the body asks for, judged as far as the job need not be known. `also` names
/// members of the body that are somebody else's business.
[[nodiscard]] engine::Verb verb_in(const JsonBody& body, engine::Verb::Kind kind,
                                   const std::vector<std::string_view>& also = {});

}  // namespace stepd::http
