#include "host/engine/codec.hpp"
#include "host/engine/codec_bytes.hpp"
#include "host/engine/codec_fields.hpp"

namespace stepd::engine {
namespace {

/// What step and job rules take for granted of a definition, because `validate` saw to it.
void check_predecessors(const JobDefinition& definition, const codec::Reader& reader) {
  for (const StepDefinition& step : definition.steps) {
    for (const StepIndex before : step.after) {
      if (before >= definition.steps.size()) reader.refuse("a step comes after one it has not");
    }
  }
}

}  // namespace

std::string encode(const JobDefinition& definition) {
  codec::Writer writer;
  writer.unsigned_number(codec::format_version);
  writer(definition);
  return writer.take();
}

JobDefinition decode_definition(std::string_view bytes) {
  codec::Reader reader("definition", bytes);
  reader.version();
  JobDefinition definition;
  reader(definition);
  reader.end();
  check_predecessors(definition, reader);
  return definition;
}

}  // namespace stepd::engine
