#include "wring/base/file_errors.h"

#include <cerrno>
#include <cstring>
#include <optional>
#include <system_error>

#include <fmt/format.h>

namespace wring {
namespace fs = std::filesystem;
namespace {

// The first part of the path that is a link to what is not there.
std::optional<fs::path> dangling_link(const fs::path& path) {
  fs::path part;
  for (const fs::path& name : path) {
    part /= name;
    std::error_code error;
    if (fs::is_symlink(part, error) && !fs::exists(part, error) && !error) return part;
  }
  return std::nullopt;
}

Text reason_of(const fs::path& path, int error) {
  const auto link = error == ENOENT ? dangling_link(path) : std::nullopt;
  if (!link) return std::strerror(error);
  std::error_code ignored;
  const std::string target = fs::read_symlink(*link, ignored).string();
  return {fmt::format("{} is a link to {}, which is not there", link->string(), target),
          fmt::format("{} 是指向 {} 的链接，而后者不存在", link->string(), target)};
}

Text cure_of(const fs::path& path, int error) {
  if (error == ENOSPC || error == EDQUOT) {
    return {"free some space on that disk, then run the command again", "请腾出磁盘空间，然后重新运行"};
  }
  if (error != ENOENT) return {"check the path and its permissions", "请检查路径和权限"};
  if (leads_nowhere(path)) return {"check that its disk is mounted", "请检查所在磁盘是否已挂载"};
  return {"check the path", "请检查路径"};
}

}  // namespace

bool leads_nowhere(const fs::path& path) {
  return dangling_link(path).has_value();
}

void throw_unreadable(const fs::path& path, int error) {
  const Text reason = reason_of(path, error);
  throw Unreadable(error,
                   {fmt::format("cannot read {}: {}", path.string(), reason.en),
                    fmt::format("无法读取 {}：{}", path.string(), reason.zh)},
                   cure_of(path, error));
}

void throw_unwritable(const fs::path& path, int error) {
  const Text reason = reason_of(path, error);
  throw Error(ErrorCode::failed,
              {fmt::format("cannot write {}: {}", path.string(), reason.en),
               fmt::format("无法写入 {}：{}", path.string(), reason.zh)},
              cure_of(path, error));
}

}  // namespace wring
