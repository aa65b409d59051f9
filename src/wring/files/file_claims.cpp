#include "wring/files/file_claims.h"

#include <set>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include "wring/base/error.h"

namespace wring {
namespace fs = std::filesystem;

void FileClaims::add_input(const fs::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0) inputs_.emplace(Number(status.st_dev, status.st_ino), path);
}

void FileClaims::check(const Folder& folder, const std::string& name, const fs::path& source) const {
  struct stat status {};
  if (::fstatat(folder.descriptor(), name.c_str(), &status, 0) != 0) return;
  const Number number(status.st_dev, status.st_ino);
  const std::string path = folder.path_of(name).string();
  if (const auto input = inputs_.find(number); input != inputs_.end()) {
    throw Error(ErrorCode::usage,
                {"{}: the output would replace the input {}", "{}：输出会覆盖输入 {}", path, input->second.string()},
                {"choose another file or folder for the output", "请为输出选择另一个文件或文件夹"});
  }
  if (const auto result = results_.find(number); result != results_.end()) {
    throw Error(ErrorCode::failed,
                {"{}: the result of {} is there, and that of {} would replace it",
                 "{}：已有 {} 的结果，{} 的结果会将其覆盖", path, result->second.string(), source.string()},
                {"rename one of the two", "请重命名其中一个"});
  }
}

void FileClaims::add_result(const Folder& folder, const std::string& name, const fs::path& source) {
  struct stat status {};
  if (::fstatat(folder.descriptor(), name.c_str(), &status, 0) == 0) {
    results_.insert_or_assign(Number(status.st_dev, status.st_ino), source);
  }
}

std::vector<std::string> distinct_names(const std::vector<std::vector<std::string>>& candidates) {
  std::vector<std::size_t> chosen(candidates.size(), 0);
  for (bool changed = true; changed;) {
    std::map<std::string, std::size_t> uses;
    for (std::size_t i = 0; i < candidates.size(); ++i) ++uses[candidates[i].at(chosen[i])];
    changed = false;
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      if (uses[candidates[i][chosen[i]]] == 1 || chosen[i] + 1 == candidates[i].size()) continue;
      ++chosen[i];
      changed = true;
    }
  }
  std::vector<std::string> names;
  std::set<std::string> taken;
  for (std::size_t i = 0; i < candidates.size(); ++i) taken.insert(candidates[i][chosen[i]]);
  std::set<std::string> given;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const std::string& base = candidates[i][chosen[i]];
    std::string name = base;
    for (int number = 2; (name != base && taken.contains(name)) || !given.insert(name).second; ++number) {
      name = fmt::format("{}_{}", base, number);
    }
    names.push_back(name);
  }
  return names;
}

}  // namespace wring
