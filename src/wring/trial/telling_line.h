#pragma once
#include <string>
#include <string_view>

namespace wring {

// The line of a program's output that says why it failed, without colours and control characters; "" where it printed
// nothing that says anything. In this order: the exception of the last Python traceback (of a group its first member,
// of a launcher's the one before), what a C++ program was terminated by, the last line that calls itself an error, the
// last line with words in it. A line that ends in a colon takes the next one along.
std::string telling_line(std::string_view output);

// The message of a trial that failed, its telling line first: `message` as it is where that leads already, or where it
// holds no traceback (a program chose its own words).
std::string led_by_telling_line(const std::string& message);

// The first line of a message that is led by its telling line, at most 200 bytes.
std::string first_words(std::string_view message);

}  // namespace wring
