#include "wring/config/own_config.h"

#include <algorithm>
#include <array>
#include <set>

#include <fmt/format.h>

#include "wring/base/error.h"
#include "wring/config/keys.h"
#include "wring/config/lines.h"
#include "wring/config/other_programs.h"
#include "wring/config/similar_key.h"
#include "wring/process/shell_words.h"

namespace wring {
namespace fs = std::filesystem;
namespace {

// Hardly another program's flat file has two of these, so a file with two is Wring's whatever else stands in it.
constexpr std::array<std::string_view, 4> kOfWringAlone = {"base_channels", "num_blocks", "patch_size", "scale_factor"};
constexpr std::size_t kNamedAtMost = 4;

const Text kWatch{"wring monitor -- COMMAND watches the GPU while that program trains, and says what to do",
                  "wring monitor -- 命令 可在该程序训练时监测 GPU 并给出建议"};
const Text kKeys{"docs/config.md lists the keys of a configuration of Wring's", "Wring 配置的键见 docs/config.md"};

Text joined(const Text& first, const Text& second) {
  return {"{}; {}", "{}；{}", first, second};
}

[[noreturn]] void refuse(const std::string& where, const Text& what, const Text& cure) {
  throw Error(ErrorCode::usage, Text("{}: {}", "{}：{}", where, what), cure);
}

bool is_own(const DocumentEntry& entry) {
  return find_key(entry.key) != nullptr && entry.value.kind != NodeKind::map;
}

// "network_g (line 25), datasets (line 8)".
template <class Keys, class NameOf>
Text list_of(const Keys& keys, NameOf name_of) {
  Text list;
  std::size_t named = 0;
  for (const auto& key : keys) {
    if (named++ == kNamedAtMost) {
      list += Text(", …", "……");
      break;
    }
    list.append({", ", "、"}, {"{} (line {})", "{}（第 {} 行）", name_of(key), key.line});
  }
  return list;
}

bool is_whole_number(const std::string& text) {
  return !text.empty() && text.size() < 10 &&
         std::ranges::all_of(text, [](unsigned char c) { return c >= '0' && c <= '9'; });
}

// What Wring can do for the program that reads the file: its batch size is found by measuring where it stands at the
// first level of a file that can be edited.
Text cure_for(const std::vector<DocumentEntry>& entries, std::string_view text, const fs::path& path) {
  const auto batch = std::ranges::find_if(entries, [](const DocumentEntry& entry) {
    const bool is_batch = entry.key == "batch_size" || similar_key(entry.key) == "batch_size";
    return is_batch && entry.value.kind == NodeKind::scalar && is_whole_number(entry.value.text);
  });
  if (batch == entries.end() || !locate_values(text).editable) return joined(kWatch, kKeys);
  const std::string key = batch->key == "batch_size" ? "" : " --batch-key " + batch->key;
  const std::string command =
      fmt::format("wring benchmark {} --command \"… {{config}} …\"{}", shell_quoted_path(path), key);
  return joined({command + " finds the batch size of the program that reads this file",
                 command + " 可为读取此文件的程序搜索批大小"},
                joined(kWatch, kKeys));
}

class OwnConfig {
 public:
  OwnConfig(const std::vector<DocumentEntry>& entries, std::string_view text, const fs::path& path)
      : entries_(entries), text_(text), path_(path) {
    for (const DocumentEntry& entry : entries) {
      if (is_own(entry)) ++own_;
      const bool hallmark = std::ranges::find(kOfWringAlone, entry.key) != kOfWringAlone.end();
      if (hallmark && is_own(entry)) ++of_wring_alone_;
    }
  }

  void require() const {
    if (of_wring_alone_ < 2) {
      const std::vector<NestedKey> keys = nested_keys(text_);
      if (const auto other = recognise(keys)) refuse_program(*other);
      refuse_groups();
      refuse_slips();
      if (own_ == 0) refuse_without_own();
      refuse_nested(keys);
    }
    refuse_slips();
  }

 private:
  [[noreturn]] void refuse_program(const Recognised& other) const {
    const Text seen = list_of(other.seen, [](const NestedKey& key) { return key.path; });
    const Text cure = other.program.trains
                          ? cure_for(entries_, text_, path_)
                          : joined({"give the configuration of a training", "请给出训练用的配置"}, kKeys);
    refuse(path_.string(),
           {"this looks like {}, by its {}, and is no configuration of Wring's",
            "这看起来是{}（含有 {}），不是 Wring 的配置", other.program.name, seen},
           cure);
  }

