#include "wring/config/reader.h"

#include <algorithm>
#include <fstream>

#include <fmt/format.h>

#include "wring/base/error.h"
#include "wring/base/files.h"
#include "wring/config/document.h"
#include "wring/config/keys.h"
#include "wring/config/own_config.h"
#include "wring/config/similar_key.h"
#include "wring/config/values.h"

namespace wring {
namespace fs = std::filesystem;
namespace {

[[noreturn]] void refuse(const std::string& where, std::string_view key, const BadValue& problem) {
  throw Error(ErrorCode::usage,
              Text(fmt::format("{}: {}: {}", where, key, problem.what.en),
                   fmt::format("{}：{}：{}", where, key, problem.what.zh)),
              problem.cure);
}

BadValue unknown_key(std::string_view key) {
  const Text what{"unknown key", "未知的键"};
  const std::string near = similar_key(key);
  if (near.empty()) return {what, {"docs/config.md lists the keys", "所有的键见 docs/config.md"}};
  return {what, {fmt::format("did you mean {}?", near), fmt::format("是否想写 {}？", near)}};
}

// Reads at most one byte more than a config may have, so that neither a disk image nor /dev/zero is slurped.
std::string read_bounded(const fs::path& path) {
  std::error_code ignored;
  std::ifstream in(path, std::ios::binary);
  if (!in || fs::is_directory(path, ignored)) return read_file(path);  // throws with the system's reason
  std::string text(kLargestConfigBytes + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  return text;
}

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// "100,200" or "[100, 200]" for a list; anything else is the value itself.
ConfigNode node_of_argument(const Key& key, std::string_view text) {
  ConfigNode node{NodeKind::scalar, std::string(text), {}};
  if (!std::holds_alternative<std::vector<std::int64_t> TrainConfig::*>(key.member)) return node;
  text = trimmed(text);
  if (text.starts_with('[') && text.ends_with(']')) text = text.substr(1, text.size() - 2);
  node.kind = NodeKind::list;
  node.text = "[]";
  while (!trimmed(text).empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    node.items.emplace_back(trimmed(text.substr(0, comma)));
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return node;
}

}  // namespace

const ConfigEntry* ConfigFile::find(std::string_view key) const {
  const auto found = std::ranges::find(entries, key, &ConfigEntry::key);
  return found == entries.end() ? nullptr : &*found;
}

ConfigFile read_config(const fs::path& path, UnknownKeys unknown) {
  return parse_config(read_bounded(path), path, unknown);
}

ConfigFile parse_config(std::string text, const fs::path& path, UnknownKeys unknown) {
  ConfigFile file;
  file.path = path;
  const bool own = unknown == UnknownKeys::keep;
  for (const DocumentEntry& entry : own ? parse_own_document(text, path) : parse_document(text, path)) {
    const Key* key = find_key(entry.key);
    const std::string where = place(path, entry.line);
    if (key == nullptr && unknown == UnknownKeys::reject) refuse(where, entry.key, unknown_key(entry.key));
    if (key != nullptr) {
      try {
        assign(file.values, *key, entry.value);
      } catch (const BadValue& problem) {
        refuse(where, entry.key, problem);
      }
    }
    file.entries.push_back({entry.key, entry.value.text, entry.line});
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
                Text(fmt::format("--set {}: not of the form key=value", assignment),
                     fmt::format("--set {}：不是“键=值”的形式", assignment)),
                Text("for example --set batch_size=32", "例如 --set batch_size=32"));
  }
  const std::string_view name = assignment.substr(0, equals);
  const Key* key = find_key(name);
  if (key == nullptr) refuse("--set", name, unknown_key(name));
  try {
    assign(config, *key, node_of_argument(*key, assignment.substr(equals + 1)));
  } catch (const BadValue& problem) {
    refuse("--set", name, problem);
  }
}

std::string to_yaml(const TrainConfig& config) {
  std::string yaml;
  for (const Key& key : keys()) yaml += fmt::format("{}: {}\n", key.name, value_text(config, key));
  return yaml;
}

}  // namespace wring
