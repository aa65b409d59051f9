#include "wring/console/paths.h"

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>

#include "wring/base/error.h"
#include "wring/base/nearest.h"
#include "wring/files/file_errors.h"
#include "wring/files/new_file.h"

namespace wring {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kListedAtMost = 12;

void add_configs_in(const fs::path& folder, std::vector<std::string>& into) {
  std::error_code error;
  std::vector<std::string> found;
  for (const auto& entry : fs::directory_iterator(folder.empty() ? "." : folder, error)) {
    const std::string extension = entry.path().extension().string();
    if (extension == ".yaml" || extension == ".yml") found.push_back((folder / entry.path().filename()).string());
  }
  std::sort(found.begin(), found.end());
  into.insert(into.end(), found.begin(), found.end());
}

std::vector<std::string> configs_near(const fs::path& path) {
  std::vector<std::string> configs;
  add_configs_in(path.parent_path(), configs);
  std::error_code error;
  const fs::path folder = path.parent_path().empty() ? fs::path(".") : path.parent_path();
  if (!fs::equivalent(folder, "configs", error)) add_configs_in("configs", configs);
  return configs;
}

// By file name, so that a config in another folder is found too.
std::string nearest_config(const fs::path& path, const std::vector<std::string>& configs) {
  std::vector<std::string> names;
  for (const std::string& config : configs) names.push_back(fs::path(config).filename().string());
  const std::string name = nearest_name(path.filename().string(), names);
  const auto at = std::find(names.begin(), names.end(), name);
  return at != names.end() ? configs[static_cast<std::size_t>(at - names.begin())] : "";
}

Text list_of(const fs::path& path, std::vector<std::string> configs) {
  if (configs.empty()) {
    return {"there is no .yaml file beside it or in configs/", "它所在的文件夹和 configs/ 中都没有 .yaml 文件"};
  }
  const std::string nearest = nearest_config(path, configs);
  const bool shortened = configs.size() > kListedAtMost;
  if (shortened) configs.resize(kListedAtMost);
  const std::string names = fmt::format("{}{}", fmt::join(configs, ", "), shortened ? ", …" : "");
  if (nearest.empty()) return {"there are: " + names, "现有配置：" + names};
  return {"did you mean {}? There are: {}", "您是否想用 {}？现有配置：{}", nearest, names};
}

[[noreturn]] void fail(const Text& what, const fs::path& path, const Text& wrong, const Text& hint) {
  throw Error(ErrorCode::failed, {"{} {} {}", "{} {} {}", what, path.string(), wrong}, hint);
}

const Text kMissing{"does not exist", "不存在"};
const Text kIsFolder{"is a folder, not a file", "是文件夹，不是文件"};
const Text kIsNoFolder{"is not a folder", "不是文件夹"};

// Nothing where it does not exist. What cannot be looked at (no permission, links in a circle or to what is not there)
// is not missing: throws Unreadable.
std::optional<mode_t> mode_of(const fs::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0) return status.st_mode;
  const int error = errno;
  if ((error == ENOENT && !leads_nowhere(path)) || error == ENOTDIR) return std::nullopt;
  throw_unreadable(path, error);
}

}  // namespace

void require_config(const fs::path& path) {
  const Text what{"the config", "配置文件"};
  const auto mode = mode_of(path);
  if (!mode) fail(what, path, kMissing, list_of(path, configs_near(path)));
  if (S_ISDIR(*mode)) fail(what, path, kIsFolder, list_of(path / "x", configs_near(path / "x")));
}

void require_file(const fs::path& path, const Text& what, const Text& hint) {
  const auto mode = mode_of(path);
  if (!mode) fail(what, path, kMissing, hint);
  if (S_ISDIR(*mode)) fail(what, path, kIsFolder, hint);
  if (!S_ISREG(*mode)) throw_no_regular_file(path, *mode);
}

void require_folder(const fs::path& path, const Text& what, const Text& hint) {
  const auto mode = mode_of(path);
  if (!mode) fail(what, path, kMissing, hint);
  if (!S_ISDIR(*mode)) fail(what, path, kIsNoFolder, hint);
}

void require_folder_of(const fs::path& file) {
  const fs::path folder = file.parent_path();
  if (folder.empty()) return;
  const Text hint = {"create it: mkdir -p {}", "请先创建：mkdir -p {}", folder.string()};
  require_folder(folder, {"the output folder", "输出文件夹"}, hint);
}

FilePlace place_of_page(const fs::path& page) {
  const std::string extension = page.extension().string();
  if (extension != ".html" && extension != ".htm") {
    throw Error(ErrorCode::usage, {"{} is not the name of an HTML page", "{} 不是 HTML 页面的文件名", page.string()},
                {"give one that ends in .html", "请给出以 .html 结尾的文件名"});
  }
  if (const auto mode = mode_of(page); mode && S_ISDIR(*mode)) {
    throw Error(ErrorCode::usage, {"the page {} is a folder", "页面 {} 是文件夹", page.string()},
                {"give the name of a file", "请给出文件名"});
  }
  require_folder_of(page);
  FilePlace place = place_of_file(page);
  const NewFile attempt(place.folder, place.name);  // is gone with this function
  return place;
}

}  // namespace wring
