#include <algorithm>
#include <initializer_list>
#include <span>

#include <fmt/format.h>

#include "wring/base/error.h"
#include "wring/config/reader.h"
#include "wring/config/values.h"

namespace wring {
namespace {

// Below this an LR patch is mostly border: every pixel of it sees the zeros around the patch.
constexpr std::int64_t kSmallestLrPatch = 8;

// VGG-19 halves its input four times before conv5_4, and the features need at least one pixel.
constexpr std::int64_t kSmallestPerceptualPatch = 16;

class Checker {
 public:
  Checker(std::string file, std::span<const std::string> given) : file_(std::move(file)), given_(given) {}

  // `keys`: whose values are at odds.
  void require(bool good, std::initializer_list<std::string_view> keys, const Text& what, const Text& cure) const {
    if (good) return;
    const std::string at_fault = source_of(keys);
    throw Error(ErrorCode::usage, Text("{}: {}", "{}：{}", at_fault, what), cure);
  }

 private:
  // "--set patch_size=127", or the file where none of the keys was given.
  std::string source_of(std::initializer_list<std::string_view> keys) const {
    std::string assignments;
    for (const std::string_view key : keys) {
      const std::string start = std::string(key) + "=";
      const auto last = std::find_if(given_.rbegin(), given_.rend(),
                                     [&](const std::string& assignment) { return assignment.starts_with(start); });
      if (last != given_.rend()) assignments += " " + *last;
    }
    return assignments.empty() ? file_ : "--set" + assignments;
  }

  std::string file_;
  std::span<const std::string> given_;
};

void check_patch(const TrainConfig& c, const Checker& checker) {
  const std::int64_t scale = c.scale_factor;
  const std::int64_t below = c.patch_size / scale * scale;
  checker.require(c.patch_size % scale == 0, {"patch_size", "scale_factor"},
                  {"patch_size {} is not a multiple of scale_factor {}", "patch_size {} 不是 scale_factor {} 的整数倍",
                   c.patch_size, scale},
                  {"use patch_size: {} or {}", "可改为 patch_size: {} 或 {}", below, below + scale});
  checker.require(
      c.patch_size >= kSmallestLrPatch * scale, {"patch_size", "scale_factor"},
      {"patch_size {} leaves only {} low-resolution pixels at scale_factor {}",
       "patch_size {0} 在 scale_factor {2} 下只剩 {1} 个低分辨率像素", c.patch_size, c.patch_size / scale, scale},
      {"use patch_size: {} or more", "patch_size 至少应为 {}", kSmallestLrPatch * scale});
  checker.require(
      !c.use_perceptual || c.patch_size >= kSmallestPerceptualPatch, {"use_perceptual", "patch_size"},
      {"use_perceptual needs patches of {} pixels, patch_size is {}",
       "use_perceptual 需要至少 {} 像素的图块，而 patch_size 为 {}", kSmallestPerceptualPatch, c.patch_size},
      {"raise patch_size or set use_perceptual: false", "增大 patch_size，或设置 use_perceptual: false"});
}

// The name becomes a folder below experiments/, and never another place.
void check_experiment_name(const TrainConfig& c, const Checker& checker) {
  const std::string& name = c.experiment_name;
  const bool blank = !name.empty() && name.find_first_not_of(" \t") == std::string::npos;
  checker.require(!blank && name != "." && name != ".." && name.find('/') == std::string::npos, {"experiment_name"},
                  {"experiment_name '{}' is not the name of a folder", "experiment_name “{}”不是文件夹名称", name},
                  {"use a plain name without '/'; --experiments chooses where the folder lies",
                   "请使用不含“/”的名称；文件夹所在位置由 --experiments 指定"});
}

void check_schedule(const TrainConfig& c, const Checker& checker) {
  checker.require(c.warmup_iters < c.total_iters, {"warmup_iters", "total_iters"},
                  {"warmup_iters {} is not below total_iters {}", "warmup_iters {} 没有小于 total_iters {}",
                   c.warmup_iters, c.total_iters},
                  {"shorten the warm-up or lengthen the run", "缩短预热或增加总步数"});
  checker.require(c.scheduler != "cosine" || c.eta_min <= c.lr, {"eta_min", "lr", "scheduler"},
                  {"eta_min {} is above lr {}", "eta_min {} 大于 lr {}", number_text(c.eta_min), number_text(c.lr)},
                  {"lower eta_min: the cosine schedule falls from lr to it", "减小 eta_min：余弦调度从 lr 下降到该值"});
  if (c.scheduler != "multistep") return;
  checker.require(
      !c.milestones.empty(), {"scheduler", "milestones"},
      {"scheduler multistep has no milestones", "scheduler 为 multistep，但没有 milestones"},
      {"for example milestones: [{}]", "例如 milestones: [{}]", std::max<std::int64_t>(1, c.total_iters * 2 / 3)});
  checker.require(c.milestones.back() < c.total_iters, {"milestones", "total_iters", "scheduler"},
                  {"milestone {} is not below total_iters {}", "milestones 中的 {} 没有小于 total_iters {}",
                   c.milestones.back(), c.total_iters},
                  {"remove it or lengthen the run", "删除它或增加总步数"});
}

}  // namespace

void check_combinations(const TrainConfig& config, const std::filesystem::path& path,
                        std::span<const std::string> given) {
  const Checker checker(path.string(), given);
  check_patch(config, checker);
  check_experiment_name(config, checker);
  check_schedule(config, checker);
}

}  // namespace wring
