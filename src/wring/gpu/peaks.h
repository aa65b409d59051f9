#pragma once
#include <optional>
#include <string_view>

namespace wring {

// What a card can compute at most, in TFLOP/s: dense (no structured sparsity), with fp32 accumulation, at its boost
// clock, as NVIDIA publishes it. The denominator of MFU; no program reaches it, since the card lowers its clock first.
struct PeakFlops {
  std::optional<double> bf16_tflops;  // tensor cores; absent before Ampere
  std::optional<double> fp16_tflops;  // tensor cores
  std::optional<double> tf32_tflops;  // tensor cores; absent before Ampere
  double fp32_tflops = 0;             // without tensor cores
  std::string_view source;            // the publication
};

// By the name that the driver reports ("NVIDIA H200", "NVIDIA GeForce RTX 4090"); nullopt for a card that is not in the
// table, for laptop versions and for MIG instances: a wrong peak is worse than none.
std::optional<PeakFlops> peak_flops(std::string_view card_name);

}  // namespace wring
