#pragma once
#include <filesystem>
#include <string>
#include <vector>

namespace wring {

// The word as a shell reads it back, for a line that a user pastes: unchanged where it needs no quotes, so that it may
// also stand within quotes. What a terminal must not get (without_controls) is written as $'\033', which bash, zsh, ksh
// and POSIX.1-2024 read.
std::string shell_quoted(const std::string& word);

// The same for a file's name as an argument: one that begins with a dash would be taken for an option.
std::string shell_quoted_path(const std::filesystem::path& path);

// The word as every POSIX shell reads it back, with all its bytes: to be run, not to be shown.
std::string sh_quoted(const std::string& word);

// The words with spaces between them, each quoted to be pasted.
std::string shell_line(const std::vector<std::string>& words);

}  // namespace wring
