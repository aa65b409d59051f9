#include "wring/config/reference.h"

#include <array>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "wring/config/values.h"

namespace wring {
namespace {

constexpr const char* kIntroduction = R"(# Configuration

A configuration is a flat YAML file, one `key: value` a line. Keys that it does not name have the defaults below.
`wring train` refuses unknown keys and names the nearest known one; `wring optimize` and `wring benchmark` leave them,
like comments and order, as they are, except slips for a key of Wring's (`batchsize`) and files that are another program's
([cli.md](cli.md#wring-optimize)), which they refuse. Booleans may be written true/false, yes/no or on/off; numbers also as
1e-4 or 300_000, and whole numbers as 3e5 or `!!float 5e3` too. `~`, `null` and nothing after the colon mean the default.

This file is made from the table in `src/wring/config/keys_of_*.cpp`; a test compares the two. After a change of the table
run the unit tests once with `WRING_UPDATE_DOCS=1`.
)";

constexpr const char* kIntroductionZh = R"(# 配置

配置是一个扁平的 YAML 文件，每行一个“键: 值”。未写出的键取下表中的默认值。`wring train` 拒绝未知的键并提示最接近的
已知键；`wring optimize` 和 `wring benchmark` 则将未知的键、注释和顺序原样保留，但拒绝误写的键（如 `batchsize`）和其他程序的
文件（见 [cli.md](cli.md#wring-optimize)）。布尔值可写作 true/false、yes/no 或 on/off；数字也可写作 1e-4 或 300_000，整数还可写作
3e5 或 `!!float 5e3`。`~`、`null` 或冒号后留空表示取默认值。

本文件由 `src/wring/config/keys_of_*.cpp` 中的表生成，并有测试检查两者一致。修改该表后，设置 `WRING_UPDATE_DOCS=1` 运行
一次单元测试即可更新。
)";

constexpr const char* kCombinations = R"(
Beside the range of each key, `wring train` checks that they work together: `patch_size` is a multiple of `scale_factor`
and leaves at least 8 low-resolution pixels (16 high-resolution ones with `use_perceptual`); `warmup_iters` ends before
`total_iters`; `eta_min` is not above `lr` (cosine); `milestones` lie before `total_iters` (multistep). A file may have
up to 1 MiB, in UTF-8.
)";

constexpr const char* kCombinationsZh = R"(
除每个键自身的范围外，`wring train` 还检查它们能否配合：`patch_size` 是 `scale_factor` 的整数倍，且至少留出 8 个低分辨率
像素（使用 `use_perceptual` 时至少 16 个高分辨率像素）；`warmup_iters` 小于 `total_iters`；`eta_min` 不大于 `lr`
（cosine）；`milestones` 都小于 `total_iters`（multistep）。文件不超过 1 MiB，编码为 UTF-8。
)";

Text type_name(const Key& key) {
  static constexpr std::array kEnglish = {"integer", "number", "boolean", "text", "list of integers", "boolean"};
  static constexpr std::array kChinese = {"整数", "数字", "布尔", "文本", "整数列表", "布尔"};
  return {kEnglish[key.member.index()], kChinese[key.member.index()]};
}

std::string range_of(const Key& key) {
  if (!key.choices.empty()) return fmt::format("{}", fmt::join(key.choices, ", "));
  if (!std::isfinite(key.minimum)) return "";
  return fmt::format("{} … {}", bound_text(key.minimum), bound_text(key.maximum));
}

}  // namespace

std::string config_reference(Language language) {
  const bool chinese = language == Language::zh;
  std::string text = chinese ? kIntroductionZh : kIntroduction;
  text += chinese ? "\n| 键 | 类型 | 单位 | 默认值 | 取值范围 | 作用 |\n"
                  : "\n| key | type | unit | default | values | effect |\n";
  text += "| --- | --- | --- | --- | --- | --- |\n";
  const TrainConfig defaults;
  for (const Key& key : keys()) {
    text += fmt::format("| `{}` | {} | {} | `{}` | {} | {} |\n", key.name, type_name(key).in(language), key.unit,
                        value_text(defaults, key), range_of(key), key.description.in(language));
  }
  return text + (chinese ? kCombinationsZh : kCombinations);
}

}  // namespace wring
