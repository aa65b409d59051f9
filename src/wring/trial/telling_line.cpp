#include "wring/trial/telling_line.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <vector>

#include "wring/base/display_text.h"

namespace wring {
namespace {

constexpr std::size_t kLongestWords = 200;
constexpr std::string_view kHeader = "Traceback (most recent call last)";
constexpr std::string_view kGroupHeader = "Exception Group Traceback";
constexpr std::string_view kTerminate = "terminate called after throwing an instance of '";

// Launchers that only tell of a child which has told its own story before.
constexpr std::array<std::string_view, 3> kLaunchers = {"ChildFailedError", "CalledProcessError",
                                                        "ProcessRaisedException"};
// What a shell or a runtime adds to whatever happened.
constexpr std::array<std::string_view, 5> kAfterwords = {"Aborted (", "note:", "warnings.warn(",
                                                         "Set the environment variable HYDRA", "→"};
constexpr std::array<std::string_view, 5> kErrorNames = {"Error", "Exception", "Interrupt", "Exit", "Failure"};
constexpr std::array<std::string_view, 7> kErrorBegins = {
    "error:", "fatal:", "fatal error:", "fatal python error:", "panic:", "exception in thread", "错误："};
constexpr std::array<std::string_view, 6> kErrorAmong = {": error: ", ": fatal error: ", " ERROR ",
                                                         "[ERROR]",   "ERROR:",          "' panicked at "};

bool is_space(char c) {
  return c == ' ' || c == '\t';
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

// Without what colours a terminal: ESC [ … letter.
std::string without_colours(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\x1b' || i + 1 >= text.size() || text[i + 1] != '[') {
      plain += text[i];
      continue;
    }
    for (i += 2; i < text.size() && (text[i] < '@' || text[i] > '~');) ++i;
  }
  return plain;
}

struct Line {
  std::string_view words;  // without a rank's prefix, without a group's frame
  bool indented = false;   // beyond that frame
  bool in_group = false;
};

// "[rank0]: " of a distributed program; "  | " and "  + " of a group of exceptions, whose lines stand one step in.
Line line_of(std::string_view text) {
  Line line;
  if (text.starts_with("[rank")) {
    const std::size_t end = text.find("]: ");
    if (end != std::string_view::npos) text.remove_prefix(end + 3);
  }
  const std::size_t frame = text.find_first_not_of(' ');
  if (frame != std::string_view::npos && frame >= 2 && (text[frame] == '|' || text[frame] == '+')) {
    line.in_group = true;
    text.remove_prefix(frame + 1);
    if (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  }
  line.indented = !text.empty() && is_space(text.front());
  line.words = trimmed(text);
  return line;
}

std::vector<Line> lines_of(std::string_view text) {
  std::vector<Line> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of("\r\n"), text.size());
    lines.push_back(line_of(text.substr(0, end)));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

// "module.Name", before a colon or the end: the exception's name; empty for any other line.
std::string_view exception_name(std::string_view words) {
  const std::string_view name = words.substr(0, words.find(':'));
  const bool plain = std::ranges::all_of(
      name, [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.'; });
  if (name.empty() || !plain || std::isdigit(static_cast<unsigned char>(name.front())) != 0) return {};
  return name;
}

// A name that is an exception's also where no traceback stands above it.
bool names_an_error(std::string_view words) {
  const std::string_view name = exception_name(words);
  return std::ranges::any_of(kErrorNames, [&](std::string_view end) { return name.ends_with(end); });
}

bool calls_itself_an_error(const Line& line) {
  std::string lower(line.words.substr(0, 32));
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const auto begins = [&](std::string_view label) { return lower.starts_with(label); };
  const auto holds = [&](std::string_view label) { return line.words.find(label) != std::string_view::npos; };
  return std::ranges::any_of(kErrorBegins, begins) || std::ranges::any_of(kErrorAmong, holds) ||
         (!line.indented && names_an_error(line.words));
}

// Letters or digits, of any language: no ruler, no ^^^^ mark.
bool has_words(std::string_view words) {
  std::string_view left = words;
  while (!left.empty()) {
    const Character character = first_character(left);
    const bool box = character.code >= 0x2010 && character.code < 0x2E00;  // dashes, arrows, boxes, blocks
    if (character.code >= 0x80 ? !box : std::isalnum(static_cast<int>(character.code)) != 0) return true;
    left.remove_prefix(character.bytes);
  }
  return false;
}

class Ending {
 public:
  explicit Ending(std::string_view output) : lines_(lines_of(output)) {}

  std::string telling() const {
    for (const auto& found : {exception(), terminated(), labelled(), last()}) {
      if (found) return *found;
    }
    return "";
  }
  bool has_traceback() const { return header_before(lines_.size()).has_value(); }

 private:
  using Index = std::optional<std::size_t>;

  Index header_before(std::size_t end) const {
    for (std::size_t i = end; i-- > 0;) {
      if (lines_[i].words.starts_with(kHeader) || lines_[i].words.starts_with(kGroupHeader)) return i;
    }
    return std::nullopt;
  }

  // The first line after a header that is not indented beyond it and has an exception's form.
  Index exception_after(std::size_t header) const {
    for (std::size_t i = header + 1; i < lines_.size(); ++i) {
      const Line& line = lines_[i];
      if (line.words.starts_with(kHeader)) return std::nullopt;
      const bool level = !line.indented && line.in_group == lines_[header].in_group;
      if (level && !exception_name(line.words).empty()) return i;
    }
    return std::nullopt;
  }

  std::optional<std::string> exception() const {
    std::optional<std::string> launchers;
    for (Index header = header_before(lines_.size()); header; header = header_before(*header)) {
      const bool member = lines_[*header].in_group && !lines_[*header].words.starts_with(kGroupHeader);
      if (member) continue;  // the group's own header stands above
      const Index found = exception_after(*header);
      if (!found) continue;
      const std::string_view name = exception_name(lines_[*found].words);
      const bool launcher =
          std::ranges::any_of(kLaunchers, [&](std::string_view known) { return name.ends_with(known); });
      if (!launcher) return lines_[*header].in_group ? group(*found) : with_next(*found);
      if (!launchers) launchers = with_next(*found);
    }
    return launchers;
  }

  // "ExceptionGroup: two of them: ValueError: the first".
  std::string group(std::size_t at) const {
    std::string text(lines_[at].words);
    for (std::size_t i = at + 1; i < lines_.size() && lines_[i].in_group; ++i) {
      const Line& line = lines_[i];
      if (line.indented || line.words.starts_with(kHeader) || exception_name(line.words).empty()) continue;
      return text + ": " + std::string(line.words);
    }
    return text;
  }

  std::optional<std::string> terminated() const {
    for (std::size_t i = lines_.size(); i-- > 0;) {
      if (!lines_[i].words.starts_with(kTerminate)) continue;
      constexpr std::string_view kWhat = "what():";
      if (i + 1 >= lines_.size() || !lines_[i + 1].words.starts_with(kWhat)) return std::string(lines_[i].words);
      const std::string_view type = lines_[i].words.substr(kTerminate.size());
      return std::string(type.substr(0, type.find('\''))) + ": " +
             std::string(trimmed(lines_[i + 1].words.substr(kWhat.size())));
    }
    return std::nullopt;
  }

  std::optional<std::string> labelled() const {
    for (std::size_t i = lines_.size(); i-- > 0;) {
      if (calls_itself_an_error(lines_[i])) return with_next(i);
    }
    return std::nullopt;
  }

  std::optional<std::string> last() const {
    for (std::size_t i = lines_.size(); i-- > 0;) {
      const std::string_view words = lines_[i].words;
      const bool afterword =
          std::ranges::any_of(kAfterwords, [&](std::string_view known) { return words.starts_with(known); });
      if (!afterword && words != "Aborted" && has_words(words)) return std::string(words);
    }
    for (std::size_t i = lines_.size(); i-- > 0;) {
      if (has_words(lines_[i].words)) return std::string(lines_[i].words);
    }
    return std::nullopt;
  }

  // A line that ends in a colon only introduces the next.
  std::string with_next(std::size_t at) const {
    std::string text(lines_[at].words);
    if (!text.ends_with(':')) return text;
    for (std::size_t i = at + 1; i < lines_.size(); ++i) {
      if (has_words(lines_[i].words)) return text + " " + std::string(lines_[i].words);
    }
    return text;
  }

  std::vector<Line> lines_;
};

}  // namespace

std::string telling_line(std::string_view output) {
  const std::string plain = without_colours(output);
  return without_controls(Ending(plain).telling());
}

std::string led_by_telling_line(const std::string& message) {
  const std::string plain = without_colours(message);
  const Ending ending(plain);
  if (!ending.has_traceback()) return message;
  const std::string line = without_controls(ending.telling());
  return message.starts_with(line) ? message : line + "\n" + message;
}

std::string first_words(std::string_view message) {
  std::string line = without_controls(trimmed(message.substr(0, message.find_first_of("\r\n"))));
  if (line.size() <= kLongestWords) return line;
  std::size_t end = kLongestWords;
  while (end > 0 && (static_cast<unsigned char>(line[end]) & 0xC0U) == 0x80U) --end;  // not inside a character
  return line.substr(0, end) + "…";
}

}  // namespace wring
