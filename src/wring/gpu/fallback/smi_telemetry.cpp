#include "wring/gpu/fallback/smi_telemetry.h"

#include <cstdlib>
#include <limits>
#include <mutex>
#include <utility>

#include "wring/base/parse.h"
#include "wring/gpu/fallback/nvidia_smi.h"
#include "wring/gpu/nvml/errors.h"
#include "wring/gpu/nvml/missing_util.h"
#include "wring/gpu/nvml/problem.h"
#include "wring/gpu/selection.h"

namespace wring {
namespace {

constexpr Metric kAsked[] = {Metric::gpu_util,        Metric::memory_util,  Metric::memory_used,
                             Metric::memory_reserved, Metric::memory_total, Metric::power,
                             Metric::power_limit,     Metric::temperature,  Metric::memory_temperature,
                             Metric::sm_clock,        Metric::memory_clock, Metric::ecc_uncorrected};
constexpr const char* kThrottleField = "clocks_throttle_reasons.active";

// The catalogue's header is nvidia-smi's own: "power.draw [W]" is the field power.draw.
std::string field_of(Metric metric) {
  const std::string_view header = metric_row(metric).csv_header;
  return std::string(header.substr(0, header.find(' ')));
}

std::vector<std::string> sample_fields() {
  std::vector<std::string> fields = {"uuid"};
  for (const Metric metric : kAsked) fields.push_back(field_of(metric));
  fields.emplace_back(kThrottleField);
  return fields;
}

class SmiTelemetry : public Telemetry {
 public:
  SmiTelemetry(SmiAnswer answer, const TelemetryOptions& options, std::vector<GpuProblem> problems,
               std::chrono::milliseconds timeout)
      : options_(options),
        timeout_(timeout),
        problems_(std::move(problems)),
        driver_version_(std::move(answer.driver_version)),
        query_(sample_fields()) {
    if (answer.warning) problems_.push_back(*std::move(answer.warning));
    if (answer.gpus.empty()) {
      problems_.push_back(no_card_problem());
      return;
    }
    for (const std::size_t place : select_gpus(answer.gpus, options.gpus)) gpus_.push_back(answer.gpus[place]);
    if (under_wsl(options.root)) {
      for (Gpu& gpu : gpus_) gpu.no_util = kWslHasNoUtil;
    }
    delivered_.resize(gpus_.size());
  }

  const std::vector<Gpu>& gpus() const override { return gpus_; }
  GpuSource source() const override { return GpuSource::nvidia_smi; }
  const std::vector<GpuProblem>& problems() const override { return problems_; }
  const std::string& driver_version() const override { return driver_version_; }

  // An answer is for all cards: whoever has not had the newest one yet gets it, whoever has asks anew.
  GpuSample sample(std::size_t gpu) override {
    const std::scoped_lock lock(mutex_);
    constexpr double kStaleAfterS = 1;
    if (delivered_.at(gpu) == asked_times_ || options_.clock() - answered_s_ > kStaleAfterS) {
      table_ = query_.ask(timeout_);
      answered_s_ = options_.clock();
      ++asked_times_;
    }
    delivered_[gpu] = asked_times_;
    return sample_of(gpus_[gpu]);
  }

 private:
  GpuSample sample_of(const Gpu& gpu) const {
    GpuSample sample;
    sample.time_s = answered_s_;
    if (table_.problem) return failed(std::move(sample), *table_.problem);
    for (const std::vector<std::string>& row : table_.rows) {
      if (!row.empty() && row[0] == gpu.uuid) return read_row(std::move(sample), row);
    }
    return failed(std::move(sample), nvml_problem(nvml::kGpuIsLost));
  }

  GpuSample read_row(GpuSample sample, const std::vector<std::string>& row) const {
    const std::vector<std::string>& fields = query_.fields();
    for (std::size_t i = 0; i < std::min(row.size(), fields.size()); ++i) {
      for (const Metric metric : kAsked) {
        if (fields[i] == field_of(metric)) sample[metric] = read_smi_value(metric, row[i]);
      }
      if (fields[i] == kThrottleField && row[i].starts_with("0x")) {
        const std::uint64_t reasons = std::strtoull(row[i].c_str(), nullptr, 16);
        if (reasons != std::numeric_limits<std::uint64_t>::max()) sample.throttle_reasons = reasons;
      }
    }
    if (sample[Metric::memory_used].code == nvml::kGpuIsLost) {
      return failed(std::move(sample), nvml_problem(nvml::kGpuIsLost));
    }
    reject_contradictions(sample.values);
    return sample;
  }

  static GpuSample failed(GpuSample sample, const GpuProblem& problem) {
    sample.values.fill(Reading::failed(problem.code));
    sample.problem = problem;
    return sample;
  }

  TelemetryOptions options_;
  std::chrono::milliseconds timeout_;
  std::vector<Gpu> gpus_;
  std::vector<GpuProblem> problems_;
  std::string driver_version_;

  std::mutex mutex_;
  SmiQuery query_;
  SmiTable table_;
  double answered_s_ = 0;
  long asked_times_ = 0;
  std::vector<long> delivered_;  // which answer a card has had; 0: none
};

}  // namespace

Reading read_smi_value(Metric metric, const std::string& text) {
  if (text == "[GPU is lost]") return Reading::failed(nvml::kGpuIsLost);
  if (text.starts_with("[Unknown") || text.starts_with("ERR")) return Reading::failed(nvml::error_row(999).code);
  if (text.empty() || text.starts_with('[') || text == "N/A") return {};
  const auto value = parse_leading<double>(text);
  return value && is_possible(metric, *value) ? Reading::of(*value) : Reading::failed(Reading::kRejected);
}

std::unique_ptr<Telemetry> open_smi_telemetry(const TelemetryOptions& options, std::vector<GpuProblem>& problems,
                                              std::chrono::milliseconds timeout) {
  SmiAnswer answer = ask_nvidia_smi(timeout);
  if (answer.problem) {
    problems.push_back(*std::move(answer.problem));
    return nullptr;
  }
  return std::make_unique<SmiTelemetry>(std::move(answer), options, problems, timeout);
}

}  // namespace wring
