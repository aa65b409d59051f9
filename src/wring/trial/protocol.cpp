#include "wring/trial/protocol.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "wring/base/json_text.h"
#include "wring/config/values.h"
#include "wring/trial/json_fields.h"

namespace wring {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::int64_t kLargestId = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kLargestCount = 1'000'000'000'000;  // of steps and of MiB
constexpr double kLargestNumber = 1e15;                    // of rates and times
constexpr double kLongestSeconds = 86400;
constexpr std::size_t kLongestName = 200;  // of a kernel
constexpr std::size_t kMostKinds = 100;

constexpr std::array<std::pair<TrialData, std::string_view>, 3> kData{{
    {TrialData::real, "real"},
    {TrialData::resident, "resident"},
    {TrialData::loader, "loader"},
}};

// hang and killed are the supervisor's words: a worker cannot say them.
constexpr std::array<std::pair<TrialOutcome, std::string_view>, 3> kOutcomes{{
    {TrialOutcome::ok, "ok"},
    {TrialOutcome::oom, "oom"},
    {TrialOutcome::error, "error"},
}};

template <typename Value, std::size_t size>
std::string name_of(Value value, const std::array<std::pair<Value, std::string_view>, size>& names) {
  for (const auto& [known, name] : names) {
    if (known == value) return std::string(name);
  }
  return "error";
}

template <typename Value, std::size_t size>
std::optional<Value> named(const JsonFields& fields, const char* field,
                           const std::array<std::pair<Value, std::string_view>, size>& names) {
  const std::optional<std::string> word = fields.text(field);
  if (!word) return std::nullopt;
  std::string known;
  for (const auto& [value, name] : names) {
    if (*word == name) return value;
    known += (known.empty() ? "" : ", ") + std::string(name);
  }
  fields.wrong(field, "one of " + known, "以下之一：" + known);
}

template <typename Number>
std::optional<Number> parsed(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// YAML text as a JSON value: bare where the same text comes back from it, else a string.
Json to_json(const std::string& text) {
  if (text == "true" || text == "false") return text == "true";
  const auto whole = parsed<std::int64_t>(text);
  if (whole && fmt::to_string(*whole) == text) return *whole;
  const auto real = parsed<double>(text);
  if (real && std::isfinite(*real) && number_text(*real) == text) return *real;
  return text;
}

std::string to_yaml_text(const JsonFields& set, const std::string& key, const nlohmann::json& value) {
  if (value.is_boolean()) return value.get<bool>() ? "true" : "false";
  if (value.is_number_unsigned()) return fmt::to_string(value.get<std::uint64_t>());
  if (value.is_number_integer()) return fmt::to_string(value.get<std::int64_t>());
  if (value.is_number()) return number_text(value.get<double>());
  const auto* text = value.get_ptr<const std::string*>();
  const auto is_control = [](unsigned char c) { return c < 0x20 || c == 0x7F; };
  if (text == nullptr || std::ranges::any_of(*text, is_control)) {
    set.wrong(key, "a number, true, false or a text of one line", "数字、true、false 或单行文本");
  }
  return *text;
}

std::string line_of(const Json& json) {
  return json_text(json);
}

template <typename Value>
void put(Json& json, const char* name, const std::optional<Value>& value) {
  if (value) json[name] = *value;
}

Json to_json(const KernelKindTime& time) {
  Json json{{"kind", kernel_kind_rows()[static_cast<std::size_t>(time.kind)].key}, {"ms", time.ms}};
  json["small_ms"] = time.small_ms;
  json["calls"] = time.calls;
  if (!time.heaviest.empty()) json["heaviest"] = time.heaviest.substr(0, kLongestName);
  return json;
}

Json to_json(const TrialArithmetic& arithmetic) {
  Json json = Json::object();
  put(json, "tflop_per_step", arithmetic.tflop_per_step);
  if (!arithmetic.precision.empty()) json["precision"] = arithmetic.precision;
  put(json, "matmul_tflops", arithmetic.matmul_tflops);
  return json;
}

Json to_json(const TrialResult& result) {
  Json json{{"outcome", name_of(result.outcome, kOutcomes)}};
  if (!result.message.empty()) json["message"] = result.message;
  if (result.outcome == TrialOutcome::ok) {
    if (result.samples_per_s) {
      json["samples_per_s"] = *result.samples_per_s;
      json["step_ms"] = {{"median", result.step_ms.median},
                         {"mad", result.step_ms.mad},
                         {"p95", result.step_ms.p95},
                         {"n", result.step_ms.n}};
    } else {
      json["no_rate"] = result.no_rate;
    }
    put(json, "data_wait_ms", result.data_wait_ms);
    json["warmup_s"] = result.warmup_s;
    put(json, "loss", result.loss);
    put(json, "kernel_busy_percent", result.kernel_busy_percent);
    for (const KernelKindTime& time : result.kernels) json["kernels"].push_back(to_json(time));
    if (Json arithmetic = to_json(result.arithmetic); !arithmetic.empty()) json["arithmetic"] = std::move(arithmetic);
  }
  if (!result.engine.empty()) json["engine"] = result.engine;
  Json memory = Json::object();
  put(memory, "peak_allocated_mib", result.memory.peak_allocated_mib);
  put(memory, "peak_reserved_mib", result.memory.peak_reserved_mib);
  put(memory, "alloc_retries", result.memory.alloc_retries);
  put(memory, "device_free_mib", result.memory.device_free_mib);
  put(memory, "device_total_mib", result.memory.device_total_mib);
  if (!memory.empty()) json["memory"] = std::move(memory);
  return json;
}

std::int64_t checked_id(const JsonFields& fields) {
  const auto version = fields.integer("v", 0, kLargestId);
  if (!version) fields.missing("v");
  if (*version != kTrialProtocol) {
    fields.wrong("v", fmt::format("version {} of the protocol", kTrialProtocol),
                 fmt::format("协议版本 {}", kTrialProtocol));
  }
  const auto id = fields.integer("id", 0, kLargestId);
  if (!id) fields.missing("id");
  return *id;
}

TrialMeasure read_measure(const JsonFields& fields) {
  TrialMeasure measure;
  measure.data = named(fields, "data", kData).value_or(measure.data);
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

StepTimes read_step_times(const JsonFields& fields) {
  StepTimes times;
  times.median = fields.number("median", 0, kLargestNumber).value_or(0);
  times.mad = fields.number("mad", 0, kLargestNumber).value_or(0);
  times.p95 = fields.number("p95", 0, kLargestNumber).value_or(0);
  times.n = fields.integer("n", 0, kLargestCount).value_or(0);
  return times;
}

// Programs divide bytes by 2^20: a fraction is welcome.
std::optional<std::int64_t> read_mib(const JsonFields& fields, const char* name) {
  const auto mib = fields.number(name, 0, kLargestCount);
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

// A kind that is not known is some other kernel: programs may tell more than we do.
std::vector<KernelKindTime> read_kernels(const JsonFields& fields) {
  std::vector<KernelKindTime> times;
  const auto found = fields.json().find("kernels");
  if (found == fields.json().end() || found->is_null()) return times;
  if (!found->is_array() || found->size() > kMostKinds) fields.wrong("kernels", "a list", "列表");
  for (const auto& one : *found) {
    if (!one.is_object()) fields.wrong("kernels", "a list of objects", "对象列表");
    const JsonFields kernel(one, "kernels.");
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

TrialResult read_result(const JsonFields& fields) {
  TrialResult result;
  const auto outcome = named(fields, "outcome", kOutcomes);
  if (!outcome) fields.missing("outcome");
  result.outcome = *outcome;
  result.message = fields.text("message").value_or("");
  result.samples_per_s = fields.number("samples_per_s", 0, kLargestNumber);
  if (!result.samples_per_s && result.outcome == TrialOutcome::ok) {
    result.no_rate = fields.text("no_rate").value_or("");
    if (result.no_rate.empty()) fields.missing("samples_per_s");
  }
  if (const auto step = fields.object("step_ms")) result.step_ms = read_step_times(*step);
  result.data_wait_ms = fields.number("data_wait_ms", 0, kLargestNumber);
  result.warmup_s = fields.number("warmup_s", 0, kLargestNumber).value_or(0);
  constexpr double any = std::numeric_limits<double>::max();
  result.loss = fields.number("loss", -any, any);
  result.kernel_busy_percent = fields.number("kernel_busy_percent", 0, 100);
  result.kernels = read_kernels(fields);
  if (const auto arithmetic = fields.object("arithmetic")) result.arithmetic = read_arithmetic(*arithmetic);
  result.engine = fields.text("engine").value_or("");
  if (const auto memory = fields.object("memory")) result.memory = read_memory(*memory);
  return result;
}

}  // namespace

std::string request_line(const NumberedRequest& numbered) {
  Json set = Json::object();
  for (const Assignment& assignment : numbered.request.set) set[assignment.key] = to_json(assignment.value);
  const TrialMeasure& measure = numbered.request.measure;
  return line_of({{"v", kTrialProtocol},
                  {"id", numbered.id},
                  {"set", std::move(set)},
                  {"measure",
                   {{"data", name_of(measure.data, kData)},
                    {"min_seconds", measure.min_seconds},
                    {"max_seconds", measure.max_seconds},
                    {"rel_ci", measure.rel_ci},
                    {"min_steps", measure.min_steps},
                    {"validate", measure.validate},
                    {"kernels", measure.kernels}}}});
}

std::string event_line(const TrialEvent& event) {
  Json json{{"v", kTrialProtocol}, {"id", event.id}, {"event", event.done ? "done" : "phase"}};
  if (event.done) {
    json.update(to_json(*event.done));
  } else {
    json["phase"] = event.phase;
  }
  return line_of(json);
}

NumberedRequest parse_request(std::string_view line) {
  const nlohmann::json json = parse_json_line(line);
  const JsonFields fields(json);
  NumberedRequest numbered;
  numbered.id = checked_id(fields);
  if (const auto set = fields.object("set")) {
    for (const auto& [key, value] : set->json().items()) {
      numbered.request.set.push_back({key, to_yaml_text(*set, key, value)});
    }
  }
  if (const auto measure = fields.object("measure")) numbered.request.measure = read_measure(*measure);
  return numbered;
}

std::optional<TrialEvent> parse_event(std::string_view line) {
  const std::size_t begin = line.find_first_not_of(" \t\r");
  const auto holds = [&](std::string_view field) { return line.find(field) != std::string_view::npos; };
  // What has these two is ours even where the rest is broken: better a clear error than a trial that seems to hang.
  if (begin == std::string_view::npos || line[begin] != '{' || !holds("\"v\"") || !holds("\"event\"")) {
    return std::nullopt;
  }
  const nlohmann::json json = parse_json_line(line);
  const JsonFields fields(json);
  if (!json.contains("v") || !json.contains("event")) return std::nullopt;
  TrialEvent event;
  event.id = checked_id(fields);
  const std::optional<std::string> kind = fields.text("event");
  if (kind == "done") {
    event.done = read_result(fields);
  } else if (kind == "phase") {
    event.phase = fields.text("phase").value_or("");
    if (event.phase.empty()) fields.missing("phase");
  } else {
    fields.wrong("event", "phase or done", " phase 或 done");
  }
  return event;
}

}  // namespace wring
