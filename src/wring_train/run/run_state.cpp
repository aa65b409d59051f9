#include "wring_train/run/run_state.h"

#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>

#include "wring/base/error.h"
#include "wring_train/nn/checkpoint.h"

namespace wring {
namespace {

std::string network_name(const EdsrShape& shape) {
  return fmt::format("EDSR {}x{} x{}", shape.channels, shape.blocks, shape.scale);
}

}  // namespace

void save_run_state(const std::filesystem::path& path, const StepEngine& engine, const Progress& progress) {
  save_tensors(path, engine.state(),
               {{"format", "wring-state-1"},
                {"network", network_name(engine.model().shape())},
                {"step", std::to_string(progress.step)},
                {"best_psnr", fmt::format("{}", progress.best_psnr)},
                {"best_step", std::to_string(progress.best_step)},
                {"validations_without_gain", std::to_string(progress.validations_without_gain)},
                {"parts", std::to_string(progress.parts)}});
}

Progress load_run_state(const std::filesystem::path& path, StepEngine& engine) {
  const LoadedTensors state = load_tensors(path);
  const auto entry = [&](const std::string& key) {
    const auto found = state.metadata.find(key);
    if (found == state.metadata.end()) {
      throw Error(ErrorCode::failed, path.string() + ": not a training state (its metadata has no " + key + ")",
                  "start the run anew, without --resume");
    }
    return found->second;
  };
  const std::string wanted = network_name(engine.model().shape());
  if (entry("network") != wanted) {
    throw Error(
        ErrorCode::failed,
        fmt::format("{} was saved from {}, and this config describes {}", path.string(), entry("network"), wanted),
        "resume with the config that the run was started with, or start a new run under another experiment_name");
  }
  Progress progress;
  progress.step = std::atoll(entry("step").c_str());
  progress.best_psnr = std::strtod(entry("best_psnr").c_str(), nullptr);
  progress.best_step = std::atoll(entry("best_step").c_str());
  progress.validations_without_gain = std::atoll(entry("validations_without_gain").c_str());
  if (const auto parts = state.metadata.find("parts"); parts != state.metadata.end()) {
    progress.parts = std::max<std::int64_t>(1, std::atoll(parts->second.c_str()));
  }
  engine.load_state(state, path);
  return progress;
}

void save_network(const std::filesystem::path& path, const Edsr& network, std::int64_t step) {
  save_tensors(path, network.parameters(),
               {{"format", "pt"},
                {"architecture", "EDSR"},
                {"scale", std::to_string(network.shape().scale)},
                {"step", std::to_string(step)}});
}

}  // namespace wring
