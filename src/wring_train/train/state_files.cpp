#include "wring_train/train/state_files.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <string_view>

#include <fmt/format.h>

#include "wring/base/parse.h"
#include "wring/files/file_errors.h"

namespace wring {
namespace {

constexpr std::string_view kPrefix = "state_";
constexpr std::string_view kEnding = ".safetensors";
constexpr const char* kFirstVersions = "state.safetensors";

std::optional<std::int64_t> step_of(const std::string& name) {
  if (!name.starts_with(kPrefix) || !name.ends_with(kEnding) || name.size() <= kPrefix.size() + kEnding.size()) {
    return std::nullopt;
  }
  const std::size_t digits = name.size() - kPrefix.size() - kEnding.size();
  return parse_number<std::int64_t>(std::string_view(name).substr(kPrefix.size(), digits));
}

}  // namespace

std::string state_file(std::int64_t step) {
  return fmt::format("{}{}{}", kPrefix, step, kEnding);
}

std::vector<std::string> state_files(const Folder& checkpoints) {
  std::vector<std::string> files = checkpoints.names();
  const bool first_versions = std::ranges::find(files, kFirstVersions) != files.end();
  std::erase_if(files, [](const std::string& name) { return !step_of(name); });
  std::ranges::sort(files, std::greater<>{}, [](const std::string& name) { return *step_of(name); });
  if (first_versions) files.emplace_back(kFirstVersions);
  return files;
}

void remove_older_states(const Folder& checkpoints, std::int64_t keep) {
  try {
    const std::vector<std::string> files = state_files(checkpoints);
    for (std::size_t i = static_cast<std::size_t>(keep); i < files.size(); ++i) checkpoints.remove(files[i]);
  } catch (const Unreadable&) {  // then they are left
  }
}

}  // namespace wring
