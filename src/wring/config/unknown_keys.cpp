#include "wring/config/unknown_keys.h"

#include <fmt/format.h>

#include "wring/config/keys.h"

namespace wring {

Text unknown_keys_note(const ConfigFile& file) {
  Text list;
  for (const ConfigEntry& entry : file.entries) {
    if (find_key(entry.key) != nullptr) continue;
    list.en += fmt::format("{}{} (line {})", list.en.empty() ? "" : ", ", entry.key, entry.line);
    list.zh += fmt::format("{}{}（第 {} 行）", list.zh.empty() ? "" : "、", entry.key, entry.line);
  }
  if (list.empty()) return {};
  return {"these keys are not Wring's and stay as they are: " + list.en +
              "; remove them before wring train, which refuses unknown keys",
          "以下键不属于 Wring，保持原样：" + list.zh + "；wring train 拒绝未知的键，训练前请删除"};
}

}  // namespace wring
