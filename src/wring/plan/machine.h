#pragma once
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace wring {

struct Inventory;  // wring/gpu/inventory.h

// A graphics card as far as a plan depends on it.
struct Card {
  std::string name;                  // "NVIDIA GeForce RTX 4090"; "24 GiB card" when only the memory is known
  double memory_gib = 0.0;           // as the driver reports it: a little less than the number on the box
  std::optional<int> compute_major;  // 8 or more: bf16; absent when only the memory is known
};

// What a configuration is planned for. Without a card the plan is made in basic mode.
struct Machine {
  std::optional<Card> card;  // with several, the one with the least memory: each gets the same batch
  int gpus = 0;
  int cpu_cores = 1;  // that this process may use
  // VGG-19's weights where PyTorch keeps them; an empty path where there are none, absent of a machine that is not
  // here.
  std::optional<std::filesystem::path> vgg_weights{};
};

// A card that need not be present, by name: "4090", "RTX 4090", "NVIDIA GeForce RTX 4090", "a100-40gb", ….
// Throws Error{usage} listing the known names, the nearest one first.
Card find_card(std::string_view name);

// Names that find_card accepts, one for each card, as they are usually written ("RTX 4090").
std::span<const std::string> known_cards();

// Throws Error{usage} unless gib is positive and finite.
Card card_of_memory(double gib);

// The machine behind an inventory; a card whose memory could not be read is left out.
Machine machine_of(const Inventory& inventory, int cpu_cores);

// The CPU cores behind an affinity mask of `mask_cores` under a control group's quota, rounded up. At least 1.
int usable_cores(int mask_cores, std::optional<double> quota_cores);

// The same for this process.
int usable_cores();

// Asks this computer (NVML, nvidia-smi, the CPU mask and quota). Never throws for a missing GPU.
Machine detect_machine();

}  // namespace wring
