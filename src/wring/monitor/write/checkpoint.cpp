#include "wring/monitor/write/checkpoint.h"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <nlohmann/json.hpp>
#include <vector>

#include <fmt/format.h>
#include <unistd.h>

#include "wring/base/environment.h"
#include "wring/base/error.h"
#include "wring/base/json_text.h"
#include "wring/files/files.h"

namespace wring {
namespace fs = std::filesystem;
namespace {

constexpr const char* kPrefix = "monitor-";

std::optional<fs::path> state_folder() {
  // As the XDG base directory specification has it: a path that is not absolute is to be ignored.
  if (const auto folder = environment("XDG_STATE_HOME").value_or(""); folder.starts_with('/')) {
    return fs::path(folder) / "wring";
  }
  if (const auto home = environment("HOME").value_or(""); home.starts_with('/')) {
    return fs::path(home) / ".local" / "state" / "wring";
  }
  return std::nullopt;
}

std::string run_name() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::localtime_r(&now, &parts);
  return fmt::format("{}{:04}{:02}{:02}-{:02}{:02}{:02}-{}.json", kPrefix, parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec, ::getpid());
}

// The names sort by time.
void remove_all_but_newest(const fs::path& folder, std::size_t keep) {
  std::vector<fs::path> files;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(kPrefix) && name.ends_with(".json")) files.push_back(entry.path());
  }
  std::ranges::sort(files);
  for (std::size_t i = 0; i + keep < files.size(); ++i) fs::remove(files[i], error);
}

}  // namespace

void write_summary(const fs::path& path, const nlohmann::ordered_json& summary) {
  write_file_atomically(path, json_text(summary, 2) + "\n");
}

std::optional<fs::path> default_checkpoint_path(int keep) {
  const std::optional<fs::path> folder = state_folder();
  if (!folder) return std::nullopt;
  std::error_code error;
  fs::create_directories(*folder, error);
  if (error || ::access(folder->c_str(), W_OK) != 0) return std::nullopt;
  remove_all_but_newest(*folder, static_cast<std::size_t>(std::max(keep, 1)) - 1);
  return *folder / run_name();
}

}  // namespace wring
