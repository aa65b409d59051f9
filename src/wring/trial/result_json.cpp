#include "wring/trial/result_json.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "wring/base/json.h"

namespace wring {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::int64_t kLargestCount = 1'000'000'000'000;  // of steps and of MiB
constexpr double kLargestNumber = 1e15;                    // of rates and times
constexpr double kAny = std::numeric_limits<double>::max();
constexpr double kLongestSeconds = 86400;
constexpr std::size_t kLongestName = 200;  // of a kernel
constexpr std::size_t kMostKinds = 100;

template <typename Value>
using Name = std::pair<Value, std::string_view>;

constexpr std::array<Name<TrialData>, 3> kData{{
    {TrialData::real, "real"},
    {TrialData::resident, "resident"},
    {TrialData::loader, "loader"},
}};

constexpr std::array<Name<TrialOutcome>, 6> kOutcomes{{
    {TrialOutcome::ok, "ok"},
    {TrialOutcome::oom, "oom"},
    {TrialOutcome::error, "error"},
    {TrialOutcome::hang, "hang"},
    {TrialOutcome::killed, "killed"},
    {TrialOutcome::cut_off, "cut_off"},
}};
// The others are the supervisor's words: a worker cannot say them.
constexpr std::size_t kWorkersOutcomes = 3;

std::span<const Name<TrialOutcome>> outcomes_of(TrialForm form) {
  return std::span(kOutcomes).first(form == TrialForm::line ? kWorkersOutcomes : kOutcomes.size());
}

template <typename Value>
std::string_view name_of(Value value, std::span<const Name<Value>> names, std::string_view otherwise) {
  const auto found = std::ranges::find(names, value, &Name<Value>::first);
  return found == names.end() ? otherwise : found->second;
}

template <typename Value>
std::optional<Value> named(const JsonFields& fields, const char* field, std::span<const Name<Value>> names) {
  const std::optional<std::string> word = fields.text(field);
  if (!word) return std::nullopt;
  std::string known;
  for (const auto& [value, name] : names) {
    if (*word == name) return value;
    known += (known.empty() ? "" : ", ") + std::string(name);
  }
  fields.wrong(field, "one of " + known, "以下之一：" + known);
}

// The fields of one object: what is absent is null or left out.
class Fields {
 public:
  explicit Fields(TrialForm form) : form_(form) {}

  template <typename Value>
  void put(const char* name, const std::optional<Value>& value) {
    put_if(value.has_value(), name, or_null(value));
  }
  void put(const char* name, const std::string& text) { put_if(!text.empty(), name, text); }
  void put_if(bool present, const char* name, Json value) {
    if (present || form_ == TrialForm::record) json_[name] = present ? std::move(value) : Json();
  }
  void put_object(const char* name, const Json& object) { put_if(!object.empty(), name, object); }

  Json take() { return std::move(json_); }

