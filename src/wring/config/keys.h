#pragma once
#include <span>
#include <string>
#include <string_view>

#include "wring/config/key.h"

namespace wring {

// All keys, in the order of the documentation.
std::span<const Key> keys();

// The key of that name, or nullptr.
const Key* find_key(std::string_view name);

// The names of all keys, for suggestions.
std::span<const std::string> key_names();

}  // namespace wring
