#include "wring/cli/cache.h"

#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include "wring/base/message.h"
#include "wring/cli/command_parser.h"
#include "wring/files/cache_folder.h"

namespace wring {
namespace {

namespace fs = std::filesystem;

double mib(std::int64_t bytes) {
  return static_cast<double>(bytes) / (1 << 20);
}

void say(const Text& text, const CommonOptions& common) {
  if (!common.quiet) print_out("{}\n", text.in(common.language));
}

void list(const std::optional<Folder>& cache, const fs::path& folder, const CommonOptions& common) {
  const std::vector<CacheEntry> entries = cache ? list_cache(*cache) : std::vector<CacheEntry>();
  const auto limit = cache_limit_bytes(folder) >> 20;
  say({"{}: {} data sets, {:.0f} MiB of at most {} MiB", "{}：{} 个数据集，{:.0f} MiB，上限 {} MiB", folder.string(),
       entries.size(), mib(bytes_of(entries)), limit},
      common);
}

void clear(const std::optional<Folder>& cache, const fs::path& folder, const CommonOptions& common) {
  const std::vector<CacheEntry> entries = cache ? list_cache(*cache) : std::vector<CacheEntry>();
  for (const CacheEntry& entry : entries) {
    if (cache->remove(entry.name)) continue;
    const char* reason = std::strerror(errno);
    throw Error(ErrorCode::failed,
                {"cannot remove {}: {}", "无法删除 {}：{}", cache->path_of(entry.name).string(), reason},
                {"check the permissions of the folder", "请检查文件夹的权限"});
  }
  if (cache) remove_left_overs(*cache);
  say({"removed {} data sets, {:.0f} MiB, from {}", "已从 {2} 删除 {0} 个数据集，共 {1:.0f} MiB", entries.size(),
       mib(bytes_of(entries)), folder.string()},
      common);
}

}  // namespace

int cache_command(const Arguments& arguments, const CommonOptions& given) {
  CommonOptions common = given;
  CommandParser parser("wring cache", "[--clear]",
                       {"Shows what is kept of decoded training images, so that the next start need not decode them.",
                        "显示已缓存的解码后训练图像（下次启动无需重新解码）。"},
                       common);
  bool clear_it = false;
  parser.flag("--clear", clear_it,
              {"remove it all; running trainings keep theirs", "全部删除；正在运行的训练不受影响"});
  parser.example("wring cache --clear", {"frees the disk", "释放磁盘空间"});
  if (const auto done = parser.parse(arguments)) return *done;
  const auto folder = decoded_images_folder();
  if (!folder) {
    say({"nothing is kept: WRING_CACHE_DIR is empty", "未启用缓存：WRING_CACHE_DIR 为空"}, common);
  } else if (clear_it) {
    clear(find_cache(*folder), *folder, common);
  } else {
    list(find_cache(*folder), *folder, common);
  }
  return 0;
}

}  // namespace wring
