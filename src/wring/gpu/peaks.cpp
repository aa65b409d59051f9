#include "wring/gpu/peaks.h"

#include <cctype>
#include <string>

namespace wring {
namespace {

constexpr std::string_view kH100Sheet = "NVIDIA H100 Tensor Core GPU datasheet";
constexpr std::string_view kH200Sheet = "NVIDIA H200 Tensor Core GPU datasheet";
constexpr std::string_view kA100Sheet = "NVIDIA A100 Tensor Core GPU datasheet";
constexpr std::string_view kAdaPaper = "NVIDIA Ada GPU Architecture whitepaper";
constexpr std::string_view kGa102Paper = "NVIDIA Ampere GA102 GPU Architecture whitepaper";
constexpr std::string_view kRtxBlackwellPaper = "NVIDIA RTX Blackwell GPU Architecture whitepaper";

struct Row {
  std::string_view name;  // as essential() gives it
  double tensor16, tf32, fp32;
  std::string_view source;
};

// Ampere and later, where bf16 and fp16 run at the same rate. Datasheets that print sparse figures are halved here.
constexpr Row kRows[] = {
    {"b200", 2250, 1125, 75, "NVIDIA HGX B200 datasheet"},
    {"h200", 989.4, 494.7, 66.9, kH200Sheet},
    {"h200 nvl", 835.5, 417.5, 60, kH200Sheet},
    {"h100", 989.4, 494.7, 66.9, kH100Sheet},
    {"h100 pcie", 756.5, 378, 51.2, kH100Sheet},
    {"h100 nvl", 835.5, 417.5, 60, kH100Sheet},
    {"h20", 148, 74, 44, "NVIDIA H20 datasheet"},
    {"a100 sxm4", 312, 156, 19.5, kA100Sheet},
    {"a100 pcie", 312, 156, 19.5, kA100Sheet},
    {"a30", 165, 82, 10.3, "NVIDIA A30 Tensor Core GPU datasheet"},
    {"a10", 125, 62.5, 31.2, "NVIDIA A10 Tensor Core GPU datasheet"},
    {"a40", 149.7, 74.8, 37.4, "NVIDIA A40 datasheet"},
    {"rtx a6000", 154.8, 77.4, 38.7, kGa102Paper},
    {"l40s", 362, 183, 91.6, "NVIDIA L40S datasheet"},
    {"l40", 181, 90.5, 90.5, "NVIDIA L40 datasheet"},
    {"l4", 121, 60, 30.3, "NVIDIA L4 Tensor Core GPU datasheet"},
    {"rtx 5090", 209.5, 104.8, 104.8, kRtxBlackwellPaper},
    {"rtx 5080", 112.6, 56.3, 56.3, kRtxBlackwellPaper},
    {"rtx 4090", 165.2, 82.6, 82.6, kAdaPaper},
    {"rtx 4080", 97.5, 48.7, 48.7, kAdaPaper},
    {"rtx 4070 ti", 80.2, 40.1, 40.1, kAdaPaper},
    {"rtx 4070", 58.3, 29.1, 29.1, kAdaPaper},
    {"rtx 3090 ti", 80, 40, 40, kGa102Paper},
    {"rtx 3090", 71, 35.6, 35.6, kGa102Paper},
    {"rtx 3080", 59.5, 29.8, 29.8, kGa102Paper},
    {"rtx 3070", 40.6, 20.3, 20.3, kGa102Paper},
};

struct OldRow {
  std::string_view name;
  double fp16, fp32;
  std::string_view source;
};

// Volta and Turing: fp16 alone on tensor cores.
constexpr OldRow kOldRows[] = {
    {"v100 sxm2", 125, 15.7, "NVIDIA V100 Tensor Core GPU datasheet"},
    {"v100 pcie", 112, 14, "NVIDIA V100 Tensor Core GPU datasheet"},
    {"t4", 65, 8.1, "NVIDIA T4 Tensor Core GPU datasheet"},
};

bool says_nothing_of_speed(const std::string& word) {
  if (word == "nvidia" || word == "geforce" || word == "tesla" || word.starts_with("hbm")) return true;
  return word.size() > 2 && word.ends_with("gb") && std::isdigit(static_cast<unsigned char>(word[0])) != 0;
}

// "NVIDIA A100-SXM4-80GB" → "a100 sxm4", "NVIDIA H100 80GB HBM3" → "h100".
std::string essential(std::string_view name) {
  std::string result, word;
  const auto end_word = [&] {
    if (!word.empty() && !says_nothing_of_speed(word)) result += (result.empty() ? "" : " ") + word;
    word.clear();
  };
  for (const char c : name) {
    if (c == ' ' || c == '-') {
      end_word();
    } else {
      word += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
  }
  end_word();
  return result;
}

}  // namespace

std::optional<PeakFlops> peak_flops(std::string_view card_name) {
  const std::string name = essential(card_name);
  for (const Row& row : kRows) {
    if (name == row.name) return PeakFlops{row.tensor16, row.tensor16, row.tf32, row.fp32, row.source};
  }
  for (const OldRow& row : kOldRows) {
    if (name == row.name) return PeakFlops{std::nullopt, row.fp16, std::nullopt, row.fp32, row.source};
  }
  return std::nullopt;
}

}  // namespace wring
