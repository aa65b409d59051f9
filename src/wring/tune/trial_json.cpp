#include "wring/tune/trial_json.h"

#include <array>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "wring/base/error.h"
#include "wring/base/json_text.h"

namespace wring {
namespace {

using nlohmann::json;

// As the protocol has them.
constexpr double kLargestNumber = 1e15;
constexpr std::int64_t kLargestCount = 1'000'000'000'000;
constexpr double kAny = std::numeric_limits<double>::max();

struct OutcomeRow {
  TrialOutcome outcome;
  std::string_view key;
};
constexpr std::array<OutcomeRow, 6> kOutcomes = {{{TrialOutcome::ok, "ok"},
                                                  {TrialOutcome::oom, "oom"},
                                                  {TrialOutcome::error, "error"},
                                                  {TrialOutcome::hang, "hang"},
                                                  {TrialOutcome::killed, "killed"},
                                                  {TrialOutcome::cut_off, "cut_off"}}};

struct DataRow {
  TrialData data;
  std::string_view key;
};
constexpr std::array<DataRow, 3> kData = {
    {{TrialData::real, "real"}, {TrialData::resident, "resident"}, {TrialData::loader, "loader"}}};

[[noreturn]] void refuse(const std::string& field, const std::string& what) {
  throw Error(ErrorCode::failed,
              {fmt::format("trial record: {}: {}", field, what), fmt::format("试验记录：{}：{}", field, what)});
}

template <class T>
void write(json& object, const char* field, const std::optional<T>& value) {
  if (value) object[field] = *value;
}

template <class T>
void read(const json& object, const char* field, T& value) {
  const auto found = object.find(field);
  if (found == object.end() || found->is_null()) return;
  try {
    value = found->get<T>();
  } catch (const json::exception& error) {
    refuse(field, error.what());
  }
}

void read(const json& object, const char* field, double& value, double low = 0, double high = kLargestNumber) {
  const auto found = object.find(field);
  if (found == object.end() || found->is_null()) return;
  const double number = found->is_number() ? found->get<double>() : std::nan("");
  if (!(number >= low && number <= high)) refuse(field, json_text(*found) + " is out of range");
  value = number;
}

void read(const json& object, const char* field, std::int64_t& value) {
  const auto found = object.find(field);
  if (found == object.end() || found->is_null()) return;
  const bool counts = found->is_number_integer() && *found >= 0 && *found <= kLargestCount;
  if (!counts) refuse(field, json_text(*found) + " is out of range");
  value = found->get<std::int64_t>();
}

// Per cent, or any finite number.
void read_between(const json& object, const char* field, std::optional<double>& value, double low, double high) {
  double number = std::nan("");
  read(object, field, number, low, high);
  if (!std::isnan(number)) value = number;
}

template <class T>
void read(const json& object, const char* field, std::optional<T>& value) {
  T read_value{};
  if (!object.contains(field) || object.at(field).is_null()) return;
  read(object, field, read_value);
  value = read_value;
}

const json& object_in(const json& parent, const char* field) {
  static const json empty = json::object();
  const auto found = parent.find(field);
  if (found == parent.end()) return empty;
  if (!found->is_object()) refuse(field, "not an object");
  return *found;
}

void expect_object(const json& value, const char* what) {
  if (!value.is_object()) refuse(what, "not an object");
}

TrialMeasure measure_from(const json& object) {
  TrialMeasure measure;
  std::string data;
  read(object, "data", data);
  bool known = data.empty();
  for (const DataRow& row : kData) {
    if (row.key != data) continue;
    measure.data = row.data;
    known = true;
  }
  if (!known) refuse("data", "unknown: " + data);
  read(object, "min_seconds", measure.min_seconds);
  read(object, "max_seconds", measure.max_seconds);
  read(object, "rel_ci", measure.rel_ci);
  read(object, "min_steps", measure.min_steps);
  read(object, "validate", measure.validate);
  read(object, "kernels", measure.kernels);
  return measure;
}

std::vector<KernelKindTime> kernels_from(const json& list) {
  std::vector<KernelKindTime> kernels;
  if (!list.is_array()) refuse("kernels", "not a list");
  for (const json& one : list) {
    expect_object(one, "kernels");
    KernelKindTime time;
    std::string kind;
    read(one, "kind", kind);
    time.kind = kernel_kind_of_key(kind).value_or(KernelKind::other);
    read(one, "ms", time.ms);
    read(one, "small_ms", time.small_ms);
    read(one, "calls", time.calls);
    read(one, "heaviest", time.heaviest);
    kernels.push_back(std::move(time));
  }
  return kernels;
}

TrialArithmetic arithmetic_from(const json& object) {
  TrialArithmetic arithmetic;
  read(object, "tflop_per_step", arithmetic.tflop_per_step);
  read(object, "matmul_tflops", arithmetic.matmul_tflops);
  read(object, "precision", arithmetic.precision);
  return arithmetic;
}

}  // namespace

std::string_view outcome_key(TrialOutcome outcome) {
  for (const OutcomeRow& row : kOutcomes) {
    if (row.outcome == outcome) return row.key;
  }
  return "";
}

std::string_view data_key(TrialData data) {
  for (const DataRow& row : kData) {
    if (row.data == data) return row.key;
  }
  return "";
}

json request_json(const TrialRequest& request) {
  json set = json::array();  // in order: a later value of one key wins
  for (const Assignment& one : request.set) set.push_back({{"key", one.key}, {"value", one.value}});
  const TrialMeasure& measure = request.measure;
  return {{"set", std::move(set)},
          {"measure",
           {{"data", data_key(measure.data)},
            {"min_seconds", measure.min_seconds},
            {"max_seconds", measure.max_seconds},
            {"rel_ci", measure.rel_ci},
            {"min_steps", measure.min_steps},
            {"validate", measure.validate},
            {"kernels", measure.kernels}}}};
}

json kernels_json(const std::vector<KernelKindTime>& kernels) {
  json list = json::array();
  for (const KernelKindTime& time : kernels) {
    list.push_back({{"kind", kernel_kind_rows()[static_cast<std::size_t>(time.kind)].key},
                    {"ms", time.ms},
                    {"small_ms", time.small_ms},
                    {"calls", time.calls},
                    {"heaviest", time.heaviest}});
  }
  return list;
}

json arithmetic_json(const TrialArithmetic& arithmetic) {
  json object = json::object();
  write(object, "tflop_per_step", arithmetic.tflop_per_step);
  write(object, "matmul_tflops", arithmetic.matmul_tflops);
  if (!arithmetic.precision.empty()) object["precision"] = arithmetic.precision;
  return object;
}

json result_json(const TrialResult& result) {
  json object = {{"outcome", outcome_key(result.outcome)}, {"seconds", result.seconds}};
  if (!result.message.empty()) object["message"] = result.message;
  if (!result.engine.empty()) object["engine"] = result.engine;
  write(object, "data_wait_ms", result.data_wait_ms);
  write(object, "loss", result.loss);
  write(object, "kernel_busy_percent", result.kernel_busy_percent);
  if (!result.kernels.empty()) object["kernels"] = kernels_json(result.kernels);
  if (json arithmetic = arithmetic_json(result.arithmetic); !arithmetic.empty()) {
    object["arithmetic"] = std::move(arithmetic);
  }
  if (result.outcome == TrialOutcome::ok) {
    write(object, "samples_per_s", result.samples_per_s);
    if (!result.samples_per_s) object["no_rate"] = result.no_rate;
    object["warmup_s"] = result.warmup_s;
    object["step_ms"] = {{"median", result.step_ms.median},
                         {"mad", result.step_ms.mad},
                         {"p95", result.step_ms.p95},
                         {"n", result.step_ms.n}};
  }
  json memory = json::object();
  write(memory, "peak_allocated_mib", result.memory.peak_allocated_mib);
  write(memory, "peak_reserved_mib", result.memory.peak_reserved_mib);
  write(memory, "alloc_retries", result.memory.alloc_retries);
  write(memory, "device_free_mib", result.memory.device_free_mib);
  write(memory, "device_total_mib", result.memory.device_total_mib);
  if (!memory.empty()) object["memory"] = std::move(memory);
  json utilisation = json::object();
  write(utilisation, "gpu_util", result.utilisation.gpu_util);
  write(utilisation, "sm_activity", result.utilisation.sm_activity);
  write(utilisation, "tensor_activity", result.utilisation.tensor_activity);
  write(utilisation, "dram_activity", result.utilisation.dram_activity);
  if (!utilisation.empty()) object["utilisation"] = std::move(utilisation);
  return object;
}

TrialRequest request_from_json(const json& value) {
  expect_object(value, "request");
  TrialRequest request;
  if (const auto set = value.find("set"); set != value.end()) {
    if (!set->is_array()) refuse("set", "not a list");
    for (const json& one : *set) {
      expect_object(one, "set");
      Assignment assignment;
      read(one, "key", assignment.key);
      read(one, "value", assignment.value);
      if (assignment.key.empty()) refuse("set", "an entry without a key");
      request.set.push_back(std::move(assignment));
    }
  }
  request.measure = measure_from(object_in(value, "measure"));
  return request;
}

TrialResult result_from_json(const json& value) {
  expect_object(value, "result");
  TrialResult result;
  std::string outcome;
  read(value, "outcome", outcome);
  bool known = false;
  for (const OutcomeRow& row : kOutcomes) {
    if (row.key != outcome) continue;
    result.outcome = row.outcome;
    known = true;
  }
  if (!known) refuse("outcome", outcome.empty() ? "missing" : "unknown: " + outcome);
  read(value, "message", result.message);
  read(value, "samples_per_s", result.samples_per_s);
  if (result.samples_per_s && *result.samples_per_s == 0) {
    refuse("samples_per_s", fmt::format("{} is no rate", *result.samples_per_s));
  }
  read(value, "no_rate", result.no_rate);
  read(value, "data_wait_ms", result.data_wait_ms);
  read(value, "warmup_s", result.warmup_s);
  read_between(value, "loss", result.loss, -kAny, kAny);
  read_between(value, "kernel_busy_percent", result.kernel_busy_percent, 0, 100);
  if (value.contains("kernels")) result.kernels = kernels_from(value.at("kernels"));
  result.arithmetic = arithmetic_from(object_in(value, "arithmetic"));
  read(value, "engine", result.engine);
  read(value, "seconds", result.seconds);
  const json& step = object_in(value, "step_ms");
  read(step, "median", result.step_ms.median);
  read(step, "mad", result.step_ms.mad);
  read(step, "p95", result.step_ms.p95);
  read(step, "n", result.step_ms.n);
  const json& memory = object_in(value, "memory");
  read(memory, "peak_allocated_mib", result.memory.peak_allocated_mib);
  read(memory, "peak_reserved_mib", result.memory.peak_reserved_mib);
  read(memory, "alloc_retries", result.memory.alloc_retries);
  read(memory, "device_free_mib", result.memory.device_free_mib);
  read(memory, "device_total_mib", result.memory.device_total_mib);
  const json& utilisation = object_in(value, "utilisation");
  for (const auto& [field, percent] :
       {std::pair("gpu_util", &result.utilisation.gpu_util), std::pair("sm_activity", &result.utilisation.sm_activity),
        std::pair("tensor_activity", &result.utilisation.tensor_activity),
        std::pair("dram_activity", &result.utilisation.dram_activity)}) {
    read_between(utilisation, field, *percent, 0, 100);
  }
  return result;
}

}  // namespace wring
