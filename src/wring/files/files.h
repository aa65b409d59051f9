#pragma once
#include <filesystem>
#include <functional>
#include <ostream>
#include <string>
#include <string_view>

#include "wring/files/folder.h"

namespace wring {

// The whole file; of what is no regular file (a pipe) at most 64 MiB. A FIFO that nobody writes to is waited for three
// seconds. Throws Unreadable naming it and the reason; Error{failed} for such a FIFO.
std::string read_file(const std::filesystem::path& path);
// Its first bytes, at most so many.
std::string read_file(const std::filesystem::path& path, std::size_t most);
// Error{failed} where it is no regular file.
std::string read_file(const Folder& folder, const std::string& name);

// Writes a new file (new_file.h), flushes it to disk and renames it: afterwards `path` holds either all of the new
// content or what it held before. A link of this user, or of root, is followed and stays; another user's is refused.
// What killed processes left in that folder is removed, once a process. Throws Error{failed} naming the file and the
// reason.
void write_file_atomically(const std::filesystem::path& path, std::string_view content);
void write_file_atomically(const Folder& folder, const std::string& name, std::string_view content);

// The same for content that is written piece by piece; `write` may throw, and nothing is left behind then.
void write_file_atomically(const std::filesystem::path& path, const std::function<void(std::ostream&)>& write);
void write_file_atomically(const Folder& folder, const std::string& name,
                           const std::function<void(std::ostream&)>& write);

// Where a file of that path is to be written: its folder, opened, and its name there. Throws Error{failed} naming the
// file.
struct FilePlace {
  Folder folder;
  std::string name;
  std::filesystem::path path() const { return folder.path_of(name); }
};
FilePlace place_of_file(const std::filesystem::path& path);

// The running program's own path (/proc/self/exe).
std::filesystem::path this_program();

}  // namespace wring
