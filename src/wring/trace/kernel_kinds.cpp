#include "wring/trace/kernel_kinds.h"

#include <algorithm>

#include "wring/base/parse.h"

namespace wring {
namespace {

const std::array<KernelKindRow, kKernelKinds> kRows = {{
    {KernelKind::product, "product", {"convolutions and products", "卷积与矩阵乘"}},
    {KernelKind::fp32_product, "fp32_product", {"convolutions and products in fp32", "fp32 的卷积与矩阵乘"}},
    {KernelKind::elementwise, "elementwise", {"elementwise passes over memory", "逐元素访存"}},
    {KernelKind::layout, "layout", {"conversions of layout and type", "布局与类型转换"}},
    {KernelKind::reduction, "reduction", {"reductions", "归约"}},
    {KernelKind::update, "update", {"optimiser, clipping and average", "优化器、裁剪与滑动平均"}},
    {KernelKind::copy, "copy", {"copies", "拷贝"}},
    {KernelKind::collective, "collective", {"sums over the ranks", "多卡通信"}},
    {KernelKind::other, "other", {"other kernels", "其他核函数"}},
}};

struct Sign {
  std::string_view word;
  KernelKind kind;
};

// The first sign whose word stands in the text counts.

// Stronger than the operator: a convolution's also launches the conversions of its operands.
constexpr std::array kCertainNames{
    Sign{"Memcpy ", KernelKind::copy},  // Kineto's names for what is no kernel
    Sign{"Memset ", KernelKind::copy},
    Sign{"nccl", KernelKind::collective},
    Sign{"nchwToNhwc", KernelKind::layout},  // cuDNN's, before and after a kernel that wants the other order
    Sign{"nhwcToNchw", KernelKind::layout},
    Sign{"nhwcToFolded", KernelKind::layout},
    Sign{"ensorTransform", KernelKind::layout},
    Sign{"multi_tensor_apply", KernelKind::update},  // ATen's foreach operators and fused optimisers
};

// Functions of src/wring_train/kernels. Those that are not here compose the tail or draw samples.
constexpr std::array kOwnKernels{
    Sign{"convolve", KernelKind::product},
    Sign{"weight_gradients", KernelKind::product},
    Sign{"bias_residual", KernelKind::elementwise},
    Sign{"gradient_pass", KernelKind::elementwise},
    Sign{"loss_and_gradient", KernelKind::elementwise},
    Sign{"border_pixels", KernelKind::elementwise},
    Sign{"patches", KernelKind::elementwise},
    Sign{"gather", KernelKind::elementwise},
    Sign{"scatter", KernelKind::elementwise},
    Sign{"convert", KernelKind::layout},
    Sign{"flip", KernelKind::layout},
    Sign{"update", KernelKind::update},
    Sign{"collect_bias", KernelKind::other},  // of the tail
    Sign{"collect", KernelKind::update},
    Sign{"decide", KernelKind::update},
    Sign{"finish", KernelKind::update},
};

constexpr std::array kOperators{
    Sign{"convolution", KernelKind::product},      Sign{"aten::mm", KernelKind::product},
    Sign{"aten::addmm", KernelKind::product},      Sign{"aten::bmm", KernelKind::product},
    Sign{"aten::baddbmm", KernelKind::product},    Sign{"aten::_scaled_mm", KernelKind::product},  // in 8 bits
    Sign{"_attention_", KernelKind::product},  // flash, memory-efficient and cuDNN's: two products in one
    Sign{"aten::_fused_adam", KernelKind::update}, Sign{"aten::_foreach", KernelKind::update},
    Sign{"aten::copy_", KernelKind::layout},  // .to() and .contiguous() end in it
    Sign{"aten::cat", KernelKind::layout},         Sign{"aten::sum", KernelKind::reduction},
    Sign{"aten::mean", KernelKind::reduction},     Sign{"linalg_vector_norm", KernelKind::reduction},
    Sign{"batch_norm", KernelKind::elementwise},   Sign{"layer_norm", KernelKind::elementwise},
    Sign{"group_norm", KernelKind::elementwise},   Sign{"softmax", KernelKind::elementwise},
    Sign{"dropout", KernelKind::elementwise},      Sign{"nll_loss", KernelKind::elementwise},
    Sign{"embedding", KernelKind::elementwise},
};

// Families of the libraries, for a replayed graph, of which no operator is known.
constexpr std::array kNames{
    Sign{"triton_tem", KernelKind::product},  // torch.compile's, by the template that it came from
    Sign{"triton_red", KernelKind::reduction},
    Sign{"triton_per", KernelKind::reduction},
    Sign{"triton_", KernelKind::elementwise},
    Sign{"flash_", KernelKind::product},  // attention
    Sign{"fmha", KernelKind::product},
    Sign{"direct_copy_kernel", KernelKind::layout},
    Sign{"copy_kernel_cuda", KernelKind::layout},
    Sign{"CatArrayBatchedCopy", KernelKind::layout},
    Sign{"splitKreduce", KernelKind::product},  // cuBLAS's end of a product
    Sign{"reduce_kernel", KernelKind::reduction},
    Sign{"elementwise_kernel", KernelKind::elementwise},
    Sign{"pool_forward", KernelKind::elementwise},
    Sign{"pool_backward", KernelKind::elementwise},
    Sign{"at::native::", KernelKind::other},
    Sign{"gemm", KernelKind::product},
    Sign{"gemv", KernelKind::product},
    Sign{"nvjet", KernelKind::product},  // cuBLASLt's on Hopper and later
    Sign{"xmma", KernelKind::product},
    Sign{"cutlass", KernelKind::product},
    Sign{"fprop", KernelKind::product},
    Sign{"dgrad", KernelKind::product},
    Sign{"wgrad", KernelKind::product},
    Sign{"conv", KernelKind::product},
    Sign{"winograd", KernelKind::product},
    Sign{"cudnn", KernelKind::elementwise},  // what is left of cuDNN: bias, activation, pooling
};

// Names that say fp32 themselves. Of the others nothing follows.
constexpr std::array<std::string_view, 5> kFp32Names = {"sgemm", "scudnn", "f32f32_f32f32", "tf32", "simt_s"};

template <std::size_t size>
const Sign* first_in(std::string_view text, const std::array<Sign, size>& signs) {
  const auto found =
      std::ranges::find_if(signs, [&](const Sign& sign) { return text.find(sign.word) != std::string_view::npos; });
  return found == signs.end() ? nullptr : &*found;
}

// "wring::kernels::(anonymous namespace)::convolve<…" → "convolve"; "" of a foreign kernel.
std::string_view own_kernel(std::string_view name) {
  constexpr std::string_view kSpace = "wring::kernels::";
  const std::size_t space = name.find(kSpace);
  if (space == std::string_view::npos) return "";
  name.remove_prefix(space + kSpace.size());
  constexpr std::string_view kUnnamed = "(anonymous namespace)::";
  if (name.starts_with(kUnnamed)) name.remove_prefix(kUnnamed.size());
  return name.substr(0, name.find_first_of("<("));
}

bool computes_in_fp32(const KernelEvidence& evidence) {
  if (!evidence.input_type.empty()) return evidence.input_type == "float";
  return std::ranges::any_of(kFp32Names,
                             [&](std::string_view word) { return evidence.name.find(word) != std::string_view::npos; });
}

}  // namespace

std::span<const KernelKindRow> kernel_kind_rows() {
  return kRows;
}

std::optional<KernelKind> kernel_kind_of_key(std::string_view key) {
  const auto row = std::ranges::find(kRows, key, &KernelKindRow::key);
  return row == kRows.end() ? std::nullopt : std::optional(row->kind);
}

KernelKind kernel_kind(const KernelEvidence& evidence, bool sixteen_bit) {
  const std::string_view own = own_kernel(evidence.name);
  const Sign* sign = own.empty() ? first_in(evidence.name, kCertainNames) : first_in(own, kOwnKernels);
  if (own.empty() && sign == nullptr) sign = first_in(evidence.op, kOperators);
  if (own.empty() && sign == nullptr) sign = first_in(evidence.name, kNames);
  if (sign == nullptr) return KernelKind::other;
  const bool fp32 = sign->kind == KernelKind::product && own.empty() && sixteen_bit && computes_in_fp32(evidence);
  return fp32 ? KernelKind::fp32_product : sign->kind;
}

DividedTime divide_time(std::span<const KernelRun> runs) {
  // At each end of a run the time since the one before is divided among those that ran in it.
  struct End {
    std::uint64_t at_ns;
    std::size_t run;
    bool begins;
  };
  std::vector<End> ends;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    if (runs[i].end_ns <= runs[i].begin_ns) continue;
    ends.push_back({runs[i].begin_ns, i, true});
    ends.push_back({runs[i].end_ns, i, false});
  }
  std::ranges::sort(ends, {}, &End::at_ns);
  DividedTime time;
  std::array<double, kKernelKinds> running{};
  std::array<double, kKernelKinds> small{};
  double all = 0;
  std::uint64_t before = 0;
  for (const End& end : ends) {
    if (all > 0) {
      const double part = static_cast<double>(end.at_ns - before) / all;
      for (std::size_t kind = 0; kind < kKernelKinds; ++kind) {
        time.ns[kind] += part * running[kind];
        time.small_ns[kind] += part * small[kind];
      }
    }
    before = end.at_ns;
    const KernelRun& run = runs[end.run];
    const double change = end.begins ? 1 : -1;
    all += change;
    running[static_cast<std::size_t>(run.kind)] += change;
    if (run.small) small[static_cast<std::size_t>(run.kind)] += change;
  }
  return time;
}

bool is_small_launch(std::string_view metadata) {
  constexpr std::string_view kField = "\"blocks per SM\": ";
  const std::size_t at = metadata.find(kField);
  if (at == std::string_view::npos) return false;
  return is_small_launch(parse_leading<double>(metadata.substr(at + kField.size())).value_or(1));
}

bool is_small_launch(double blocks_per_multiprocessor) {
  constexpr double kFilled = 0.75;  // persistent kernels leave a few multiprocessors out
  return blocks_per_multiprocessor < kFilled;
}

}  // namespace wring
