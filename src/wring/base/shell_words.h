#pragma once
#include <string>
#include <vector>

namespace wring {

// The word as a shell reads it back: unchanged where it needs no quotes, so that it may also stand within quotes.
std::string shell_quoted(const std::string& word);

// The words with spaces between them, each quoted.
std::string shell_line(const std::vector<std::string>& words);

}  // namespace wring
