#pragma once
#include <string_view>

namespace wring {

// Writes the text to standard error, as the locale can show it, and passes a failure over: where messages cannot be
// shown, nobody can be told, and the work goes on.
void write_message(std::string_view text);

// Opens /dev/null in the place of a standard stream that is closed, so that no file which is opened later gets its
// number, and with it what is printed.
void open_standard_streams();

}  // namespace wring
