#include <filesystem>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <ATen/core/Tensor.h>

#include "wring/base/error.h"
#include "wring/config/vgg_weights.h"
#include "wring_train/data/fingerprint.h"
#include "wring_train/engine/device.h"
#include "wring_train/engine/eager/eager_engine.h"
#include "wring_train/engine/faulty_engine.h"
#include "wring_train/engine/graph/graph_engine.h"
#include "wring_train/engine/step_engine.h"
#include "wring_train/kernels/available.h"

namespace wring {

namespace {

Text engine_note(const std::string& name, const Text& why) {
  return {"step engine: {} ({})", "训练步引擎：{}（{}）", name, why};
}

Text why_eager(const TrainConfig& config, at::Device device) {
  if (!fast_engine_wanted(config)) return "compile_model: false";
  if (device.is_cpu()) return {"the CPU has no faster one", "CPU 上没有更快的引擎"};
  return {"this build has no CUDA kernels", "此版本编译时不含 CUDA 核函数"};
}

// Files of one name may hold different weights on different machines.
void require_equal_files(const std::filesystem::path& file, Ranks& ranks) {
  constexpr std::size_t kExactDigits = 13;  // of 4 bits: a double holds 53
  const std::string digits = file_fingerprint(file).text().substr(0, kExactDigits);
  const auto all = ranks.gather({static_cast<double>(std::stoull(digits, nullptr, 16))});
  std::vector<std::size_t> differing;
  for (std::size_t rank = 1; rank < all.size(); ++rank) {
    if (all[rank] != all[0]) differing.push_back(rank);
  }
  if (differing.empty()) return;
  const std::string which = fmt::format("{}", fmt::join(differing, ", "));
  throw Error(ErrorCode::failed,
              {"the files with the weights of the perceptual loss's VGG-19 differ: rank " + which +
                   " has other bytes than rank 0",
               "感知损失所用的 VGG-19 权重文件不一致：rank " + which + " 与 rank 0 的内容不同"},
              {"copy " + file.string() + " of one machine to all of them",
               "请将其中一台机器上的 " + file.string() + " 复制到所有机器"});
}

// Ranks that compare with different features would train for different things.
void require_equal_weights(const VggWeights& weights, Ranks& ranks) {
  const bool some = ranks.any(!weights.file.empty()), none = ranks.any(weights.file.empty());
  if (!some) return;
  if (!none) {
    require_equal_files(weights.file, ranks);
    return;
  }
  const std::string where = torch_vgg_weights().string();
  throw Error(ErrorCode::failed,
              {"the weights of the perceptual loss's VGG-19 lie on some of the ranks' machines only",
               "感知损失所用的 VGG-19 权重只存在于部分进程所在的机器上"},
              {"copy " + where + " to all of them, or name a file that all can read with perceptual_weights_file",
               "请将 " + where + " 复制到所有机器，或用 perceptual_weights_file 指定所有机器都能读取的文件"});
}

}  // namespace

std::unique_ptr<StepEngine> make_step_engine(const TrainConfig& config, Edsr model, at::Device device,
                                             const std::function<void(const Text&)>& note, Ranks& ranks) {
  if (config.use_perceptual && !ranks.alone()) require_equal_weights(find_vgg_weights(config), ranks);
  std::optional<at::ScalarType> low_precision;
  if (config.use_mixed_precision) {
    std::string why_not;
    low_precision = mixed_precision_type(config.amp_dtype, device, why_not);
    if (!why_not.empty()) note(why_not);
    if (low_precision == at::kBFloat16 && config.amp_dtype == "fp16") {
      note({"amp_dtype: bf16 in place of fp16, which is for GPUs and would be slower on the CPU",
            "amp_dtype：改用 bf16。fp16 仅适用于 GPU，在 CPU 上会更慢"});
    }
  }
  if (fast_engine_wanted(config) && device.is_cuda() && kernels::available()) {
    auto engine = make_graph_engine(config, std::move(model), device, low_precision, note, ranks);
    note(engine_note(engine->name(), config.compile_model
                                         ? Text("compile_model: true")
                                         : Text("compile_model is not given: the fastest with eager's numbers",
                                                "未给出 compile_model：与 eager 数值一致的最快引擎")));
    return engine;
  }
  auto engine = std::make_unique<EagerEngine>(config, std::move(model), device, low_precision, ranks);
  if (engine->perceptual() != nullptr) note(engine->perceptual()->note());
  note(engine_note(engine->name(), why_eager(config, device)));
  const Faults faults = faults_of_environment();
  if (device.is_cpu() && faults.any()) return std::make_unique<FaultyEngine>(std::move(engine), faults, ranks.rank());
  return engine;
}

}  // namespace wring
