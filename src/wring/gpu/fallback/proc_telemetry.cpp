#include "wring/gpu/fallback/proc_telemetry.h"

#include <algorithm>
#include <fstream>
#include <regex>
#include <utility>

#include "wring/base/display_text.h"
#include "wring/gpu/selection.h"

namespace wring {
namespace {

namespace fs = std::filesystem;

// In the order of the bus, which is how the driver counts as well.
std::vector<fs::path> entries(const fs::path& folder) {
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error))
    found.push_back(at->path());
  std::sort(found.begin(), found.end());
  return found;
}

std::string first_line(const fs::path& file) {
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);
  return line;
}

// "Model: \t\t NVIDIA H200", "GPU UUID: \t GPU-…", "Bus Location: \t 0000:19:00.0"
Gpu read_information(const fs::path& file) {
  Gpu gpu;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    const auto colon = line.find(':');
    const auto value = colon == std::string::npos ? colon : line.find_first_not_of(" \t", colon + 1);
    if (value == std::string::npos) continue;
    const std::string name = line.substr(0, colon);
    if (name == "Model") gpu.name = without_controls(line.substr(value));
    if (name == "GPU UUID") gpu.uuid = without_controls(line.substr(value));
    if (name == "Bus Location") gpu.pci_bus_id = without_controls(line.substr(value));
  }
  return gpu;
}

std::vector<Gpu> cards_of_driver(const fs::path& root) {
  std::vector<Gpu> gpus;
  for (const fs::path& folder : entries(root / "proc/driver/nvidia/gpus")) {
    Gpu gpu = read_information(folder / "information");
    if (gpu.name.empty() && gpu.uuid.empty()) continue;
    gpu.index = static_cast<int>(gpus.size());
    gpus.push_back(std::move(gpu));
  }
  return gpus;
}

// Without the driver only the bus knows: vendor 10de, class 03xxxx (a display or a 3D controller).
std::vector<Gpu> cards_on_bus(const fs::path& root) {
  std::vector<Gpu> gpus;
  for (const fs::path& folder : entries(root / "sys/bus/pci/devices")) {
    if (first_line(folder / "vendor") != "0x10de" || !first_line(folder / "class").starts_with("0x03")) continue;
    Gpu gpu;
    gpu.index = static_cast<int>(gpus.size());
    gpu.name = "NVIDIA PCI device " + first_line(folder / "device");
    gpu.pci_bus_id = folder.filename().string();
    gpus.push_back(std::move(gpu));
  }
  return gpus;
}

// "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Thu Feb 22 …"
std::string read_version(const fs::path& root) {
  const std::string line = first_line(root / "proc/driver/nvidia/version");
  std::smatch match;
  return std::regex_search(line, match, std::regex(R"(\s(\d+\.\d+(\.\d+)?)\s)")) ? match[1].str() : "";
}

class ProcTelemetry : public Telemetry {
 public:
  ProcTelemetry(const TelemetryOptions& options, std::vector<GpuProblem> problems)
      : clock_(options.clock), problems_(std::move(problems)), driver_version_(read_version(options.root)) {
    std::vector<Gpu> all = cards_of_driver(options.root);
    if (all.empty()) all = cards_on_bus(options.root);
    if (all.empty()) return;
    for (const std::size_t place : select_gpus(all, options.gpus)) {
      gpus_.push_back(all[place]);
      if (!problems_.empty()) gpus_.back().problem = problems_.front();
    }
  }

  const std::vector<Gpu>& gpus() const override { return gpus_; }
  GpuSource source() const override { return GpuSource::none; }
  const std::vector<GpuProblem>& problems() const override { return problems_; }
  const std::string& driver_version() const override { return driver_version_; }

  GpuSample sample(std::size_t gpu) override {
    GpuSample sample;
    sample.time_s = clock_();
    sample.problem = gpus_.at(gpu).problem;
    if (sample.problem) sample.values.fill(Reading::failed(sample.problem->code));
    return sample;
  }

 private:
  double (*clock_)();
  std::vector<Gpu> gpus_;
  std::vector<GpuProblem> problems_;
  std::string driver_version_;
};

}  // namespace

std::unique_ptr<Telemetry> open_proc_telemetry(const TelemetryOptions& options, std::vector<GpuProblem> problems) {
  return std::make_unique<ProcTelemetry>(options, std::move(problems));
}

}  // namespace wring
