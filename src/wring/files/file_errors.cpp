#include "wring/files/file_errors.h"

#include <cerrno>
#include <cstring>
#include <optional>
#include <system_error>

#include <fmt/format.h>
#include <sys/stat.h>

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
  if (error == ENXIO) return {"it is a FIFO that nobody reads, or a socket", "它是无人读取的命名管道（FIFO）或套接字"};
  const auto link = error == ENOENT ? dangling_link(path) : std::nullopt;
  if (!link) return std::strerror(error);
  std::error_code ignored;
  const std::string target = fs::read_symlink(*link, ignored).string();
  return {"{} is a link to {}, which is not there", "{} 是指向 {} 的链接，而后者不存在", link->string(), target};
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

Text kind_of_file(mode_t mode) {
  if (S_ISREG(mode)) return {};
  if (S_ISFIFO(mode)) return {"a FIFO (named pipe)", "命名管道（FIFO）"};
  if (S_ISSOCK(mode)) return {"a socket", "套接字"};
  if (S_ISDIR(mode)) return {"a folder", "文件夹"};
  return {"a device", "设备"};
}

void throw_no_regular_file(const fs::path& path, mode_t mode) {
  const Text kind = kind_of_file(mode);
  throw Error(
      ErrorCode::failed,
      {"cannot read {}: it is not a regular file but {}", "无法读取 {}：它不是普通文件，而是{}", path.string(), kind},
      {"choose another file", "请选择另一个文件"});
}

bool leads_nowhere(const fs::path& path) {
  return dangling_link(path).has_value();
}

void throw_unreadable(const fs::path& path, int error) {
  const Text reason = reason_of(path, error);
  throw Unreadable(error, {"cannot read {}: {}", "无法读取 {}：{}", path.string(), reason}, cure_of(path, error));
}

void throw_unwritable(const fs::path& path, int error) {
  const Text reason = reason_of(path, error);
  throw Error(ErrorCode::failed, {"cannot write {}: {}", "无法写入 {}：{}", path.string(), reason},
              cure_of(path, error));
}

}  // namespace wring
