#pragma once
#include <optional>
#include <string_view>

namespace wring {

// What a card can do at most, without sparsity, in TFLOP/s: products of 16-bit numbers added up in 32 bits on the
// matrix units, the same of TF32, and plain 32-bit arithmetic. 0: the card has no such unit.
struct PeakRates {
  double bf16_tflops = 0;
  double fp16_tflops = 0;
  double tf32_tflops = 0;
  double fp32_tflops = 0;
};

// By the driver's name of the card ("NVIDIA H100 PCIe"), as NVIDIA's data sheets and architecture white papers give
// them at the boost clock. nullopt for a card that the table does not have, and for mobile cards, whose clocks depend
// on the laptop.
std::optional<PeakRates> peak_rates(std::string_view card_name);

}  // namespace wring
