#include "wring/base/shell_words.h"

namespace wring {

std::string shell_quoted(const std::string& word) {
  const bool plain =
      word.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./+@%:,=") ==
      std::string::npos;
  if (plain && !word.empty()) return word;
  std::string result(1, '\'');
  for (const char c : word) {
    if (c == '\'') {
      result.append("'\\''");
    } else {
      result.push_back(c);
    }
  }
  result.push_back('\'');
  return result;
}

std::string shell_line(const std::vector<std::string>& words) {
  std::string line;
  for (const std::string& word : words) {
    if (!line.empty()) line.push_back(' ');
    line.append(shell_quoted(word));
  }
  return line;
}

}  // namespace wring