 private:
  TrialForm form_;
  Json json_ = Json::object();
};

Json step_json(const StepTimes& step) {
  return {{"median", step.median}, {"mad", step.mad}, {"p95", step.p95}, {"n", step.n}};
}

Json kernels_json(const std::vector<KernelKindTime>& kernels, TrialForm form) {
  Json list = Json::array();
  for (const KernelKindTime& time : kernels) {
    const std::string_view kind = kernel_kind_rows()[static_cast<std::size_t>(time.kind)].key;
    if (form != TrialForm::line) {  // by name, as the record's schema has them
      list.push_back({{"calls", time.calls},
                      {"heaviest", time.heaviest},
                      {"kind", kind},
                      {"ms", time.ms},
                      {"small_ms", time.small_ms}});
      continue;
    }
    Json json = {{"kind", kind}, {"ms", time.ms}, {"small_ms", time.small_ms}, {"calls", time.calls}};
    if (!time.heaviest.empty()) json["heaviest"] = time.heaviest.substr(0, kLongestName);
    list.push_back(std::move(json));
  }
  return list;
}

Json arithmetic_json(const TrialArithmetic& arithmetic, TrialForm form) {
  Fields json(form);
  json.put("tflop_per_step", arithmetic.tflop_per_step);
  json.put("precision", arithmetic.precision);
  json.put("matmul_tflops", arithmetic.matmul_tflops);
  return json.take();
}

Json memory_json(const TrialMemory& memory, TrialForm form) {
  Fields json(form);
  json.put("peak_allocated_mib", memory.peak_allocated_mib);
  json.put("peak_reserved_mib", memory.peak_reserved_mib);
  json.put("alloc_retries", memory.alloc_retries);
  json.put("device_free_mib", memory.device_free_mib);
  json.put("device_total_mib", memory.device_total_mib);
  return json.take();
}

Json utilisation_json(const TrialUtilisation& utilisation, TrialForm form) {
  Fields json(form);
  json.put("gpu_util", utilisation.gpu_util);
  json.put("sm_activity", utilisation.sm_activity);
  json.put("tensor_activity", utilisation.tensor_activity);
  json.put("dram_activity", utilisation.dram_activity);
  return json.take();
}

void put_rate(Fields& json, const TrialResult& result, TrialForm form) {
  const bool record = form == TrialForm::record;
  json.put("samples_per_s", result.samples_per_s);
  // Beside a rate there is no reason for none.
  json.put_if(record ? !result.no_rate.empty() : !result.samples_per_s, "no_rate", result.no_rate);
  const bool stepped = record ? result.step_ms.n > 0 : form == TrialForm::kept || result.samples_per_s;
  json.put_if(stepped, "step_ms", step_json(result.step_ms));
}

StepTimes read_step_times(const JsonFields& fields) {
  StepTimes times;
  times.median = fields.number("median", 0, kLargestNumber).value_or(0);
  times.mad = fields.number("mad", 0, kLargestNumber).value_or(0);
  times.p95 = fields.number("p95", 0, kLargestNumber).value_or(0);
  times.n = fields.integer("n", 0, kLargestCount).value_or(0);
  return times;
}

// Programs divide bytes by 2^20: a fraction is welcome. What we keep ourselves is whole.
std::optional<std::int64_t> read_mib(const JsonFields& fields, const char* name, TrialForm form) {
  if (form == TrialForm::kept) return fields.integer(name, 0, kLargestCount);
  const auto mib = fields.number(name, 0, kLargestCount);
  return mib ? std::optional<std::int64_t>(std::llround(*mib)) : std::nullopt;
}

TrialMemory read_memory(const JsonFields& fields, TrialForm form) {
  TrialMemory memory;
  memory.peak_allocated_mib = read_mib(fields, "peak_allocated_mib", form);
  memory.peak_reserved_mib = read_mib(fields, "peak_reserved_mib", form);
  memory.alloc_retries = fields.integer("alloc_retries", 0, kLargestCount);
  memory.device_free_mib = read_mib(fields, "device_free_mib", form);
  memory.device_total_mib = read_mib(fields, "device_total_mib", form);
  return memory;
}

// A kind that is not known is some other kernel: programs may tell more than we do.
std::vector<KernelKindTime> read_kernels(const JsonFields& fields) {
  std::vector<KernelKindTime> times;
  const auto found = fields.json().find("kernels");
  if (found == fields.json().end() || found->is_null()) return times;
  if (!found->is_array() || found->size() > kMostKinds) fields.wrong("kernels", "a list", "列表");
  for (const auto& one : *found) {
    if (!one.is_object()) fields.wrong("kernels", "a list of objects", "对象列表");
    const JsonFields kernel = fields.part(one, "kernels.");
    KernelKindTime time;
    time.kind = kernel_kind_of_key(kernel.text("kind").value_or("")).value_or(KernelKind::other);
    const auto ms = kernel.number("ms", 0, kLargestNumber);
    if (!ms) kernel.missing("ms");
    time.ms = *ms;
    time.small_ms = kernel.number("small_ms", 0, kLargestNumber).value_or(0);
    time.calls = kernel.number("calls", 0, kLargestNumber).value_or(0);
    time.heaviest = kernel.text("heaviest").value_or("");
    times.push_back(std::move(time));
  }
  return times;
}

TrialArithmetic read_arithmetic(const JsonFields& fields) {
  TrialArithmetic arithmetic;
  arithmetic.tflop_per_step = fields.number("tflop_per_step", 0, kLargestNumber);
  arithmetic.matmul_tflops = fields.number("matmul_tflops", 0, kLargestNumber);
  arithmetic.precision = fields.text("precision").value_or("");
  return arithmetic;
}

TrialUtilisation read_utilisation(const JsonFields& fields) {
  TrialUtilisation utilisation;
  utilisation.gpu_util = fields.number("gpu_util", 0, 100);
  utilisation.sm_activity = fields.number("sm_activity", 0, 100);
  utilisation.tensor_activity = fields.number("tensor_activity", 0, 100);
  utilisation.dram_activity = fields.number("dram_activity", 0, 100);
  return utilisation;
}

}  // namespace

