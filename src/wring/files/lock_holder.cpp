#include "wring/files/lock_holder.h"

#include <fstream>
#include <sstream>

#include <fmt/format.h>
#include <sys/sysmacros.h>

namespace wring {

// "3: FLOCK  ADVISORY  WRITE 4711 fe:01:131090 0 EOF"; one that waits has an arrow behind the number.
std::optional<pid_t> lock_holder(const struct stat& file, const std::string& table) {
  const std::string wanted = fmt::format("{:02x}:{:02x}:{}", ::major(file.st_dev), ::minor(file.st_dev), file.st_ino);
  std::ifstream lines(table);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    std::string number, kind, strength, mode, place;
    pid_t process = 0;
    if (fields >> number >> kind >> strength >> mode >> process >> place && kind == "FLOCK" && place == wanted &&
        process > 0) {
      return process;
    }
  }
  return std::nullopt;
}

}  // namespace wring
