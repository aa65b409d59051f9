#pragma once
#include <filesystem>
#include <functional>
#include <ostream>
#include <string>
#include <string_view>

namespace wring {

// The whole file. Throws Error{failed} naming the file and the system's reason.
std::string read_file(const std::filesystem::path& path);

// Writes to a temporary file beside `path`, flushes it to disk, then renames: afterwards `path` holds either
// all of the new content or what it held before. Throws Error{failed} naming the file and the reason.
void write_file_atomically(const std::filesystem::path& path, std::string_view content);

// The same for content that is written piece by piece; `write` may throw, and nothing is left behind then.
void write_file_atomically(const std::filesystem::path& path, const std::function<void(std::ostream&)>& write);

// Creates the folder and its parents. Throws Error{failed} naming the folder and the reason.
void make_folder(const std::filesystem::path& path);

// The running program's own path (/proc/self/exe).
std::filesystem::path this_program();

}  // namespace wring
