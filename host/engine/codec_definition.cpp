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
  if (!definition.origin) return;
  for (const KeptStep& kept : definition.origin->kept) {
    if (kept.step >= definition.steps.size()) reader.refuse("it keeps a step it has not");
  }
}

}  // namespace

std::string encode(const JobDefinition& definition) {
  const bool plain = definition.priority == 0 && !definition.origin && !definition.parent;
  const bool pinned = definition.pin != Pin::compatible;
  codec::Writer writer;
  writer.version(pinned ? 3 : plain ? 1 : 2);
  writer(definition);
  if (!plain || pinned) writer(definition.priority, definition.origin, definition.parent);
  writer.since(3, definition.pin);
  return writer.take();
}

JobDefinition decode_definition(std::string_view bytes) {
  codec::Reader reader("definition", bytes);
  const std::uint64_t version = reader.version(codec::definition_version);
  JobDefinition definition;
  reader(definition);
  if (version > 1) reader(definition.priority, definition.origin, definition.parent);
  reader.since(3, definition.pin);
  reader.end();
  check_predecessors(definition, reader);
  return definition;
}

}  // namespace stepd::engine
