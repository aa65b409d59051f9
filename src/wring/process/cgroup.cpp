#include "wring/process/cgroup.h"

#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace wring {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kPrefix = "wring-child-";

// In one write, as these files want it.
bool write_to(const fs::path& file, std::string_view text) {
  const Descriptor descriptor(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
  return descriptor && ::write(descriptor.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

// Where version 2 is mounted: /sys/fs/cgroup, or a folder in it beside version 1.
fs::path mount_of_version_2() {
  std::ifstream mounts("/proc/self/mounts");
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream words(line);
    std::string device, folder, type;
    if (words >> device >> folder >> type && type == "cgroup2") return folder;
  }
  return {};
}

// The folder of the group that this process is in; empty where there is none.
fs::path own_group() {
  const fs::path mount = mount_of_version_2();
  if (mount.empty()) return {};
  std::ifstream groups("/proc/self/cgroup");
  constexpr std::string_view kVersion2 = "0::/";
  for (std::string line; std::getline(groups, line);) {
    if (line.starts_with(kVersion2)) return mount / line.substr(kVersion2.size());
  }
  return {};
}

Descriptor locked(const fs::path& group) {
  Descriptor folder(::open(group.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder && ::flock(folder.get(), LOCK_EX | LOCK_NB) == 0) return folder;
  return Descriptor();
}

void end_what_was_left(const fs::path& above) {
  std::error_code error;
  for (fs::directory_iterator entry(above, error), end; !error && entry != end; entry.increment(error)) {
    if (!entry->path().filename().string().starts_with(kPrefix)) continue;
    if (const Descriptor lock = locked(entry->path()); !lock) continue;
    write_to(entry->path() / "cgroup.kill", "1");
    ::rmdir(entry->path().c_str());  // once its processes are gone: now, or the next time
  }
}

}  // namespace

ChildGroup::ChildGroup(fs::path above, fs::path group, Descriptor lock)
    : above_(std::move(above)), group_(std::move(group)), lock_(std::move(lock)) {}

std::optional<ChildGroup> ChildGroup::enter() {
  const fs::path above = own_group();
  if (above.empty()) return std::nullopt;
  end_what_was_left(above);
  const fs::path folder = above / fmt::format("{}{}", kPrefix, ::getpid());
  if (::mkdir(folder.c_str(), 0755) != 0) return std::nullopt;
  ChildGroup group(above, folder, locked(folder));
  const bool can_kill = ::access((folder / "cgroup.kill").c_str(), W_OK) == 0;
  // "0" is who writes.
  if (group.lock_ && can_kill && write_to(folder / "cgroup.procs", "0")) return group;
  group.remove();
  return std::nullopt;
}

bool ChildGroup::leave() const {
  return write_to(above_ / "cgroup.procs", "0");
}

void ChildGroup::kill() const {
  write_to(group_ / "cgroup.kill", "1");
}

void ChildGroup::remove() const {
  ::rmdir(group_.c_str());
}

}  // namespace wring
