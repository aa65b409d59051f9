#include "wring/gpu/nvml/pci_power.h"

#include <cctype>
#include <fstream>

namespace wring {
namespace {

// /sys writes the domain with four digits, NVML with eight, and letters in the other case.
std::string sysfs_bus_id(std::string id) {
  if (id.size() == 16 && id.starts_with("0000")) id.erase(0, 4);
  for (char& c : id) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return id;
}

std::string read_word(const std::filesystem::path& root, const std::string& pci_bus_id, const char* name) {
  if (pci_bus_id.empty()) return "";
  std::ifstream in(root / "sys/bus/pci/devices" / sysfs_bus_id(pci_bus_id) / "power" / name);
  std::string word;
  in >> word;
  return word;
}

}  // namespace

bool is_card_asleep(const std::filesystem::path& root, const std::string& pci_bus_id) {
  return read_word(root, pci_bus_id, "runtime_status") == "suspended";
}

bool may_card_sleep(const std::filesystem::path& root, const std::string& pci_bus_id) {
  return read_word(root, pci_bus_id, "control") == "auto";
}

}  // namespace wring
