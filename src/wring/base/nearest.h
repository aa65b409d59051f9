#pragma once
#include <span>
#include <string>
#include <string_view>

namespace wring {

// The candidate with the smallest edit distance to `name`, or "" when none is near: two letters may change, of longer
// names a third, and never every letter. For "did you mean …?".
std::string nearest_name(std::string_view name, std::span<const std::string> candidates);

}  // namespace wring
