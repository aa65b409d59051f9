#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace wring {

// A JSON value as text that is valid JSON whatever bytes its strings hold, and that is safe to print on a terminal. A
// byte that is no UTF-8 becomes \x{HH} inside the string; where a string holds such words itself, their backslash
// becomes \x{5c}: two strings that differ stay different, and every \x{HH} stands for one byte of the original. (\xHH
// is what without_controls() makes, which is a text like any other here.) Characters that steer a terminal are JSON's
// own escapes. indent: as of dump(); negative: one line.
std::string json_text(const nlohmann::json& value, int indent = -1);
std::string json_text(const nlohmann::ordered_json& value, int indent = -1);

}  // namespace wring
