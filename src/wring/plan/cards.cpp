#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "wring/base/error.h"
#include "wring/base/nearest.h"
#include "wring/plan/machine.h"

namespace wring {
namespace {

struct KnownCard {
  std::string name;       // as it is usually written
  std::string full_name;  // as the driver reports it
  int memory_mib;         // as the driver reports it
  int compute_major;
  std::vector<std::string> aliases;  // in the form that simplified() gives
};

const std::vector<KnownCard>& table() {
  static const std::vector<KnownCard> cards = {
      {"RTX 4090", "NVIDIA GeForce RTX 4090", 24564, 8, {"4090"}},
      {"RTX 4080", "NVIDIA GeForce RTX 4080", 16376, 8, {"4080"}},
      {"RTX 4070", "NVIDIA GeForce RTX 4070", 12282, 8, {"4070"}},
      {"GTX 1080", "NVIDIA GeForce GTX 1080", 8119, 6, {"1080"}},
      {"A100", "NVIDIA A100-SXM4-80GB", 81920, 8, {"a100", "a10080", "a100sxm480", "a100pcie80"}},
      {"A100-40GB", "NVIDIA A100-SXM4-40GB", 40960, 8, {"a10040", "a100sxm440", "a100pcie40"}},
      {"H100", "NVIDIA H100 80GB HBM3", 81559, 9, {"h100", "h10080", "h10080hbm3", "h100sxm", "h100pcie"}},
      {"H200", "NVIDIA H200", 143771, 9, {"h200", "h200141", "h200sxm", "h200nvl"}},
  };
  return cards;
}

// "NVIDIA GeForce RTX 4090" → "4090", "A100-40GB" → "a10040".
std::string simplified(std::string_view name) {
  std::string result;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0) result += static_cast<char>(std::tolower(byte));
  }
  for (const std::string_view word : {"nvidia", "geforce", "tesla", "rtx", "gtx", "gb"}) {
    const std::size_t at = result.find(word);
    if (at != std::string::npos) result.erase(at, word.size());
  }
  return result;
}

[[noreturn]] void refuse(std::string_view name) {
  std::vector<std::string> names(known_cards().begin(), known_cards().end());
  std::vector<std::string> short_names;
  for (const std::string& known : names) short_names.push_back(simplified(known));
  const std::string nearest = nearest_name(simplified(name), short_names);
  const auto position = std::ranges::find(short_names, nearest) - short_names.begin();
  if (!nearest.empty()) std::rotate(names.begin(), names.begin() + position, names.begin() + position + 1);
  const std::string list = fmt::format("{}", fmt::join(names, ", "));
  throw Error(ErrorCode::usage, Text("unknown card '{}'", "未知的显卡“{}”", name),
              Text("known: {}; for any other card give its memory: --gpu-memory GIB",
                   "已知的显卡：{}；其他显卡请用 --gpu-memory GIB 指定显存", list));
}

}  // namespace

std::span<const std::string> known_cards() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const KnownCard& card : table()) all.push_back(card.name);
    return all;
  }();
  return names;
}

Card find_card(std::string_view name) {
  const std::string wanted = simplified(name);
  for (const KnownCard& card : table()) {
    if (std::ranges::find(card.aliases, wanted) != card.aliases.end()) {
      return {card.full_name, card.memory_mib / 1024.0, card.compute_major};
    }
  }
  refuse(name);
}

// A hundred times what the largest card has, so that a number of bytes or MiB is noticed; and what no card that
// computes has less than, so that one of TiB is.
constexpr double kLargestCardGib = 20000;
constexpr double kSmallestCardGib = 0.25;

Card card_of_memory(double gib) {
  if (!(gib >= kSmallestCardGib && gib <= kLargestCardGib)) {
    throw Error(ErrorCode::usage, Text("a card cannot have {} GiB of memory", "显存不可能是 {} GiB", gib),
                Text("give it in GiB, for example --gpu-memory 24", "请以 GiB 为单位，例如 --gpu-memory 24"));
  }
  return {fmt::format("{} GiB card", gib), gib, std::nullopt};
}

}  // namespace wring
