#include "host/engine/step_schema.hpp"

#include <boost/json/value.hpp>
#include <utility>

#include "host/engine/json_value.hpp"

namespace stepd::engine {

StepSchema::StepSchema(JsonText text) : text_(std::move(text)) {
  if (!empty()) value_ = std::make_shared<const boost::json::value>(value_of(view()));
}

}  // namespace stepd::engine
