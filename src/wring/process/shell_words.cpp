#include "wring/process/shell_words.h"

#include <string_view>

#include <fmt/format.h>

#include "wring/base/display_text.h"

namespace wring {
namespace {

// $'…', with what is no character that a terminal may get in octal.
std::string ansi_c_quoted(std::string_view word) {
  std::string result = "$'";
  while (!word.empty()) {
    const Character character = first_character(word);
    const std::string_view bytes = word.substr(0, character.bytes);
    if (!is_utf8(character) || is_control(character)) {
      for (const char byte : bytes) result += fmt::format("\\{:03o}", static_cast<unsigned char>(byte));
    } else {
      if (bytes == "'" || bytes == "\\") result += '\\';
      result += bytes;
    }
    word.remove_prefix(bytes.size());
  }
  return result + '\'';
}

}  // namespace

std::string shell_quoted(const std::string& word) {
  return without_controls(word) == word ? sh_quoted(word) : ansi_c_quoted(word);
}

std::string shell_quoted_path(const std::filesystem::path& path) {
  const std::string name = path.string();
  return shell_quoted(name.starts_with('-') ? "./" + name : name);
}

std::string sh_quoted(const std::string& word) {
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
