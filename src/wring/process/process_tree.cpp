#include "wring/process/process_tree.h"

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <string_view>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

#include "wring/base/parse.h"
#include "wring/files/descriptor.h"

namespace wring {
namespace fs = std::filesystem;
namespace {

// Takes the next word off the text, "" at its end.
std::string_view take_word(std::string_view& text) {
  constexpr std::string_view kSpace = " \n";
  text.remove_prefix(std::min(text.find_first_not_of(kSpace), text.size()));
  const std::string_view word = text.substr(0, text.find_first_of(kSpace));
  text.remove_prefix(word.size());
  return word;
}

// The monitor reads hundreds of files of /proc a second, which a stream makes dear.
std::optional<std::string> read_whole(const fs::path& path) {
  std::array<char, 4096> piece;
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return std::nullopt;
  std::string text;
  for (;;) {
    const ssize_t bytes = ::read(file.get(), piece.data(), piece.size());
    if (bytes < 0) return std::nullopt;
    if (bytes == 0) return text;
    text.append(piece.data(), static_cast<std::size_t>(bytes));
  }
}

}  // namespace

// "12 (name) S 7 …": the name may hold anything, so its end is the last bracket.
std::optional<ProcessStat> read_process_stat(const fs::path& folder) {
  const std::optional<std::string> line = read_whole(folder / "stat");
  if (!line) return std::nullopt;
  const std::size_t name_begin = line->find('('), name_end = line->rfind(')');
  if (name_begin == std::string::npos || name_end == std::string::npos) return std::nullopt;
  ProcessStat stat;
  stat.name = line->substr(name_begin + 1, name_end - name_begin - 1);
  // Numbered as in proc(5): the state is the third field.
  std::array<std::string_view, 23> fields;
  std::string_view rest = std::string_view(*line).substr(name_end + 1);
  for (std::size_t i = 3; i < fields.size(); ++i) fields[i] = take_word(rest);
  const auto parent = parse_number<pid_t>(fields[4]);
  if (fields[3].empty() || !parent) return std::nullopt;
  stat.state = fields[3].front();
  stat.parent = *parent;
  stat.cpu_ticks =
      parse_number<std::uint64_t>(fields[14]).value_or(0) + parse_number<std::uint64_t>(fields[15]).value_or(0);
  stat.started_ticks = parse_number<std::uint64_t>(fields[22]).value_or(0);
  return stat;
}

std::vector<pid_t> numbered_entries(const fs::path& folder) {
  std::vector<pid_t> found;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    if (const auto name = parse_number<pid_t>(entry->path().filename().string())) found.push_back(*name);
  }
  return found;
}

std::optional<std::vector<pid_t>> children(pid_t process, const fs::path& proc) {
  const fs::path threads = proc / std::to_string(process) / "task";
  std::optional<std::vector<pid_t>> found;
  for (const pid_t thread : numbered_entries(threads)) {
    const std::optional<std::string> line = read_whole(threads / std::to_string(thread) / "children");
    if (!line) continue;
    if (!found) found.emplace();
    std::string_view words = *line;
    while (const auto child = parse_number<pid_t>(take_word(words))) found->push_back(*child);
  }
  return found;
}

std::vector<pid_t> descendants(pid_t root, const fs::path& proc) {
  std::multimap<pid_t, pid_t> by_parent;
  for (const pid_t pid : numbered_entries(proc)) {
    if (const auto stat = read_process_stat(proc / std::to_string(pid))) by_parent.emplace(stat->parent, pid);
  }
  std::vector<pid_t> found{root};
  for (std::size_t i = 0; i < found.size(); ++i) {
    const auto [begin, end] = by_parent.equal_range(found[i]);
    for (auto child = begin; child != end; ++child) found.push_back(child->second);
  }
  found.erase(found.begin());
  return found;
}

}  // namespace wring
