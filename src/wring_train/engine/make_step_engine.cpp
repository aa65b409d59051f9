#include <ATen/core/Tensor.h>

#include "wring_train/engine/device.h"
#include "wring_train/engine/eager_engine.h"
#include "wring_train/engine/graph_engine.h"
#include "wring_train/engine/step_engine.h"
#include "wring_train/kernels/available.h"

namespace wring {

std::unique_ptr<StepEngine> make_step_engine(const TrainConfig& config, Edsr model, at::Device device,
                                             const std::function<void(const Text&)>& note, Ranks& ranks) {
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
  if (config.compile_model && device.is_cuda() && kernels::available()) {
    auto engine = make_graph_engine(config, std::move(model), device, low_precision, note, ranks);
    note({"step engine: " + engine->name() + " (compile_model: true)",
          "训练步引擎：" + engine->name() + "（compile_model: true）"});
    return engine;
  }
  if (config.compile_model) {
    note({"step engine: eager (compile_model needs a GPU)", "训练步引擎：eager（compile_model 需要 GPU）"});
  }
  auto engine = std::make_unique<EagerEngine>(config, std::move(model), device, low_precision, ranks);
  if (engine->perceptual() != nullptr) note(engine->perceptual()->note());
  return engine;
}

}  // namespace wring
