#include "wring/gpu/nvml/telemetry.h"

#include <utility>

#include "wring/gpu/nvml/card.h"
#include "wring/gpu/nvml/errors.h"
#include "wring/gpu/nvml/missing_util.h"
#include "wring/gpu/nvml/problem.h"
#include "wring/gpu/selection.h"

namespace wring {
namespace {

class NvmlTelemetry : public Telemetry {
 public:
  NvmlTelemetry(std::unique_ptr<nvml::Library> library, const TelemetryOptions& options, unsigned count)
      : library_(std::move(library)), options_(options) {
    const nvml::Functions& functions = library_->functions();
    driver_version_ = read_driver_version(functions);
    std::vector<NvmlGpu> found;
    std::vector<nvml::Device> parents;
    for (unsigned index = 0; index < count; ++index) {
      found.push_back(read_nvml_gpu(functions, index));
      const NvmlGpu card = found.back();
      for (NvmlGpu& instance : read_mig_instances(functions, card)) found.push_back(std::move(instance));
      parents.resize(found.size(), card.device);
    }
    watch(found, parents);
    if (found.empty()) problems_.push_back(no_card_problem());
  }

  const std::vector<Gpu>& gpus() const override { return gpus_; }
  GpuSample sample(std::size_t gpu) override { return cards_.at(gpu)->sample(); }
  GpuSource source() const override { return GpuSource::nvml; }
  const std::vector<GpuProblem>& problems() const override { return problems_; }
  const std::string& driver_version() const override { return driver_version_; }

 private:
  void watch(const std::vector<NvmlGpu>& found, const std::vector<nvml::Device>& parents) {
    std::vector<Gpu> all;
    for (const NvmlGpu& card : found) all.push_back(card.gpu);
    if (all.empty()) return;
    const bool wsl = under_wsl(options_.root);
    for (const std::size_t place : select_gpus(all, options_.gpus)) {
      if (wsl && !all[place].no_util) all[place].no_util = kWslHasNoUtil;
      gpus_.push_back(all[place]);
      cards_.push_back(std::make_unique<NvmlCard>(library_->functions(), found[place], parents[place], options_));
    }
  }

  std::unique_ptr<nvml::Library> library_;
  TelemetryOptions options_;
  std::vector<Gpu> gpus_;
  std::vector<GpuProblem> problems_;
  std::string driver_version_;
  std::vector<std::unique_ptr<NvmlCard>> cards_;  // last, so that they go before the library
};

}  // namespace

std::unique_ptr<Telemetry> open_nvml_telemetry(const TelemetryOptions& options, std::vector<GpuProblem>& problems) {
  auto library = std::make_unique<nvml::Library>();
  if (library->status() != nvml::kSuccess) {
    problems.push_back(nvml_load_problem(*library));
    return nullptr;
  }
  unsigned count = 0;
  if (const int code = nvml::call(library->functions().device_count, &count); code != nvml::kSuccess) {
    problems.push_back(nvml_problem(code));
    return nullptr;
  }
  return std::make_unique<NvmlTelemetry>(std::move(library), options, count);
}

}  // namespace wring
