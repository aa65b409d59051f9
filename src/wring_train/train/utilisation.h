#pragma once
#include <optional>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "wring/base/text.h"
#include "wring/config/train_config.h"
#include "wring/telemetry/summary.h"

namespace wring {

// What a run asks of the arithmetic units and what they could do, for MFU (model FLOP utilisation).
struct ArithmeticFacts {
  double flops_per_sample = 0;        // executed, nn/flops.h
  std::string precision;              // "bf16", "fp16", "TF32", "fp32": what the convolutions run in
  std::optional<double> peak_tflops;  // the card's, for that precision, by its data sheet
};

// `low_precision`: the type that mixed precision uses, if any. `card_name`: the driver's, "" on a CPU.
ArithmeticFacts arithmetic_facts(const TrainConfig& config, std::optional<at::ScalarType> low_precision,
                                 bool folded_tail, const std::string& card_name);

// Per cent of the data sheet's peak; nothing where that is unknown.
std::optional<double> mfu_percent(const ArithmeticFacts& facts, double samples_per_s);

// The lines at the end of a run: how busy the card was, and how much of its arithmetic was used, against the data sheet
// and against what matrix products reach on it (`matmul_tflops`). Says only what was measured.
std::vector<Text> utilisation_lines(const std::optional<GpuSummary>& gpu, const ArithmeticFacts& facts,
                                    double samples_per_s, std::optional<double> matmul_tflops);

}  // namespace wring
