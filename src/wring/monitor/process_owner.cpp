#include "wring/monitor/process_owner.h"

#include <array>

#include <pwd.h>
#include <sys/stat.h>

#include "wring/base/display_text.h"

namespace wring {

std::string process_owner(std::int64_t pid) {
  struct stat status {};
  if (::stat(("/proc/" + std::to_string(pid)).c_str(), &status) != 0) return "";
  passwd entry{};
  passwd* found = nullptr;
  std::array<char, 4096> text{};
  if (::getpwuid_r(status.st_uid, &entry, text.data(), text.size(), &found) == 0 && found != nullptr)
    return without_controls(found->pw_name);
  return std::to_string(status.st_uid);
}

}  // namespace wring
