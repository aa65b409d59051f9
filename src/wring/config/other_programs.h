#pragma once
#include <filesystem>
#include <optional>
#include <span>
#include <vector>

#include "wring/base/text.h"
#include "wring/config/nested_keys.h"

namespace wring {

// Whose file a configuration is, when it is recognisably not Wring's.
struct OtherProgram {
  Text name;           // as in "this looks like …"
  bool trains = true;  // false: it configures no training at all
};

struct Recognised {
  OtherProgram program;
  std::vector<NestedKey> seen;  // the keys that say so
};

// By the keys that only that program's files have. Absent: none that is known.
std::optional<Recognised> recognise(std::span<const NestedKey> keys);

// By the ending of the name, of files that are no YAML at all ("a Python file"); empty for others.
Text other_format(const std::filesystem::path& path);

}  // namespace wring