std::string_view outcome_key(TrialOutcome outcome) {
  return name_of<TrialOutcome>(outcome, kOutcomes, "");
}

std::string_view data_key(TrialData data) {
  return name_of<TrialData>(data, kData, "");
}

Json measure_json(const TrialMeasure& measure) {
  return {{"data", data_key(measure.data)}, {"min_seconds", measure.min_seconds}, {"max_seconds", measure.max_seconds},
          {"rel_ci", measure.rel_ci},       {"min_steps", measure.min_steps},     {"validate", measure.validate},
          {"kernels", measure.kernels}};
}

Json result_json(const TrialResult& result, TrialForm form) {
  const bool ok = result.outcome == TrialOutcome::ok;
  Fields json(form);
  json.put_if(true, "outcome", name_of<TrialOutcome>(result.outcome, outcomes_of(form), "error"));
  json.put("message", result.message);
  if (ok) put_rate(json, result, form);
  if (ok || form == TrialForm::kept) json.put("data_wait_ms", result.data_wait_ms);
  if (ok) json.put_if(true, "warmup_s", result.warmup_s);
  if (ok || form == TrialForm::kept) {
    json.put("loss", result.loss);
    json.put("kernel_busy_percent", result.kernel_busy_percent);
  }
  if (ok || form != TrialForm::line) {
    json.put_object("kernels", kernels_json(result.kernels, form));
    json.put_object("arithmetic", arithmetic_json(result.arithmetic, form));
  }
  json.put("engine", result.engine);
  json.put_object("memory", memory_json(result.memory, form));
  if (form == TrialForm::line) return json.take();
  json.put_object("utilisation", utilisation_json(result.utilisation, form));
  json.put_if(true, "seconds", result.seconds);
  return json.take();
}

TrialMeasure read_measure(const JsonFields& fields) {
  TrialMeasure measure;
  measure.data = named<TrialData>(fields, "data", kData).value_or(measure.data);
  measure.max_seconds = fields.number("max_seconds", 0, kLongestSeconds).value_or(measure.max_seconds);
  const auto min_seconds = fields.number("min_seconds", 0, kLongestSeconds);
  if (min_seconds && *min_seconds > measure.max_seconds) {
    fields.wrong("min_seconds", "at most max_seconds", "不大于 max_seconds 的值");
  }
  measure.min_seconds = min_seconds.value_or(std::min(measure.min_seconds, measure.max_seconds));
  measure.rel_ci = fields.number("rel_ci", 0, 1).value_or(measure.rel_ci);
  measure.min_steps = fields.integer("min_steps", 1, kLargestCount).value_or(measure.min_steps);
  measure.validate = fields.flag("validate").value_or(measure.validate);
  measure.kernels = fields.flag("kernels").value_or(measure.kernels);
  return measure;
}

TrialResult read_result(const JsonFields& fields, TrialForm form) {
  TrialResult result;
  const auto outcome = named<TrialOutcome>(fields, "outcome", outcomes_of(form));
  if (!outcome) fields.missing("outcome");
  result.outcome = *outcome;
  result.message = fields.text("message").value_or("");
  result.samples_per_s = fields.number("samples_per_s", 0, kLargestNumber);
  if (result.samples_per_s == 0 && form == TrialForm::kept) fields.wrong("samples_per_s", "a rate", "速率");
  if (!result.samples_per_s && result.outcome == TrialOutcome::ok) {
    result.no_rate = fields.text("no_rate").value_or("");
    if (result.no_rate.empty() && form == TrialForm::line) fields.missing("samples_per_s");
  }
  if (const auto step = fields.object("step_ms")) result.step_ms = read_step_times(*step);
  result.data_wait_ms = fields.number("data_wait_ms", 0, kLargestNumber);
  result.warmup_s = fields.number("warmup_s", 0, kLargestNumber).value_or(0);
  result.loss = fields.number("loss", -kAny, kAny);
  result.kernel_busy_percent = fields.number("kernel_busy_percent", 0, 100);
  result.kernels = read_kernels(fields);
  if (const auto arithmetic = fields.object("arithmetic")) result.arithmetic = read_arithmetic(*arithmetic);
  result.engine = fields.text("engine").value_or("");
  if (const auto memory = fields.object("memory")) result.memory = read_memory(*memory, form);
  if (form == TrialForm::line) return result;
  result.seconds = fields.number("seconds", 0, kLargestNumber).value_or(0);
  if (const auto utilisation = fields.object("utilisation")) result.utilisation = read_utilisation(*utilisation);
  return result;
}

}  // namespace wring
