#include "wring/base/cpu.h"

#include <sched.h>

#include <algorithm>
#include <thread>

namespace wring {

int available_cpu_cores() {
  cpu_set_t mask;
  CPU_ZERO(&mask);
  // Fails on machines with more than 1024 cores, where the plain count is good enough.
  if (::sched_getaffinity(0, sizeof mask, &mask) == 0) return std::max(1, CPU_COUNT(&mask));
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

}  // namespace wring
