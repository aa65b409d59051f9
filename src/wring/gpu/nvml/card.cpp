#include "wring/gpu/nvml/card.h"

#include <algorithm>

#include "wring/gpu/nvml/errors.h"
#include "wring/gpu/nvml/pci_power.h"
#include "wring/gpu/nvml/problem.h"

namespace wring {
namespace {

const Text kAsleep{"the card sleeps, and Wring does not wake it", "显卡处于休眠状态，Wring 不会唤醒它"};
const Text kWakes{"nothing needs to be done: it wakes up when a program uses it", "无需处理：有程序使用时它会自动唤醒"};

void fail(GpuSample& sample, GpuProblem problem) {
  sample.values.fill(Reading::failed(problem.code));
  sample.throttle_reasons.reset();
  sample.processes.clear();
  sample.problem = std::move(problem);
}

// The code of a card that answers nothing any more; success for one that answers something.
int failure_of_all(const GpuSample& sample) {
  int code = nvml::kSuccess;
  for (const Reading& reading : sample.values) {
    if (reading.state == Reading::State::error && nvml::is_gone(reading.code)) return reading.code;
    if (reading.state == Reading::State::error && reading.code > 0) code = reading.code;
  }
  const bool any = std::any_of(sample.values.begin(), sample.values.end(), [](const Reading& r) { return r.ok(); });
  return any ? nvml::kSuccess : code;
}

std::optional<unsigned> mig_instance(const nvml::Functions& functions, const NvmlGpu& gpu) {
  unsigned id = 0;
  if (gpu.gpu.mig_parent.empty()) return std::nullopt;
  if (nvml::call(functions.gpu_instance_id, gpu.device, &id) != nvml::kSuccess) return std::nullopt;
  return id;
}

}  // namespace

NvmlCard::NvmlCard(const nvml::Functions& functions, const NvmlGpu& gpu, nvml::Device parent,
                   const TelemetryOptions& options)
    : functions_(functions),
      gpu_(gpu.gpu),
      device_(gpu.device),
      options_(options),
      may_sleep_(may_card_sleep(options.root, gpu.gpu.pci_bus_id)),
      readings_(functions),
      fields_(functions),
      pcie_(functions),
      processes_(functions, options.root) {
  if (options.activity) gpm_.emplace(functions, parent, mig_instance(functions, gpu));
  // Xids are about whole cards.
  if (device_ != nullptr && gpu_.mig_parent.empty()) events_.emplace(functions, device_);
}

GpuSample NvmlCard::sample() {
  GpuSample sample;
  if (!fail_when_out_of_reach(sample)) read_all(sample);
  sample.time_s = options_.clock();
  return sample;
}

// A card that was lost is looked for at each tick: some come back after a reset.
bool NvmlCard::fail_when_out_of_reach(GpuSample& sample) {
  if (may_sleep_ && is_card_asleep(options_.root, gpu_.pci_bus_id)) {
    fail(sample, {kAsleep, kWakes, nvml::kNotReady});
    return true;
  }
  if (device_ != nullptr) return false;
  const int code = find_nvml_device(functions_, gpu_, device_);
  if (code == nvml::kSuccess && device_ != nullptr) return false;
  device_ = nullptr;
  fail(sample, nvml_problem(code));
  return true;
}

void NvmlCard::read_all(GpuSample& sample) {
  const double now_s = options_.clock();
  if (events_) events_->read(sample);
  readings_.read(device_, now_s, sample);
  if (failure_of_all(sample) == nvml::kSuccess) fields_.read(device_, sample, options_.clock);
  if (const int code = failure_of_all(sample); code != nvml::kSuccess) {
    if (nvml::is_gone(code)) device_ = nullptr;
    return fail(sample, nvml_problem(code));
  }
  if (gpm_) gpm_->read(device_, options_.clock(), sample);
  if (!gpm_ || !gpm_->supported()) pcie_.read(device_, sample, options_.clock);
  if (options_.processes) processes_.read(device_, now_s, sample);
}

}  // namespace wring
