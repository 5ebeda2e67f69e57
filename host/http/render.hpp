#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "host/engine/catalogue.hpp"
#include "host/engine/entry.hpp"
#include "host/engine/job_state.hpp"
#include "host/http/json_writer.hpp"
#include "host/http/kin.hpp"
#include "host/plugin/plugin_line.hpp"
#include "storage/store.hpp"

/// Values of the engine as JSON; the shapes stand in openapi.json.
namespace stepd::http {

/// An output of more than `output_bytes_max` bytes is told as `output_error`.
[[nodiscard]] std::string job_json(const engine::JobState& job, engine::JobWord state,
                                   const JobKin& kin, std::size_t output_bytes_max);

void write_line(JsonWriter& json, const storage::JobLine& line);

/// The ids of a job's steps by their place, for entries that know the place alone.
using StepIds = std::vector<std::string>;
[[nodiscard]] StepIds step_ids(const engine::JobDefinition& definition);

void write_entries(JsonWriter& json, const std::vector<engine::Entry>& entries,
                   const StepIds& steps);

void write_child(JsonWriter& json, const storage::ChildLine& line, const StepIds& steps);

void write_plugin(JsonWriter& json, const plugin::PluginLine& line);

enum class Detail { line, whole };
void write_step_type(JsonWriter& json, const engine::StepType& type, Detail detail);

/// Zero: null.
void write_span(JsonWriter& json, std::string_view name, engine::Duration span);

void write_overrides(JsonWriter& json, std::string_view name, const engine::RetryOverrides& retry);

void write_time(JsonWriter& json, std::string_view name,
                const std::optional<engine::TimePoint>& time);

/// `{"code","message","details"}`, or null when there is none.
void write_error(JsonWriter& json, std::string_view name, const engine::Error& error);

}  // namespace stepd::http
