#include "wring/gpu/peaks.h"

#include <algorithm>
#include <array>
#include <string>

namespace wring {
namespace {

struct Row {
  std::string_view name;  // stands as whole words in the driver's name; the longest one that does is meant
  PeakRates rates;        // bf16, fp16, tf32, fp32
};

// Data sheets print the matrix units' rates with 2:4 sparsity where they can; these are half of that. GeForce cards add
// up 16-bit products in 32 bits at half the rate of 16, and the white papers list both: this is the former.
constexpr std::array kRows{
    Row{"B200", {2250, 2250, 1125, 75}},
    Row{"GB200", {2500, 2500, 1250, 80}},
    Row{"H200", {989.4, 989.4, 494.7, 66.9}},
    Row{"H200 NVL", {835.5, 835.5, 417.5, 60}},
    Row{"GH200", {989.4, 989.4, 494.7, 66.9}},
    Row{"H100", {989.4, 989.4, 494.7, 66.9}},  // SXM5: the driver's name has no suffix but the memory
    Row{"H100 PCIe", {756, 756, 378, 51.2}},
    Row{"H100 NVL", {835.5, 835.5, 417.5, 60}},
    Row{"H20", {148, 148, 74, 44}},
    Row{"A100", {312, 312, 156, 19.5}},
    Row{"A800", {312, 312, 156, 19.5}},
    Row{"A30", {165, 165, 82, 10.3}},
    Row{"A40", {149.7, 149.7, 74.8, 37.4}},
    Row{"A10", {125, 125, 62.5, 31.2}},
    Row{"L4", {121, 121, 60, 30.3}},
    Row{"L40", {181, 181, 90.5, 90.5}},
    Row{"L40S", {362, 362, 183, 91.6}},
    Row{"V100", {0, 125, 0, 15.7}},
    Row{"T4", {0, 65, 0, 8.1}},
    Row{"RTX 4090", {165.2, 165.2, 82.6, 82.6}},
    Row{"RTX 4080", {97.5, 97.5, 48.7, 48.7}},
    Row{"RTX 4070 Ti", {80.2, 80.2, 40.1, 40.1}},
    Row{"RTX 4070", {58.3, 58.3, 29.1, 29.1}},
    Row{"RTX 3090", {71, 71, 35.6, 35.6}},
    Row{"RTX 3090 Ti", {80, 80, 40, 40}},
    Row{"RTX 3080", {59.5, 59.5, 29.8, 29.8}},
};

// "H100" stands in "NVIDIA H100 80GB HBM3" and in "NVIDIA A100-SXM4-80GB" stands "A100"; "L4" does not stand in "L40".
bool stands_in(std::string_view word, std::string_view name) {
  const auto is_boundary = [&](std::size_t at) { return at >= name.size() || name[at] == ' ' || name[at] == '-'; };
  for (auto at = name.find(word); at != std::string_view::npos; at = name.find(word, at + 1)) {
    if ((at == 0 || is_boundary(at - 1)) && is_boundary(at + word.size())) return true;
  }
  return false;
}

// "Ti", "SUPER", "D" and "Laptop GPU" behind a GeForce's number make another card of it.
bool is_another_card(std::string_view word, std::string_view name) {
  if (!word.starts_with("RTX")) return false;
  const std::string_view rest = name.substr(name.find(word) + word.size());
  return rest.find_first_not_of(' ') != std::string_view::npos;
}

}  // namespace

std::optional<PeakRates> peak_rates(std::string_view card_name) {
  const Row* best = nullptr;
  for (const Row& row : kRows) {
    if (stands_in(row.name, card_name) && (best == nullptr || row.name.size() > best->name.size())) best = &row;
  }
  if (best == nullptr || is_another_card(best->name, card_name)) return std::nullopt;
  return best->rates;
}

}  // namespace wring
