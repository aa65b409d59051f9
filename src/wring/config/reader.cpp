#include "wring/config/reader.h"

#include <algorithm>

#include <fmt/format.h>

#include "wring/base/error.h"
#include "wring/config/document.h"
#include "wring/config/keys.h"
#include "wring/config/lookalikes.h"
#include "wring/config/own_config.h"
#include "wring/config/similar_key.h"
#include "wring/config/values.h"
#include "wring/files/files.h"

namespace wring {
namespace fs = std::filesystem;
namespace {

[[noreturn]] void refuse(const Text& where, const BadValue& problem) {
  throw Error(ErrorCode::usage, Text("{}: {}", "{}：{}", where, problem.what), problem.cure);
}

Text key_at(const std::string& place, std::string_view key) {
  return {"{}: {}", "{}：{}", place, key};
}

// A key that only looks like one of ours would be left out without a word where foreign keys are allowed.
void refuse_lookalike(const std::string& where, const std::string& key) {
  const auto look = find_lookalike(key);
  const std::string plain(trimmed(without_lookalikes(key)));
  if (!look || find_key(plain) == nullptr) return;
  refuse(key_at(where, plain), {{"the key has {}", "键中有{}", look->name}, {"write " + plain, "请写成 " + plain}});
}

BadValue unknown_key(std::string_view key) {
  const Text what{"unknown key", "未知的键"};
  const std::string near = similar_key(key);
  if (near.empty()) return {what, {"docs/config.md lists the keys", "所有的键见 docs/config.md"}};
  return {what, {"did you mean {}?", "是否想写 {}？", near}};
}

}  // namespace

const ConfigEntry* ConfigFile::find(std::string_view key) const {
  const auto found = std::ranges::find(entries, key, &ConfigEntry::key);
  return found == entries.end() || found->empty ? nullptr : &*found;
}

ConfigFile read_config(const fs::path& path, UnknownKeys unknown) {
  // At most one byte more than a config may have, so that neither a disk image nor /dev/zero is slurped.
  return parse_config(read_file(path, kLargestConfigBytes + 1), path, unknown);
}

ConfigFile parse_config(std::string text, const fs::path& path, UnknownKeys unknown) {
  ConfigFile file;
  file.path = path;
  const bool own = unknown == UnknownKeys::keep;
  for (const DocumentEntry& entry : own ? parse_own_document(text, path) : parse_document(text, path)) {
    const Key* key = find_key(entry.key);
    const std::string where = place(path, entry.line);
    if (key == nullptr) refuse_lookalike(where, entry.key);
    if (key == nullptr && unknown == UnknownKeys::reject) refuse(key_at(where, entry.key), unknown_key(entry.key));
    if (key != nullptr) {
      try {
        assign(file.values, *key, entry.value);
      } catch (const BadValue& problem) {
        refuse(key_at(where, entry.key), problem);
      }
    }
    file.entries.push_back({entry.key, entry.value.text, entry.line, entry.value.kind == NodeKind::null});
  }
  if (file.entries.empty()) {
    throw Error(ErrorCode::usage,
                Text(path.string() + ": the file holds no settings", path.string() + "：文件中没有任何设置"),
                Text("write one 'key: value' a line, or start from configs/lightweight_config.yaml",
                     "每行写一个“键: 值”，或从 configs/lightweight_config.yaml 开始"));
  }
  file.text = std::move(text);
  return file;
}

void set_value(TrainConfig& config, std::string_view assignment) {
  const std::size_t equals = assignment.find('=');
  if (equals == std::string_view::npos || equals == 0) {
    throw Error(ErrorCode::usage,
                Text("--set {}: not of the form key=value", "--set {}：不是“键=值”的形式", assignment),
                Text("for example --set batch_size=32", "例如 --set batch_size=32"));
  }
  const std::string_view name = assignment.substr(0, equals);
  const Key* key = find_key(name);
  const std::string as_typed = fmt::format("--set {}", assignment);
  if (key == nullptr) refuse(as_typed, unknown_key(name));
  try {
    assign(config, *key, node_of_argument(*key, assignment.substr(equals + 1)));
  } catch (const BadValue& problem) {
    refuse(as_typed, problem);
  }
}

bool try_value(TrainConfig& config, const std::string& key, const std::string& value) {
  const Key* known = find_key(key);
  if (known == nullptr) return false;
  try {
    assign(config, *known, node_of_argument(*known, value));
  } catch (const BadValue&) {
    return false;
  }
  return true;
}

std::string to_yaml(const TrainConfig& config) {
  std::string yaml;
  for (const Key& key : keys()) yaml += fmt::format("{}: {}\n", key.name, value_text(config, key));
  return yaml;
}

}  // namespace wring
