#include "wring/agent/observation_json.h"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include <fmt/format.h>

#include "wring/agent/words.h"
#include "wring/base/json.h"
#include "wring/base/json_text.h"

namespace wring {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::int64_t kLargestCount = 1'000'000'000'000'000;  // of elements, MiB and steps
constexpr std::int64_t kMostRanks = 1'000'000;
constexpr std::int64_t kLastLine = std::numeric_limits<std::int32_t>::max();
constexpr double kLargestNumber = 1e15;  // of times and rates

std::string text_of(const JsonFields& fields, const char* name) {
  return fields.text(name).value_or("");
}

bool flag_of(const JsonFields& fields, const char* name) {
  return fields.flag(name).value_or(false);
}

std::int64_t count_of(const JsonFields& fields, const char* name) {
  return fields.integer(name, 0, kLargestCount).value_or(0);
}

template <typename Value>
Value required(const JsonFields& fields, const char* name, std::optional<Value> value) {
  if (!value) fields.missing(name);
  return *std::move(value);
}

std::int64_t required_count(const JsonFields& fields, const char* name) {
  return required(fields, name, fields.integer(name, 0, kLargestCount));
}

double required_number(const JsonFields& fields, const char* name) {
  return required(fields, name, fields.number(name, 0, kLargestNumber));
}

// Calls read(JsonFields) for each object of the list; nothing where there is no list.
template <typename Read>
void for_each(const JsonFields& fields, const char* name, Read read) {
  const auto list = fields.json().find(name);
  if (list == fields.json().end() || list->is_null()) return;
  if (!list->is_array()) fields.wrong(name, "a list", "列表");
  std::size_t i = 0;
  for (const nlohmann::json& one : *list) {
    if (!one.is_object()) fields.wrong(name, "a list of objects", "对象列表");
    read(fields.part(one, fmt::format("{}[{}].", name, i++)));
  }
}

std::vector<std::string> words_of(const JsonFields& fields, const char* name) {
  const auto list = fields.json().find(name);
  if (list == fields.json().end() || list->is_null()) return {};
  std::vector<std::string> words;
  if (!list->is_array()) fields.wrong(name, "a list", "列表");
  for (const nlohmann::json& one : *list) {
    if (!one.is_string()) fields.wrong(name, "a list of texts", "文本列表");
    words.push_back(one.get<std::string>());
  }
  return words;
}

CodePlace read_place(const JsonFields& fields) {
  return {required(fields, "file", fields.text("file")),
          required(fields, "line", fields.integer("line", 0, kLastLine))};
}

StepTimes read_times(const JsonFields& fields) {
  StepTimes times;
  times.median = required_number(fields, "median");
  times.mad = fields.number("mad", 0, kLargestNumber).value_or(0);
  times.p95 = fields.number("p95", 0, kLargestNumber).value_or(0);
  times.n = count_of(fields, "n");
  return times;
}

ObservedSteps read_steps(const JsonFields& fields) {
  ObservedSteps steps;
  steps.n = required_count(fields, "n");
  if (steps.n == 0) return steps;  // no times of no steps
  steps.step_ms = read_times(required(fields, "step_ms", fields.object("step_ms")));
  steps.mean_ms = required_number(fields, "mean_ms");
  steps.loader_wait_ms = required_number(fields, "loader_wait_ms");
  steps.batches_per_step = fields.number("batches_per_step", 0, kLargestNumber).value_or(0);
  steps.samples_per_step = fields.number("samples_per_step", 0, kLargestNumber);
  steps.hook_us = fields.number("hook_us", 0, kLargestNumber).value_or(0);
  return steps;
}

ObservedLoader read_loader(const JsonFields& fields) {
  ObservedLoader loader;
  loader.place = read_place(fields);
  loader.dataset = text_of(fields, "dataset");
  loader.batch_size = fields.integer("batch_size", 0, kLargestCount);
  loader.num_workers = required_count(fields, "num_workers");
  loader.pin_memory = flag_of(fields, "pin_memory");
  loader.persistent_workers = flag_of(fields, "persistent_workers");
  loader.prefetch_factor = fields.integer("prefetch_factor", 0, kLargestCount);
  loader.wait_ms = required_number(fields, "wait_ms");
  loader.in_stepping_thread = fields.flag("in_stepping_thread").value_or(true);
  loader.batches = count_of(fields, "batches");
  return loader;
}

ObservedOptimizer read_optimizer(const JsonFields& fields) {
  ObservedOptimizer optimizer;
  optimizer.place = read_place(fields);
  optimizer.type = required(fields, "type", fields.text("type"));
  optimizer.fused = fields.flag("fused");
  optimizer.foreach_ = fields.flag("foreach");
  optimizer.tensors = count_of(fields, "tensors");
  optimizer.elements = count_of(fields, "elements");
  optimizer.steps = count_of(fields, "steps");
  optimizer.counted = flag_of(fields, "counted");
  return optimizer;
}

ObservedPrecision read_precision(const JsonFields& fields) {
  ObservedPrecision precision;
  precision.autocast = text_of(fields, "autocast");
  if (const auto types = fields.object("parameters")) {
    for (const auto& [type, elements] : types->json().items()) {
      precision.parameters.push_back({type, count_of(*types, type.c_str())});
    }
  }
  precision.tf32_matmul = flag_of(fields, "tf32_matmul");
  precision.tf32_cudnn = flag_of(fields, "tf32_cudnn");
  return precision;
}

// torch counts bytes: a fraction is welcome.
std::optional<std::int64_t> read_mib(const JsonFields& fields, const char* name) {
  const auto mib = fields.number(name, 0, kLargestNumber);
  return mib ? std::optional<std::int64_t>(std::llround(*mib)) : std::nullopt;
}

TrialMemory read_memory(const JsonFields& fields) {
  TrialMemory memory;
  memory.peak_allocated_mib = read_mib(fields, "peak_allocated_mib");
  memory.peak_reserved_mib = read_mib(fields, "peak_reserved_mib");
  memory.alloc_retries = fields.integer("alloc_retries", 0, kLargestCount);
  memory.device_free_mib = read_mib(fields, "device_free_mib");
  memory.device_total_mib = read_mib(fields, "device_total_mib");
  return memory;
}

void read_trace(const JsonFields& fields, Observation& observation) {
  if (!text_of(fields, "refused").empty()) {
    observation.no_trace = read_reason(fields, "refused");
    return;
  }
  observation.trace = {required(fields, "path", fields.text("path")), required_count(fields, "steps")};
}

void read_syncs(const JsonFields& fields, Observation& observation) {
  const auto list = fields.json().find("syncs");
  if (list == fields.json().end() || list->is_null()) return;
  observation.syncs.emplace();
  for_each(fields, "syncs", [&](const JsonFields& sync) {
    observation.syncs->push_back({read_place(sync), required_number(sync, "per_step")});
  });
}

ObservedRate read_rate(const JsonFields& fields) {
  return {required(fields, "type", fields.text("type")), required_number(fields, "tflops"), count_of(fields, "size")};
}

// null for what is absent, or an empty text.
Json text_or_null(const std::string& text) {
  return text.empty() ? Json() : Json(text);
}

Json steps_json(const Observation& observation) {
  const ObservedSteps& steps = observation.steps;
  Json json{{"n", steps.n}};
  if (steps.n == 0) return json;
  json["step_ms"] = {{"median", json_number(steps.step_ms.median)},
                     {"mad", json_number(steps.step_ms.mad)},
                     {"p95", json_number(steps.step_ms.p95)},
                     {"n", steps.step_ms.n}};
  json["mean_ms"] = json_number(steps.mean_ms);
  json["loader_wait_ms"] = json_number(steps.loader_wait_ms);
  json["batches_per_step"] = json_number(steps.batches_per_step);
  json["samples_per_step"] = json_number(steps.samples_per_step);
  json["hook_us"] = observation.without_agent ? Json() : json_number(steps.hook_us);
  return json;
}

Json loaders_json(const std::vector<ObservedLoader>& loaders) {
  Json list = Json::array();
  for (const ObservedLoader& loader : loaders) {
    list.push_back({{"file", loader.place.file},
                    {"line", loader.place.line},
                    {"dataset", loader.dataset},
                    {"batch_size", or_null(loader.batch_size)},
                    {"num_workers", loader.num_workers},
                    {"pin_memory", loader.pin_memory},
                    {"persistent_workers", loader.persistent_workers},
                    {"prefetch_factor", or_null(loader.prefetch_factor)},
                    {"wait_ms", json_number(loader.wait_ms)},
                    {"in_stepping_thread", loader.in_stepping_thread},
                    {"batches", loader.batches}});
  }
  return list;
}

Json optimizers_json(const Observation& observation) {
  const auto if_known = [&](Json value) { return observation.without_agent ? Json() : std::move(value); };
  Json list = Json::array();
  for (const ObservedOptimizer& optimizer : observation.optimizers) {
    list.push_back({{"file", if_known(optimizer.place.file)},
                    {"line", if_known(optimizer.place.line)},
                    {"type", optimizer.type},
                    {"fused", or_null(optimizer.fused)},
                    {"foreach", or_null(optimizer.foreach_)},
                    {"tensors", if_known(optimizer.tensors)},
                    {"elements", if_known(optimizer.elements)},
                    {"steps", optimizer.steps},
                    {"counted", optimizer.counted}});
  }
  return list;
}

Json precision_json(const ObservedPrecision& precision) {
  Json parameters = Json::object();
  for (const ParameterType& type : precision.parameters) parameters[type.type] = type.elements;
  return {{"autocast", text_or_null(precision.autocast)},
          {"parameters", std::move(parameters)},
          {"tf32_matmul", precision.tf32_matmul},
          {"tf32_cudnn", precision.tf32_cudnn}};
}

Json memory_json(const std::optional<TrialMemory>& memory) {
  if (!memory) return {};
  return {{"peak_allocated_mib", or_null(memory->peak_allocated_mib)},
          {"peak_reserved_mib", or_null(memory->peak_reserved_mib)},
          {"alloc_retries", or_null(memory->alloc_retries)},
          {"device_free_mib", or_null(memory->device_free_mib)},
          {"device_total_mib", or_null(memory->device_total_mib)}};
}

Json refused_json(const AgentReason& reason) {
  Json json = {{"refused", reason.words}};
  if (reason.key.empty()) return json;
  json["reason"] = {{"key", reason.key}};
  if (reason.steps) json["reason"]["steps"] = *reason.steps;
  if (!reason.error.empty()) json["reason"]["error"] = reason.error;
  return json;
}

Json trace_json(const Observation& observation) {
  if (observation.no_trace) return refused_json(*observation.no_trace);
  if (!observation.trace) return {};
  return {{"path", observation.trace->path.string()}, {"steps", observation.trace->steps}};
}

Json syncs_json(const std::optional<std::vector<ObservedSync>>& syncs) {
  if (!syncs) return {};
  Json list = Json::array();
  for (const ObservedSync& sync : *syncs) {
    list.push_back({{"file", sync.place.file}, {"line", sync.place.line}, {"per_step", json_number(sync.per_step)}});
  }
  return list;
}

Json rate_json(const std::optional<ObservedRate>& rate) {
  if (!rate) return {};
  return {{"type", rate->type}, {"tflops", json_number(rate->tflops)}, {"size", rate->size}};
}

Json card_json(const std::optional<ObservedCard>& card) {
  if (!card) return {};
  return {{"readings", card->readings},
          {"sm_activity", json_number(card->sm_activity)},
          {"tensor_activity", json_number(card->tensor_activity)},
          {"dram_activity", json_number(card->dram_activity)},
          {"power_w", json_number(card->power_w)},
          {"sm_clock_mhz", json_number(card->sm_clock_mhz)},
          {"throttled_by_power", json_number(card->throttled_by_power)},
          {"throttled_by_heat", json_number(card->throttled_by_heat)}};
}

}  // namespace

