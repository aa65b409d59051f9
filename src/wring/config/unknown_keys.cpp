#include "wring/config/unknown_keys.h"

#include <fmt/format.h>

#include "wring/config/keys.h"

namespace wring {

Text unknown_keys_note(const ConfigFile& file) {
  Text list;
  for (const ConfigEntry& entry : file.entries) {
    if (find_key(entry.key) != nullptr) continue;
    list.append({", ", "、"}, {"{} (line {})", "{}（第 {} 行）", entry.key, entry.line});
  }
  if (list.empty()) return {};
  return {
      "these keys are not Wring's and stay as they are: {}; remove them before wring train, which refuses unknown keys",
      "以下键不属于 Wring，保持原样：{}；wring train 拒绝未知的键，训练前请删除", list};
}

}  // namespace wring
