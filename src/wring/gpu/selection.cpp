#include "wring/gpu/selection.h"

#include <algorithm>
#include <cctype>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "wring/base/error.h"

namespace wring {
namespace {

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

bool is_number(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
}

// "19:00.0" fits "00000000:19:00.0".
bool is_bus_id(const Gpu& gpu, const std::string& name) {
  const std::string id = lower(gpu.pci_bus_id);
  const std::string wanted = lower(name);
  if (wanted.find(':') == std::string::npos || !id.ends_with(wanted)) return false;
  const auto before = id.size() - wanted.size();
  return before == 0 || id[before - 1] == ':' || id.substr(0, before).find_first_not_of('0') == std::string::npos;
}

bool fits(const Gpu& gpu, const std::string& name) {
  constexpr std::size_t kLeastOfUuid = 5;  // "GPU-x"
  if (is_number(name)) return std::to_string(gpu.index) == name;
  if (is_bus_id(gpu, name)) return true;
  return name.size() >= kLeastOfUuid && lower(gpu.uuid).starts_with(lower(name));
}

std::string describe(const Gpu& gpu) {
  return gpu.mig_parent.empty() ? fmt::format("{} ({})", gpu.index, gpu.uuid) : gpu.uuid;
}

Error unknown(const std::vector<Gpu>& gpus, const std::string& name, bool several) {
  std::vector<std::string> known;
  for (const Gpu& gpu : gpus) known.push_back(describe(gpu));
  const std::string list = fmt::format("{}", fmt::join(known, ", "));
  const Text what = several ? Text("\"{}\" fits several GPUs", "“{}”对应多块 GPU", name)
                            : Text("there is no GPU \"{}\"", "没有 GPU“{}”", name);
  return {
      ErrorCode::usage,
      what,
      {"an index, a UUID or a PCI bus id of one of these: {}", "请给出其中之一的编号、UUID 或 PCI 总线号：{}", list}};
}

}  // namespace

std::vector<std::size_t> select_gpus(const std::vector<Gpu>& gpus, const std::vector<std::string>& wanted) {
  std::set<std::size_t> places;
  for (const std::string& name : wanted) {
    std::set<std::size_t> found;
    std::set<std::string> cards;  // a card and its instances are one answer
    for (std::size_t i = 0; i < gpus.size(); ++i) {
      if (!fits(gpus[i], name)) continue;
      found.insert(i);
      cards.insert(gpus[i].pci_bus_id + (is_number(name) || is_bus_id(gpus[i], name) ? "" : gpus[i].uuid));
    }
    if (found.empty() || cards.size() > 1) throw unknown(gpus, name, cards.size() > 1);
    places.insert(found.begin(), found.end());
  }
  std::vector<std::size_t> order(places.begin(), places.end());
  if (!wanted.empty()) return order;
  for (std::size_t i = 0; i < gpus.size(); ++i) order.push_back(i);
  return order;
}

}  // namespace wring
