#pragma once
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "wring/base/text.h"
#include "wring/config/train_config.h"

namespace wring {

// Which member of TrainConfig a key fills; the alternative gives the key's type.
using Member =
    std::variant<std::int64_t TrainConfig::*, double TrainConfig::*, bool TrainConfig::*, std::string TrainConfig::*,
                 std::vector<std::int64_t> TrainConfig::*, std::optional<bool> TrainConfig::*>;

// One row of the table of keys: the single source for reading, checking, editing and documenting configs.
struct Key {
  std::string name;
  Member member;
  std::string unit;  // "" where there is none
  Text effect;       // one sentence: what it changes
  // Of a number, or of each number of a list, inclusive.
  double minimum = -std::numeric_limits<double>::infinity();
  double maximum = std::numeric_limits<double>::infinity();
  std::vector<std::string> choices{};  // of a string or an integer; empty: any
  Text off{};                          // what 0 says ("no warm-up"), where others write -1 for it; "": nothing
};

// All keys, in the order of the documentation.
std::span<const Key> keys();

// The key of that name, or nullptr.
const Key* find_key(std::string_view name);

// The names of all keys, for suggestions.
std::span<const std::string> key_names();

}  // namespace wring
