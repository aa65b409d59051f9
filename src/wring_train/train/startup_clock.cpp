#include "wring_train/train/startup_clock.h"

#include <ctime>
#include <fstream>
#include <sstream>

#include <fmt/format.h>
#include <unistd.h>

namespace wring {
namespace {

double since_boot_s() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

// Field 22 of /proc/self/stat; the second one, the program's name, may hold blanks and ends at the last parenthesis.
double process_started_s() {
  std::ifstream file("/proc/self/stat");
  std::string line;
  std::getline(file, line);
  const auto name_end = line.rfind(')');
  if (name_end == std::string::npos) return since_boot_s();
  std::istringstream fields(line.substr(name_end + 1));
  std::string skipped;
  for (int field = 3; field < 22; ++field) fields >> skipped;
  double ticks = 0;
  if (!(fields >> ticks)) return since_boot_s();
  return ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

}  // namespace

StartupClock::StartupClock() : started_s_(process_started_s()) {
  add({"load", "载入"}, since_start_s());
}

void StartupClock::add(Text name, double seconds) {
  parts_.emplace_back(std::move(name), seconds);
}

double StartupClock::since_start_s() const {
  return since_boot_s() - started_s_;
}

Text StartupClock::summary() const {
  Text text{"first step after {:.1f} s:", "{:.1f} 秒后完成第一步：", since_start_s()};
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    const auto& [name, seconds] = parts_[i];
    text += Text("{} {} {:.1f}", "{}{} {:.1f}", i == 0 ? Text{} : Text{",", "，"}, name, seconds);
  }
  return text;
}

}  // namespace wring
