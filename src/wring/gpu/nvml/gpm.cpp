#include "wring/gpu/nvml/gpm.h"

#include <cmath>
#include <utility>

#include "wring/gpu/nvml/errors.h"

namespace wring {
namespace {

// The header asks for 100 ms; a tick of 100 ms comes now and then after 99. Measured (docs/metrics.md): 90 ms do, 50 ms
// give zeros and NaN.
constexpr double kLeastApartS = 0.095;

struct Row {
  Metric metric;
  nvml::GpmId id;
};

constexpr Row kRows[] = {
    {Metric::sm_activity, nvml::gpm_sm_activity},
    {Metric::sm_occupancy, nvml::gpm_sm_occupancy},
    {Metric::tensor_activity, nvml::gpm_tensor_activity},
    {Metric::dram_activity, nvml::gpm_dram_activity},
    {Metric::fp64_activity, nvml::gpm_fp64_activity},
    {Metric::fp32_activity, nvml::gpm_fp32_activity},
    {Metric::fp16_activity, nvml::gpm_fp16_activity},
    {Metric::pcie_tx, nvml::gpm_pcie_tx},
    {Metric::pcie_rx, nvml::gpm_pcie_rx},
    {Metric::nvlink_rx, nvml::gpm_nvlink_rx},
    {Metric::nvlink_tx, nvml::gpm_nvlink_tx},
};

Reading reading_of(const nvml::GpmMetric& metric, Metric which) {
  if (nvml::is_permanent(metric.result)) return {};
  if (metric.result != nvml::kSuccess) return Reading::failed(metric.result);
  if (std::isnan(metric.value)) return {};  // nothing was counted: how GPM says that there is no such unit
  // A share is the ratio of two counters that are not read at the very same moment: 100.2 is full, 300 is nonsense.
  const double value =
      metric_row(which).kind == MetricKind::share && metric.value > 100 && metric.value <= 101 ? 100 : metric.value;
  return is_possible(which, value) ? Reading::of(value) : Reading::failed(Reading::kRejected);
}

}  // namespace

NvmlGpm::NvmlGpm(const nvml::Functions& functions, nvml::Device parent, std::optional<unsigned> mig_instance)
    : functions_(functions), parent_(parent), mig_instance_(mig_instance) {}

NvmlGpm::~NvmlGpm() {
  for (const nvml::GpmSample sample : {before_, now_}) {
    if (sample != nullptr) nvml::call(functions_.gpm_free, sample);
  }
}

void NvmlGpm::read(nvml::Device device, double now_s, GpuSample& sample) {
  if (!prepare(device)) return;
  // Sooner than that, the values of the last window are still the newest there are.
  if (!before_s_ || now_s - *before_s_ >= kLeastApartS) take_sample(device, now_s);
  store(sample);
}

// Finds out once whether the card has GPM; the buffers are made then.
bool NvmlGpm::prepare(nvml::Device device) {
  if (support_ != Support::unknown) return support_ == Support::yes;
  nvml::GpmSupport support;
  const int code = nvml::call(functions_.gpm_support, mig_instance_ ? parent_ : device, &support);
  if (code != nvml::kSuccess && !nvml::is_permanent(code)) return false;  // asked again at the next tick
  support_ = Support::no;
  if (code != nvml::kSuccess || support.supported == 0 || functions_.gpm_metrics == nullptr) return false;
  if (nvml::call(functions_.gpm_alloc, &before_) != nvml::kSuccess) return false;
  if (nvml::call(functions_.gpm_alloc, &now_) != nvml::kSuccess) return false;
  request_ = std::make_unique<nvml::GpmMetrics>();
  support_ = Support::yes;
  return true;
}

void NvmlGpm::take_sample(nvml::Device device, double now_s) {
  const int code = mig_instance_ ? nvml::call(functions_.gpm_mig_sample, parent_, *mig_instance_, now_)
                                 : nvml::call(functions_.gpm_sample, device, now_);
  if (code != nvml::kSuccess) {
    if (nvml::is_permanent(code)) support_ = Support::no;
    return all(nvml::is_permanent(code) ? Reading{} : Reading::failed(code));
  }
  if (before_s_) {
    compute();
  } else {
    all(Reading::failed(Reading::kNoData));
  }
  std::swap(before_, now_);
  before_s_ = now_s;
}

void NvmlGpm::compute() {
  request_->count = std::size(kRows);
  request_->first = before_;
  request_->second = now_;
  for (std::size_t i = 0; i < std::size(kRows); ++i) request_->metrics[i] = {.id = kRows[i].id};
  const int code = nvml::call(functions_.gpm_metrics, request_.get());
  if (code != nvml::kSuccess) return all(Reading::failed(code));
  for (std::size_t i = 0; i < std::size(kRows); ++i) {
    latest_[static_cast<std::size_t>(kRows[i].metric)] = reading_of(request_->metrics[i], kRows[i].metric);
  }
}

void NvmlGpm::store(GpuSample& sample) const {
  for (const Row& row : kRows) {
    if (!sample[row.metric].ok()) sample[row.metric] = latest_[static_cast<std::size_t>(row.metric)];
  }
}

void NvmlGpm::all(const Reading& reading) {
  for (const Row& row : kRows) latest_[static_cast<std::size_t>(row.metric)] = reading;
}

}  // namespace wring
