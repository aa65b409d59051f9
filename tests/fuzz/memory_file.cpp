#include <cstdio>
#include <cstdlib>

#include <sys/mman.h>
#include <unistd.h>

#include "fuzz/fuzz_target.h"

namespace wring::fuzz {

std::string file_of(std::string_view bytes) {
  static const int file = ::memfd_create("fuzz", MFD_CLOEXEC);
  const auto size = static_cast<ssize_t>(bytes.size());
  if (::ftruncate(file, 0) != 0 || ::pwrite(file, bytes.data(), bytes.size(), 0) != size) {
    std::perror("memfd");
    std::abort();
  }
  return "/proc/self/fd/" + std::to_string(file);
}

}  // namespace wring::fuzz
