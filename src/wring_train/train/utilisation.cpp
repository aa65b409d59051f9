#include "wring_train/train/utilisation.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "wring/gpu/peaks.h"
#include "wring_train/nn/flops.h"

namespace wring {
namespace {

std::string precision_name(std::optional<at::ScalarType> low_precision, bool on_gpu) {
  if (low_precision == at::kHalf) return "fp16";
  if (low_precision == at::kBFloat16) return "bf16";
  return on_gpu ? "TF32" : "fp32";  // LibTorch lets cuDNN use TF32 for fp32 convolutions
}

std::optional<double> peak_of(const PeakFlops& peaks, const std::string& precision) {
  if (precision == "bf16") return peaks.bf16_tflops;
  if (precision == "fp16") return peaks.fp16_tflops;
  return peaks.tf32_tflops ? *peaks.tf32_tflops : peaks.fp32_tflops;  // cards without TF32 compute in fp32
}

void add_percent(std::vector<std::string>& parts, const GpuSummary& gpu, Metric metric, const char* name) {
  if (const auto mean = gpu.mean(metric)) parts.push_back(fmt::format("{} {:.1f}%", name, *mean));
}

Text busy_line(const GpuSummary& gpu) {
  std::vector<std::string> parts;
  if (const auto& util = gpu[Metric::gpu_util]) {
    parts.push_back(fmt::format("GPU-Util {:.1f}% (p50 {:.0f}%)", util->mean, util->p50));
  }
  add_percent(parts, gpu, Metric::sm_activity, "SM");
  add_percent(parts, gpu, Metric::tensor_activity, "tensor");
  add_percent(parts, gpu, Metric::dram_activity, "DRAM");
  if (const auto power = gpu.mean(Metric::power)) parts.push_back(fmt::format("{:.0f} W", *power));
  if (gpu.energy_j) parts.push_back(fmt::format("{:.1f} kJ", *gpu.energy_j / 1000));
  if (gpu.peak_memory_mib) parts.push_back(fmt::format("≥ {:.0f} MiB", *gpu.peak_memory_mib));
  if (parts.empty()) return {};
  const std::string joined = fmt::format("{}", fmt::join(parts, ", "));
  return {"the GPU over the run: " + joined, "整个训练期间的 GPU: " + joined};
}

}  // namespace

ArithmeticFacts arithmetic_facts(const TrainConfig& config, std::optional<at::ScalarType> low_precision,
                                 bool folded_tail, const std::string& card_name) {
  ArithmeticFacts facts;
  const std::int64_t side = config.patch_size / config.scale_factor;
  facts.flops_per_sample = training_flops_per_sample({config.base_channels, config.num_blocks, config.scale_factor},
                                                     side, side, folded_tail);
  if (config.use_perceptual)
    facts.flops_per_sample += perceptual_flops_per_sample(config.patch_size, config.patch_size);
  facts.precision = precision_name(low_precision, !card_name.empty());
  if (const auto peaks = peak_flops(card_name)) facts.peak_tflops = peak_of(*peaks, facts.precision);
  return facts;
}

std::optional<double> mfu_percent(const ArithmeticFacts& facts, double samples_per_s) {
  if (!facts.peak_tflops) return std::nullopt;
  return 100 * facts.flops_per_sample * samples_per_s / (*facts.peak_tflops * 1e12);
}

std::vector<Text> utilisation_lines(const std::optional<GpuSummary>& gpu, const ArithmeticFacts& facts,
                                    double samples_per_s, std::optional<double> matmul_tflops) {
  std::vector<Text> lines;
  if (gpu) {
    if (Text busy = busy_line(*gpu); !busy.empty()) lines.push_back(std::move(busy));
  }
  const double tflops = facts.flops_per_sample * samples_per_s / 1e12;
  if (tflops <= 0) return lines;
  std::string en = fmt::format("arithmetic: {:.3g} TFLOP/s in {}", tflops, facts.precision);
  std::string zh = fmt::format("算力: {:.3g} TFLOP/s ({})", tflops, facts.precision);
  if (const auto mfu = mfu_percent(facts, samples_per_s)) {
    en += fmt::format("; MFU {:.1f}% of the card's {:.0f} TFLOP/s", *mfu, *facts.peak_tflops);
    zh += fmt::format("；MFU {:.1f}%，标称峰值 {:.0f} TFLOP/s", *mfu, *facts.peak_tflops);
  }
  if (matmul_tflops && *matmul_tflops > 0) {
    const double share = 100 * tflops / *matmul_tflops;
    en += fmt::format("; {:.1f}% of the {:.3g} TFLOP/s that matrix products reach here", share, *matmul_tflops);
    zh += fmt::format("；为本机实测矩阵乘法 {1:.3g} TFLOP/s 的 {0:.1f}%", share, *matmul_tflops);
  }
  lines.emplace_back(std::move(en), std::move(zh));
  return lines;
}

}  // namespace wring
