#include "wring/session/kept_summary.h"

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include <fmt/format.h>
#include <unistd.h>

#include "wring/console/paths.h"
#include "wring/monitor/write/checkpoint.h"

namespace wring {
namespace {

namespace fs = std::filesystem;

// Where the summary is kept while the monitor runs.
std::optional<fs::path> summary_path(const MonitorOptions& options) {
  if (options.summary) return options.summary;
  if (options.log && fs::is_regular_file(*options.log)) return fs::path(*options.log) += ".summary.json";
  return default_checkpoint_path();
}

}  // namespace

KeptSummary::KeptSummary(const MonitorOptions& options, const Console& console, MonitorNotices& notices)
    : options_(options), console_(console), notices_(notices) {}

void KeptSummary::check() const {
  if (!options_.summary) return;
  const fs::path& path = *options_.summary;
  require_folder_of(path);
  std::error_code error;
  const fs::path folder = path.parent_path().empty() ? fs::path(".") : path.parent_path();
  const bool is_folder = fs::is_directory(path, error);
  if (!is_folder && ::access(folder.c_str(), W_OK) == 0) return;
  const std::string reason = is_folder ? "it is a folder" : std::strerror(errno);
  throw Error(ErrorCode::failed,
              {fmt::format("cannot write the summary {}: {}", path.string(), reason),
               fmt::format("无法写入总结 {}：{}", path.string(), is_folder ? "它是文件夹" : reason)},
              {"give --summary the name of a file in a folder that you can write to",
               "请为 --summary 指定可写文件夹中的文件名"});
}

void KeptSummary::write(const nlohmann::ordered_json& summary) {
  try {
    if (!path_) path_ = summary_path(options_);
    if (!path_) return;
    write_summary(*path_, summary);
    written_ = true;
  } catch (const Error& error) {
    if (options_.summary) {
      failed_ = true;
      notices_.say_even_if_quiet(error.message(), error.hint());
    } else {
      notices_.say(error.message(), error.hint());
    }
    tries_ = false;  // told once
  }
}

}  // namespace wring
