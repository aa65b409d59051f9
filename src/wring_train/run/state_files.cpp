#include "wring_train/run/state_files.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include <fmt/format.h>

namespace wring {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kPrefix = "state_";
constexpr std::string_view kEnding = ".safetensors";
constexpr const char* kFirstVersions = "state.safetensors";

std::optional<std::int64_t> step_of(const fs::path& file) {
  const std::string name = file.filename().string();
  if (!name.starts_with(kPrefix) || !name.ends_with(kEnding) || name.size() <= kPrefix.size() + kEnding.size()) {
    return std::nullopt;
  }
  const char* const end = name.data() + name.size() - kEnding.size();
  std::int64_t step = 0;
  const auto [stopped, error] = std::from_chars(name.data() + kPrefix.size(), end, step);
  return error == std::errc() && stopped == end ? std::optional(step) : std::nullopt;
}

std::vector<fs::path> files_in(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    files.push_back(entry->path());
  }
  return files;
}

}  // namespace

fs::path state_file(const fs::path& checkpoints, std::int64_t step) {
  return checkpoints / fmt::format("{}{}{}", kPrefix, step, kEnding);
}

std::vector<fs::path> state_files(const fs::path& checkpoints) {
  std::vector<fs::path> files = files_in(checkpoints);
  std::erase_if(files, [](const fs::path& file) { return !step_of(file); });
  std::ranges::sort(files, std::greater<>{}, [](const fs::path& file) { return *step_of(file); });
  std::error_code error;
  if (fs::exists(checkpoints / kFirstVersions, error)) files.push_back(checkpoints / kFirstVersions);
  return files;
}

void remove_older_states(const fs::path& checkpoints, std::int64_t keep) {
  const std::vector<fs::path> files = state_files(checkpoints);
  for (std::size_t i = static_cast<std::size_t>(keep); i < files.size(); ++i) {
    std::error_code ignored;
    fs::remove(files[i], ignored);
  }
}

void remove_unfinished_files(const fs::path& checkpoints) {
  for (const fs::path& file : files_in(checkpoints)) {
    std::error_code ignored;
    // As write_file_atomically() names them: NAME.tmpPID.
    if (file.filename().string().find(".safetensors.tmp") != std::string::npos) fs::remove(file, ignored);
  }
}

}  // namespace wring