ObservedProcess read_process(const JsonFields& hello) {
  ObservedProcess process;
  process.pid = required(hello, "pid", hello.integer("pid", 1, std::numeric_limits<std::int32_t>::max()));
  process.rank = hello.integer("rank", 0, kMostRanks).value_or(0);
  process.local_rank = hello.integer("local_rank", 0, kMostRanks).value_or(0);
  process.world_size = hello.integer("world_size", 1, kMostRanks).value_or(1);
  process.argv = words_of(hello, "argv");
  process.cwd = text_of(hello, "cwd");
  process.python = text_of(hello, "python");
  process.torch = text_of(hello, "torch");
  process.device = required(hello, "device", hello.text("device"));
  process.device_name = text_of(hello, "device_name");
  process.device_uuid = text_of(hello, "device_uuid");
  process.startup_ms = hello.number("startup_ms", 0, kLargestNumber).value_or(0);
  return process;
}

Observation read_observation(const JsonFields& done) {
  Observation seen;
  seen.steps = read_steps(required(done, "steps", done.object("steps")));
  for_each(done, "loaders", [&](const JsonFields& loader) { seen.loaders.push_back(read_loader(loader)); });
  for_each(done, "optimizers", [&](const JsonFields& one) { seen.optimizers.push_back(read_optimizer(one)); });
  if (const auto precision = done.object("precision")) seen.precision = read_precision(*precision);
  if (const auto layout = done.object("layout")) {
    seen.conv_weights = count_of(*layout, "conv_weights");
    seen.channels_last = count_of(*layout, "channels_last");
  }
  seen.compiled_modules = count_of(done, "compiled_modules");
  seen.cudnn_benchmark = flag_of(done, "cudnn_benchmark");
  seen.deterministic = flag_of(done, "deterministic");
  if (const auto memory = done.object("memory")) seen.memory = read_memory(*memory);
  seen.cpu_cores = done.integer("cpu_cores", 1, kLargestCount);
  if (const auto trace = done.object("trace")) read_trace(*trace, seen);
  read_syncs(done, seen);
  if (const auto rate = done.object("rate")) seen.rate = read_rate(*rate);
  return seen;
}

