#include "wring_train/train/run_state.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <vector>

#include <fmt/format.h>

#include "wring/base/error.h"
#include "wring/config/reader.h"
#include "wring/files/file_errors.h"
#include "wring_train/nn/checkpoint.h"
#include "wring_train/train/experiment.h"
#include "wring_train/train/state_files.h"
#include "wring_train/weights/safetensors.h"

namespace wring {
namespace fs = std::filesystem;
namespace {

constexpr const char* kFormat = "wring-state-2";
constexpr const char* kFormatWithoutSeal = "wring-state-1";

std::string network_name(const EdsrShape& shape) {
  return fmt::format("EDSR {}x{} x{}", shape.channels, shape.blocks, shape.scale);
}

// Whole, or Error. States of version 0.1 have no checksum.
LoadedTensors read_state(const Folder& checkpoints, const std::string& name) {
  const SafetensorsFile file(checkpoints, name);
  const auto& metadata = file.metadata();
  const auto format = metadata.find("format");
  const bool sealed = metadata.contains(kSealKey) || format == metadata.end() || format->second != kFormatWithoutSeal;
  return load_tensors(file, sealed ? Seal::crc32 : Seal::none);
}

// What the run's config.yaml says, which lies beside the folder of its states.
std::optional<std::string> recorded_optimizer(const fs::path& state) {
  try {
    const fs::path config = state.parent_path().parent_path() / Experiment::kConfig;
    return read_config(config, UnknownKeys::ignore).values.optimizer;
  } catch (const Error&) {
    return std::nullopt;
  }
}

// Nothing where nobody tells: Adam and AdamW keep tensors of the same names.
std::optional<std::string> optimizer_of(const LoadedTensors& state, const fs::path& path) {
  if (const auto named = state.metadata.find("optimizer"); named != state.metadata.end()) return named->second;
  const bool adan =
      std::ranges::any_of(state.tensors, [](const auto& tensor) { return tensor.first.starts_with("exp_avg_diff."); });
  if (adan) return "adan";
  const auto recorded = recorded_optimizer(path);
  return recorded == "adan" ? std::nullopt : recorded;
}

// A moment means another thing to another rule, so that the run would go on as neither of the two.
void require_same_optimizer(const LoadedTensors& state, const fs::path& path, const StepEngine& engine) {
  const auto saved = optimizer_of(state, path);
  if (!saved || *saved == engine.optimizer()) return;
  throw Error(ErrorCode::failed,
              {"{} was trained with optimizer {}, and this config says {}", "{} 由优化器 {} 训练，而当前配置为 {}",
               path.string(), *saved, engine.optimizer()},
              {"go on with optimizer: {}, or start a new run under another experiment_name",
               "请用 optimizer: {} 继续，或换一个 experiment_name 开始新的训练", *saved});
}

LoadedState restore(const LoadedTensors& state, const fs::path& path, StepEngine& engine) {
  const auto optional_entry = [&](const std::string& key, const std::string& otherwise) {
    const auto found = state.metadata.find(key);
    return found == state.metadata.end() ? otherwise : found->second;
  };
  const auto entry = [&](const std::string& key) {
    if (!state.metadata.contains(key)) {
      throw Error(ErrorCode::failed,
                  {path.string() + ": not a training state (its metadata has no " + key + ")",
                   path.string() + "：不是训练状态（元数据中没有 " + key + "）"},
                  {"start the run anew, without --resume", "去掉 --resume 重新开始训练"});
    }
    return state.metadata.at(key);
  };
  const std::string wanted = network_name(engine.model().shape());
  if (entry("network") != wanted) {
    throw Error(
        ErrorCode::failed,
        {"{} was saved from {}, and this config describes {}", "{} 保存的是 {}，而当前配置描述的是 {}", path.string(),
         entry("network"), wanted},
        {"resume with the config that the run was started with, or start a new run under another experiment_name",
         "请用开始训练时的配置继续，或以另一个 experiment_name 开始新的训练"});
  }
  require_same_optimizer(state, path, engine);
  Progress progress;
  progress.step = std::atoll(entry("step").c_str());
  progress.best_psnr = std::strtod(entry("best_psnr").c_str(), nullptr);
  progress.best_step = std::atoll(entry("best_step").c_str());
  progress.validations_without_gain = std::atoll(entry("validations_without_gain").c_str());
  progress.parts = std::max<std::int64_t>(1, std::atoll(optional_entry("parts", "1").c_str()));
  progress.skipped_steps = std::atoll(optional_entry("skipped_steps", "0").c_str());
  progress.rollbacks = std::atoll(optional_entry("rollbacks", "0").c_str());
  progress.lr_factor = std::strtod(optional_entry("lr_factor", "1").c_str(), nullptr);
  progress.random_vgg = std::atoll(optional_entry("random_vgg", "-1").c_str());
  progress.sampling = std::atoll(optional_entry("sampling", "1").c_str());
  // Earlier versions validated before they saved.
  progress.validated_step = std::atoll(optional_entry("validated_step", entry("step")).c_str());
  progress.window_loss = std::strtod(optional_entry("window_loss", "0").c_str(), nullptr);
  progress.window_good = std::atoll(optional_entry("window_good", "0").c_str());
  engine.load_state(state, path);
  return {progress, facts_in(state.metadata)};
}

}  // namespace

void save_run_state(const Folder& checkpoints, const std::string& name, const StepEngine& engine,
                    const Progress& progress, const RunFacts& facts) {
  std::map<std::string, std::string> metadata = {
      {"format", kFormat},
      {"network", network_name(engine.model().shape())},
      {"optimizer", engine.optimizer()},
      {"sampling", std::to_string(kSamplingVersion)},
      {"step", std::to_string(progress.step)},
      {"best_psnr", fmt::format("{}", progress.best_psnr)},
      {"best_step", std::to_string(progress.best_step)},
      {"validations_without_gain", std::to_string(progress.validations_without_gain)},
      {"parts", std::to_string(progress.parts)},
      {"skipped_steps", std::to_string(progress.skipped_steps)},
      {"rollbacks", std::to_string(progress.rollbacks)},
      {"lr_factor", fmt::format("{}", progress.lr_factor)},
      {"random_vgg", std::to_string(progress.random_vgg)},
      {"validated_step", std::to_string(progress.validated_step)},
      {"window_loss", fmt::format("{}", progress.window_loss)},
      {"window_good", std::to_string(progress.window_good)}};
  metadata.insert(facts.begin(), facts.end());
  save_tensors(checkpoints, name, engine.state(), metadata, Seal::crc32);
}

LoadedState load_run_state(const Folder& checkpoints, const std::string& name, StepEngine& engine) {
  return restore(read_state(checkpoints, name), checkpoints.path_of(name), engine);
}

std::optional<LoadedState> load_newest_state(const Folder& checkpoints, StepEngine& engine,
                                             const std::function<void(const Text&)>& warn) {
  std::vector<std::string> damaged;
  Text reasons;
  for (const std::string& file : state_files(checkpoints)) {
    std::optional<LoadedTensors> state;
    try {
      state = read_state(checkpoints, file);
    } catch (const Unreadable&) {
      throw;
    } catch (const Error& error) {
      warn({"the checkpoint is damaged and not used: {}", "检查点已损坏，不予使用：{}", error.message()});
      damaged.push_back(file);
      reasons = {"{}; {}", "{}；{}", reasons, error.message()};
      continue;
    }
    LoadedState loaded = restore(*state, checkpoints.path_of(file), engine);
    for (const std::string& one : damaged) checkpoints.rename(one, one + ".damaged");  // if not, the next time
    return loaded;
  }
  if (damaged.empty()) return std::nullopt;
  throw Error(ErrorCode::failed,
              {"no checkpoint in {} is whole{}", "{} 中没有完好的检查点{}", checkpoints.path().string(), reasons},
              {"start anew without --resume: this run is then kept under another name",
               "去掉 --resume 重新开始：本次训练的文件会以另一名称保留"});
}

void save_network(const Folder& checkpoints, const std::string& name, const Edsr& network, std::int64_t step) {
  save_tensors(checkpoints, name, network.parameters(),
               {{"format", "pt"},
                {"architecture", "EDSR"},
                {"scale", std::to_string(network.shape().scale)},
                {"step", std::to_string(step)}});
}

std::optional<std::int64_t> step_of_network(const Folder& checkpoints, const std::string& name) {
  if (!checkpoints.status(name)) return std::nullopt;
  try {
    const SafetensorsFile file(checkpoints, name);
    const auto step = file.metadata().find("step");
    if (step != file.metadata().end()) return std::atoll(step->second.c_str());
  } catch (const Unreadable&) {
    throw;
  } catch (const Error&) {  // damaged
  }
  return std::nullopt;
}

}  // namespace wring
