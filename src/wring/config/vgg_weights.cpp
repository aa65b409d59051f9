#include "wring/config/vgg_weights.h"

#include <string>
#include <system_error>

#include <fmt/format.h>

#include "wring/base/environment.h"

namespace wring {
namespace fs = std::filesystem;
namespace {

constexpr const char* kRandom = "random";

// "~" and "~/x" as torch's expanduser has them.
fs::path expanded(std::string_view path) {
  const std::string_view home = environment("HOME").value_or("");
  const bool in_home = path == "~" || path.starts_with("~/");
  return in_home && !home.empty() ? fs::path(home) += path.substr(1) : fs::path(path);
}

fs::path torch_home() {
  if (const auto given = environment("TORCH_HOME").value_or(""); !given.empty()) return expanded(given);
  const std::string_view cache = environment("XDG_CACHE_HOME").value_or("");
  return expanded(cache.empty() ? "~/.cache" : cache) / "torch";
}

}  // namespace

fs::path torch_vgg_weights() {
  return torch_home() / "hub" / "checkpoints" / "vgg19-dcbb9e9d.pth";
}

VggWeights find_vgg_weights(const TrainConfig& config) {
  if (config.perceptual_weights_file == kRandom) return {{}, true};
  if (!config.perceptual_weights_file.empty()) return {config.perceptual_weights_file, true};
  std::error_code error;
  const fs::path own = torch_vgg_weights();
  return fs::is_regular_file(own, error) ? VggWeights{own, false} : VggWeights{};
}

Text describe(const VggWeights& weights) {
  if (!weights.file.empty()) {
    const std::string file = weights.file.string();
    return weights.given ? Text("perceptual loss: VGG-19 with the weights of {} (perceptual_weights_file)",
                                "感知损失：VGG-19，权重来自 {}（perceptual_weights_file）", file)
                         : Text("perceptual loss: VGG-19 with the weights of {}, where PyTorch keeps them",
                                "感知损失：VGG-19，权重来自 PyTorch 的缓存 {}", file);
  }
  if (weights.given) {
    return {"perceptual loss: VGG-19 with random weights (perceptual_weights_file: random): it compares structure",
            "感知损失：VGG-19，随机权重（perceptual_weights_file: random）：它比较结构"};
  }
  const std::string wanted = torch_vgg_weights().string();
  return {
      "perceptual loss: VGG-19 with random weights, because there is no {}: it compares structure, not "
      "what ImageNet teaches; torchvision.models.vgg19(weights=\"DEFAULT\") downloads the file, and "
      "perceptual_weights_file names another",
      "感知损失：VGG-19，随机权重（未找到 {}）：它比较结构，而不是从 ImageNet 学到的特征；"
      "torchvision.models.vgg19(weights=\"DEFAULT\") 会下载该文件，也可用 perceptual_weights_file 指定",
      wanted};
}

}  // namespace wring
