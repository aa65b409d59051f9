#pragma once
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace wring {

// The top level of a YAML text before any key has a meaning. Everything that knows yaml-cpp is behind it.

enum class NodeKind { null, scalar, list, map };

struct ConfigNode {
  NodeKind kind = NodeKind::null;
  std::string text;                // of a scalar its value without quotes; of a list or map its YAML
  std::vector<std::string> items;  // of a list, when all of them are scalars
  bool operator==(const ConfigNode&) const = default;
};

struct DocumentEntry {
  std::string key;
  ConfigNode value;
  int line = 0;  // of the key, counted from 1
};

// Parses one YAML document whose top level is a map; an empty text gives no entries. Duplicates are refused.
// Throws Error{usage} naming `path` and the line: larger than 1 MiB, not UTF-8, not YAML, several documents,
// another top level than a map, a key given twice, a merge key (<<) at the top level.
std::vector<DocumentEntry> parse_document(std::string_view text, const std::filesystem::path& path);

// "configs/x.yaml:3", or "line 3" when there is no path.
std::string place(const std::filesystem::path& path, int line);

inline constexpr std::size_t kLargestConfigBytes = 1 << 20;

}  // namespace wring
