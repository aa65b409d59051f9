#include "wring/gpu/visible_gpus.h"

#include <algorithm>
#include <string>

#include "wring/base/error.h"
#include "wring/gpu/selection.h"

namespace wring {

std::vector<Gpu> visible_gpus(const std::vector<Gpu>& gpus, std::optional<std::string_view> variable) {
  if (!variable) return gpus;
  const std::string list(*variable);
  std::vector<Gpu> visible;
  for (std::size_t begin = 0; begin <= list.size();) {
    const std::size_t end = std::min(list.find(',', begin), list.size());
    const std::string name = list.substr(begin, end - begin);
    if (name.empty()) break;
    try {
      for (const std::size_t place : select_gpus(gpus, {name})) visible.push_back(gpus[place]);
    } catch (const Error&) {
      break;
    }
    begin = end + 1;
  }
  return visible;
}

}  // namespace wring
