#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "wring/base/error.h"
#include "wring/base/message.h"
#include "wring/base/text.h"

namespace wring {

// Command-line arguments without the program's name.
using Arguments = std::vector<std::string>;

// What every command takes.
struct CommonOptions {
  Language language = Language::en;
  std::string color = "auto";  // auto, never, always
  bool quiet = false;
};

// --lang, --color and --quiet wherever they stand, for messages that are needed before the arguments are
// parsed. Wrong values are passed over here and refused by the parser.
CommonOptions early_options(std::span<const std::string> arguments);

// How to write to this user: settled once from the options, the locale, NO_COLOR, FORCE_COLOR and the
// terminal.
struct Console {
  Language language = Language::en;
  bool utf8 = false;
  bool color_out = false;
  bool color_err = false;
  bool quiet = false;

  // The text in the user's language, without what steers a terminal and without the signs that it cannot show.
  std::string text(const Text& both) const;
};

Console console_for(const CommonOptions& options);

// A cure, and where to look when a command fails for the machine's sake.
Text with_doctor(const Text& cure);

// "error: …" and "  → hint" on standard error.
void print_error(const Error& error, const CommonOptions& options);

// "warning: …" and "  → cure" on standard error; nothing when quiet.
void print_warning(const Text& what, const Text& cure, const Console& console);

// A file that grows past the shell's limit (ulimit -f) is then an error like a full disk, not the end of the process.
void survive_file_size_limit();

// Throws Error{failed} when what was printed could not be written (a full disk behind a redirection). A reader that has
// gone is no failure.
void finish_output();

// What the user is told of an exception that reached main: itself where it is an Error; memory that ended, and threads
// that cannot be had, are told as that.
Error as_error(const std::exception& failure);

// Runs the command; prints what it throws and returns the exit code that belongs to it.
template <typename Command>
int run_guarded(const CommonOptions& options, Command&& command) {
  open_standard_streams();
  survive_file_size_limit();
  try {
    const int code = command();
    finish_output();
    return code;
  } catch (const std::exception& failure) {
    const Error error = as_error(failure);
    print_error(error, options);
    return static_cast<int>(error.code());
  }
}

}  // namespace wring
