#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace wring {

// A key of a YAML text wherever it stands.
struct NestedKey {
  std::string path;  // "train.optim_g.lr"; what stands in a list has the list's path
  std::string name;  // "lr"
  int depth = 1;     // 1: at the first level
  int line = 0;      // counted from 1
  bool holds_map = false;
  bool holds_list = false;
};

// Every key down to some depth, in the file's order. `text` is one that parse_document() takes.
std::vector<NestedKey> nested_keys(std::string_view text);

}  // namespace wring
