#pragma once
#include <string>

namespace wring {

// "0:07", "12:34", "1:02:03", "3d 04:05"; "?" for what is negative or not finite.
std::string format_duration(double seconds);

}  // namespace wring
