#include "wring/kineto/process_facts.h"

#include <charconv>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <sched.h>

namespace wring::kineto {
namespace fs = std::filesystem;
namespace {

constexpr std::int64_t kMostRanks = 1'000'000;
constexpr std::size_t kMostBytes = 1 << 20;

// The words of a file that ends each with a zero.
std::vector<std::string> words_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::vector<std::string> words;
  std::size_t bytes = 0;
  for (std::string word; bytes < kMostBytes && std::getline(file, word, '\0'); bytes += word.size() + 1) {
    words.push_back(word);
  }
  return words;
}

std::optional<std::int64_t> variable(const std::vector<std::string>& environment, std::string_view name) {
  for (const std::string& one : environment) {
    const std::string_view line = one;
    if (!line.starts_with(name) || line.size() <= name.size() || line[name.size()] != '=') continue;
    const std::string_view text = line.substr(name.size() + 1);
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool whole = error == std::errc() && end == text.data() + text.size();
    return whole && value >= 0 && value <= kMostRanks ? std::optional(value) : std::nullopt;
  }
  return std::nullopt;
}

}  // namespace

ObservedProcess process_facts(pid_t pid, const fs::path& proc) {
  const fs::path folder = proc / std::to_string(pid);
  ObservedProcess process;
  process.pid = pid;
  const std::vector<std::string> environment = words_of(folder / "environ");
  const auto rank = variable(environment, "RANK"), world = variable(environment, "WORLD_SIZE");
  if (rank && world && *rank < *world) {
    process.rank = *rank;
    process.world_size = *world;
    process.local_rank = variable(environment, "LOCAL_RANK").value_or(0);
  }
  // As Python's sys.argv: from the script on, which the interpreter and its options stand before.
  process.argv = words_of(folder / "cmdline");
  std::size_t script = 1;
  while (script < process.argv.size() && process.argv[script].starts_with('-')) ++script;
  if (script < process.argv.size()) {
    process.argv.erase(process.argv.begin(), process.argv.begin() + static_cast<std::ptrdiff_t>(script));
  }
  std::error_code ignored;
  process.cwd = fs::read_symlink(folder / "cwd", ignored).string();
  return process;
}

std::optional<std::int64_t> cores_of(pid_t pid) {
  cpu_set_t cores;
  if (::sched_getaffinity(pid, sizeof cores, &cores) != 0) return std::nullopt;
  return CPU_COUNT(&cores);
}

}  // namespace wring::kineto
