#include "wring/gpu/nvml_gpm.h"

#include <cmath>

#include "wring/gpu/nvml_errors.h"

namespace wring {
namespace {

// Two samples must be this far apart. Three buffers, and not two, because ticks of 100 ms come now and then after 99:
// the sample before the previous one is old enough then.
constexpr double least_apart_s = 0.1;
constexpr double least_new_s = 0.05;  // a tick that comes sooner gets the values of the one before

struct Row {
  Metric metric;
  nvml::GpmId id;
};

constexpr Row rows[] = {
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
  if (metric.result != nvml::success) return Reading::failed(metric.result);
  if (std::isnan(metric.value)) return {};  // how GPM says that this card does not have the unit
  // A share is the ratio of two counters that are not read at the very same moment: 100.2 is full, 300 is nonsense.
  const double value =
      metric_row(which).kind == MetricKind::share && metric.value > 100 && metric.value <= 101 ? 100 : metric.value;
  return is_possible(which, value) ? Reading::of(value) : Reading::failed(Reading::rejected);
}

}  // namespace

NvmlGpm::NvmlGpm(const nvml::Functions& functions, nvml::Device parent, std::optional<unsigned> mig_instance)
    : functions_(functions), parent_(parent), mig_instance_(mig_instance) {}

NvmlGpm::~NvmlGpm() {
  for (const Slot& slot : slots_) {
    if (slot.sample != nullptr) nvml::call(functions_.gpm_free, slot.sample);
  }
}

void NvmlGpm::read(nvml::Device device, double now_s, GpuSample& sample) {
  if (!prepare(device)) return;
  const std::optional<double> last_s = slots_[newest_].time_s;
  if (!last_s || now_s - *last_s >= least_new_s) {
    Slot& slot = slots_[(newest_ + 1) % slots_.size()];
    const Slot* from = baseline(now_s);
    // The ring is long enough for the baseline never to be the slot that is filled next, unless ticks come so fast that
    // it is also too young.
    if (from == &slot) from = nullptr;
    if (const int code = fill(device, slot, now_s); code != nvml::success) {
      all(nvml::is_permanent(code) ? Reading{} : Reading::failed(code));
      if (nvml::is_permanent(code)) support_ = Support::no;
    } else if (newest_ = (newest_ + 1) % slots_.size(); from == nullptr) {
      all(Reading::failed(Reading::no_data));
    } else {
      compute(*from, slot);
    }
  }
  store(sample);
}

// Finds out once whether the card has GPM; the buffers are made then.
bool NvmlGpm::prepare(nvml::Device device) {
  if (support_ != Support::unknown) return support_ == Support::yes;
  nvml::GpmSupport support;
  const int code = nvml::call(functions_.gpm_support, mig_instance_ ? parent_ : device, &support);
  if (code != nvml::success && !nvml::is_permanent(code)) return false;  // asked again at the next tick
  support_ = Support::no;
  if (code != nvml::success || support.supported == 0 || functions_.gpm_metrics == nullptr) return false;
  for (Slot& slot : slots_) {
    if (nvml::call(functions_.gpm_alloc, &slot.sample) != nvml::success) return false;
  }
  request_ = std::make_unique<nvml::GpmMetrics>();
  support_ = Support::yes;
  return true;
}

int NvmlGpm::fill(nvml::Device device, Slot& slot, double now_s) {
  slot.time_s.reset();
  const int code = mig_instance_ ? nvml::call(functions_.gpm_mig_sample, parent_, *mig_instance_, slot.sample)
                                 : nvml::call(functions_.gpm_sample, device, slot.sample);
  if (code == nvml::success) slot.time_s = now_s;
  return code;
}

// The youngest sample that is old enough.
const NvmlGpm::Slot* NvmlGpm::baseline(double now_s) const {
  const Slot* best = nullptr;
  for (const Slot& slot : slots_) {
    const bool old_enough = slot.time_s && now_s - *slot.time_s >= least_apart_s;
    if (old_enough && (best == nullptr || *slot.time_s > *best->time_s)) best = &slot;
  }
  return best;
}

void NvmlGpm::compute(const Slot& from, const Slot& to) {
  request_->count = std::size(rows);
  request_->first = from.sample;
  request_->second = to.sample;
  for (std::size_t i = 0; i < std::size(rows); ++i) request_->metrics[i] = {.id = rows[i].id};
  const int code = nvml::call(functions_.gpm_metrics, request_.get());
  if (code != nvml::success) return all(Reading::failed(code));
  for (std::size_t i = 0; i < std::size(rows); ++i) {
    latest_[static_cast<std::size_t>(rows[i].metric)] = reading_of(request_->metrics[i], rows[i].metric);
  }
}

void NvmlGpm::store(GpuSample& sample) const {
  for (const Row& row : rows) {
    if (!sample[row.metric].ok()) sample[row.metric] = latest_[static_cast<std::size_t>(row.metric)];
  }
}

void NvmlGpm::all(const Reading& reading) {
  for (const Row& row : rows) latest_[static_cast<std::size_t>(row.metric)] = reading;
}

}  // namespace wring