  // `optimizer:` with lines below it, as nested configurations have it.
  void refuse_groups() const {
    const auto group = std::ranges::find_if(entries_, [](const DocumentEntry& entry) {
      return find_key(entry.key) != nullptr && entry.value.kind == NodeKind::map;
    });
    if (group == entries_.end()) return;
    refuse(place(path_, group->line),
           {"{} holds a group of settings, as in another program's file; Wring's are flat",
            "{} 下是一组设置，这是其他程序的写法；Wring 的配置没有层级", group->key},
           cure_for(entries_, text_, path_));
  }

  struct Slip {
    std::string key;
    std::string meant;
    int line;
  };

  // Keys that stand for one of Wring's which the file does not have.
  std::vector<Slip> slips() const {
    std::vector<Slip> found;
    for (const DocumentEntry& entry : entries_) {
      if (entry.value.kind == NodeKind::map) continue;
      const std::string meant = similar_key(entry.key);
      const bool there = std::ranges::find(entries_, meant, &DocumentEntry::key) != entries_.end();
      if (!meant.empty() && !there) found.push_back({entry.key, meant, entry.line});
    }
    return found;
  }

  void refuse_slips() const {
    const std::vector<Slip> found = slips();
    if (found.empty()) return;
    Text cure{"did you mean {}?", "是否想写 {}？", found.front().meant};
    for (std::size_t i = 1; i < found.size(); ++i) {
      const Slip& slip = found[i];
      cure += Text("{} {} (line {}): {}", "{}{}（第 {} 行）：{}", i == 1 ? Text{" And", "另有 "} : Text{",", "，"},
                   slip.key, slip.line, slip.meant);
    }
    if (own_ == 0) {
      const Text other = cure_for(entries_, text_, path_);
      cure += Text("{} If another program reads this file: {}", "{}如果此文件由其他程序读取：{}",
                   found.size() > 1 ? Text{".", "。"} : Text{}, other);
    }
    refuse(fmt::format("{}: {}", place(path_, found.front().line), found.front().key), {"unknown key", "未知的键"},
           cure);
  }

  [[noreturn]] void refuse_without_own() const {
    const Text seen = list_of(entries_, [](const DocumentEntry& entry) { return entry.key; });
    refuse(path_.string(),
           {"none of the keys at its first level is one of Wring's: {}", "第一层没有任何 Wring 的键，只有 {}", seen},
           joined(kKeys, {"if another program trains with this file: {}", "如果此文件由其他训练程序读取：{}", kWatch}));
  }

  // `train:` with batch_size and lr below it, beside a `seed` at the first level.
  void refuse_nested(const std::vector<NestedKey>& keys) const {
    std::vector<NestedKey> nested;
    std::set<std::string> names;
    for (const NestedKey& key : keys) {
      const bool known = find_key(key.name) != nullptr && key.depth > 1 && !key.holds_map;
      const bool there = std::ranges::find(entries_, key.name, &DocumentEntry::key) != entries_.end();
      if (known && !there && names.insert(key.name).second) nested.push_back(key);
    }
    if (nested.empty() || nested.size() < own_) return;
    const Text seen = list_of(nested, [](const NestedKey& key) { return key.path; });
    refuse(path_.string(),
           {"its settings stand in groups, as in another program's file: {}; Wring's are flat",
            "其设置分组书写，这是其他程序的写法：{}；Wring 的配置没有层级", seen},
           cure_for(entries_, text_, path_));
  }

  const std::vector<DocumentEntry>& entries_;
  std::string_view text_;
  const fs::path& path_;
  std::size_t own_ = 0;             // keys of Wring's at the first level
  std::size_t of_wring_alone_ = 0;  // of these, such as hardly another program has
};

}  // namespace

std::vector<DocumentEntry> parse_own_document(std::string_view text, const fs::path& path) {
  std::vector<DocumentEntry> entries;
  try {
    entries = parse_document(text, path);
  } catch (const Error&) {
    const Text format = other_format(path);
    if (format.empty()) throw;
    refuse(path.string(), {"this is {}, and no configuration of Wring's", "这是{}，不是 Wring 的配置", format},
           joined(kWatch, kKeys));
  }
  if (!entries.empty()) OwnConfig(entries, text, path).require();
  return entries;
}

}  // namespace wring
