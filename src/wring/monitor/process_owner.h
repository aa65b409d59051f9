#pragma once
#include <cstdint>
#include <string>

namespace wring {

// The user whose process that is: the name, else the number; "" where the process cannot be seen from here.
std::string process_owner(std::int64_t pid);

}  // namespace wring
