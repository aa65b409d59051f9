#include "wring_train/data/data_tier.h"

#include <fmt/format.h>

#include "wring/base/error.h"

namespace wring {
namespace {

constexpr std::int64_t kShareOfGpu = 4;
constexpr std::int64_t kShareOfHost = 2;

std::string mib(std::int64_t bytes) {
  return fmt::format("{} MiB", (bytes + (1 << 20) - 1) >> 20);
}

class Chooser {
 public:
  explicit Chooser(const TierFacts& facts)
      : facts_(facts), can_use_gpu_(facts.gpu_free_bytes.has_value() && facts.gpu_can_cut) {}

  TierChoice choose() const {
    if (facts_.wanted == "none") return {DataTier::none, {"as data_cache says", "按 data_cache 的设置"}};
    if (facts_.wanted == "gpu" && can_use_gpu_) return demanded_gpu();
    if (facts_.wanted == "host") return demanded_host({});
    if (facts_.wanted == "gpu") return demanded_host(no_gpu());
    if (can_use_gpu_ && facts_.needed_bytes <= *facts_.gpu_free_bytes / kShareOfGpu) return {DataTier::gpu, on_gpu()};
    if (fits_host()) return {DataTier::host, can_use_gpu_ ? join(on_gpu(), on_host()) : on_host()};
    return {DataTier::none, on_host()};
  }

 private:
  bool fits_host() const { return facts_.needed_bytes <= facts_.host_bytes / kShareOfHost; }

  Text on_gpu() const {
    return {"{} decoded, {} of GPU memory free", "解码后 {}，显存剩余 {}", mib(facts_.needed_bytes),
            mib(*facts_.gpu_free_bytes)};
  }
  Text on_host() const {
    return {"{} decoded, {} of host memory available", "解码后 {}，可用内存 {}", mib(facts_.needed_bytes),
            mib(facts_.host_bytes)};
  }
  static Text join(const Text& a, const Text& b) { return {"{}; {}", "{}；{}", a, b}; }
  Text no_gpu() const {
    return facts_.gpu_can_cut ? Text{"there is no GPU", "没有 GPU"}
                              : Text{"this build has no CUDA kernels", "此版本不含 CUDA 内核"};
  }

  TierChoice demanded_gpu() const {
    if (facts_.needed_bytes <= *facts_.gpu_free_bytes) return {DataTier::gpu, on_gpu()};
    const Text numbers = on_gpu();
    throw Error(ErrorCode::failed, {"data_cache: gpu does not fit: {}", "data_cache: gpu 放不下：{}", numbers},
                {"use data_cache: host or auto, or cut large photographs into sub-images",
                 "请使用 data_cache: host 或 auto，或把大图切成小图"});
  }
  TierChoice demanded_host(const Text& why) const {
    if (fits_host()) return {DataTier::host, why.empty() ? on_host() : join(why, on_host())};
    const Text numbers = on_host();
    throw Error(ErrorCode::failed,
                {"data_cache: {} does not fit in half of it: {}", "data_cache: {} 放不下（最多占一半内存）：{}",
                 facts_.wanted, numbers},
                {"use data_cache: none or auto, or cut large photographs into sub-images",
                 "请使用 data_cache: none 或 auto，或把大图切成小图"});
  }

  const TierFacts& facts_;
  const bool can_use_gpu_;
};

}  // namespace

TierChoice choose_data_tier(const TierFacts& facts) {
  return Chooser(facts).choose();
}

}  // namespace wring
