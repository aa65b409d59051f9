#pragma once
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace wring {

// All that Wring prints goes through these functions, so that no name, and no word of another program, reaches a
// terminal with what steers it (lines_without_controls). "Painted" text keeps the colours that paint() sets: what it
// holds from outside has been through without_controls(), paint() or Console::text().

// To standard error, as the locale can show it. A failure is passed over: where messages cannot be shown, nobody can be
// told, and the work goes on.
void write_message(std::string_view text);
void write_painted_message(std::string_view text);

// To standard output. finish_output() says where that failed.
void write_output(std::string_view text);
void write_painted_output(std::string_view text);

// What was written reaches its reader now. False where that has gone, as far as SIGPIPE is ignored.
bool flush_output();

// Whether the reader of standard output was found to have gone.
bool output_closed();

// The errno of the first write to standard output that failed; 0 where none has.
int output_error();

// On a terminal: back to the line's beginning, and nothing on it.
void clear_line();

template <typename... Values>
void print_out(fmt::format_string<Values...> format, Values&&... values) {
  write_output(fmt::format(format, std::forward<Values>(values)...));
}
template <typename... Values>
void print_painted(fmt::format_string<Values...> format, Values&&... values) {
  write_painted_output(fmt::format(format, std::forward<Values>(values)...));
}

// Opens /dev/null in the place of a standard stream that is closed, so that no file which is opened later gets its
// number, and with it what is printed. It closes on exec: for a child the stream is closed too.
void open_standard_streams();

}  // namespace wring