Json observation_json(const Observation& observation) {
  const ObservedProcess& process = observation.process;
  const bool known = !observation.without_agent;
  const auto if_known = [&](Json value) { return known ? std::move(value) : Json(); };
  return {
      {"without_agent", observation.without_agent},
      {"pid", process.pid},
      {"rank", process.rank},
      {"local_rank", process.local_rank},
      {"world_size", process.world_size},
      {"argv", process.argv},
      {"cwd", process.cwd},
      {"python", if_known(process.python)},
      {"torch", if_known(process.torch)},
      {"device", text_or_null(process.device)},
      {"device_name", text_or_null(process.device_name)},
      {"device_uuid", text_or_null(process.device_uuid)},
      {"startup_ms", if_known(json_number(process.startup_ms))},
      {"steps", steps_json(observation)},
      {"loaders", if_known(loaders_json(observation.loaders))},
      {"optimizers", optimizers_json(observation)},
      {"precision", if_known(precision_json(observation.precision))},
      {"layout", if_known({{"conv_weights", observation.conv_weights}, {"channels_last", observation.channels_last}})},
      {"compiled_modules", if_known(observation.compiled_modules)},
      {"cudnn_benchmark", if_known(observation.cudnn_benchmark)},
      {"deterministic", if_known(observation.deterministic)},
      {"memory", memory_json(observation.memory)},
      {"cpu_cores", or_null(observation.cpu_cores)},
      {"trace", trace_json(observation)},
      {"syncs", syncs_json(observation.syncs)},
      {"rate", rate_json(observation.rate)},
      {"card", card_json(observation.card)}};
}

}  // namespace wring
