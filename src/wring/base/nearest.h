#pragma once
#include <span>
#include <string>
#include <string_view>

namespace wring {

// The candidate with the smallest edit distance to `name`, or "" when none is near (more than a third of it, or
// every letter of a short one, would have to change). For "did you mean …?".
std::string nearest_name(std::string_view name, std::span<const std::string> candidates);

}  // namespace wring
