#pragma once
#include <filesystem>
#include <string>

namespace wring {

// True when the kernel has put the card to sleep (a laptop's second card): asking it anything would wake it.
// `pci_bus_id` as NVML writes it, "00000000:01:00.0"; false where /sys under `root` tells nothing.
bool is_card_asleep(const std::filesystem::path& root, const std::string& pci_bus_id);

// Whether the kernel may put the card to sleep at all. Servers' cards stay awake, and then nobody need look each tick.
bool may_card_sleep(const std::filesystem::path& root, const std::string& pci_bus_id);

}  // namespace wring
