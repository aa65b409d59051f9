#include "wring/files/mapping_guard.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <mutex>
#include <utility>

#include <sys/mman.h>
#include <unistd.h>

#include "wring/base/error.h"

namespace wring {

// Read by the handler, which may take no lock and no memory. `end` is set last and cleared first.
struct MappingGuard::Range {
  std::atomic<std::uintptr_t> begin{0};
  std::atomic<std::uintptr_t> end{0};  // 0: free
  std::atomic<bool> lost{false};
};

namespace {

static_assert(std::atomic<std::uintptr_t>::is_always_lock_free && std::atomic<bool>::is_always_lock_free);

std::array<MappingGuard::Range, 256> ranges;
std::mutex mutex;  // of who takes and gives back ranges
struct sigaction before {};
std::uintptr_t page_bytes = 4096;

void on_bus_error(int, siginfo_t* info, void*) {
  const int error = errno;
  const auto address = reinterpret_cast<std::uintptr_t>(info->si_addr);
  for (MappingGuard::Range& range : ranges) {
    const std::uintptr_t end = range.end;
    if (address < range.begin || address >= end) continue;
    range.lost = true;
    void* const page = static_cast<char*>(info->si_addr) - address % page_bytes;
    const std::size_t rest = end - address / page_bytes * page_bytes;
    constexpr int kFlags = MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    if (::mmap(page, rest, PROT_READ | PROT_WRITE, kFlags, -1, 0) != MAP_FAILED) {
      errno = error;
      return;
    }
  }
  ::sigaction(SIGBUS, &before, nullptr);  // the access is made again, and does what it did without us
  errno = error;
}

void handle_bus_errors() {
  page_bytes = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  struct sigaction action {};
  action.sa_sigaction = on_bus_error;
  action.sa_flags = SA_SIGINFO;
  ::sigemptyset(&action.sa_mask);
  ::sigaction(SIGBUS, &action, &before);
}

}  // namespace

MappingGuard::MappingGuard(void* begin, std::size_t bytes) {
  static std::once_flag once;
  std::call_once(once, handle_bus_errors);
  const std::scoped_lock lock(mutex);
  for (Range& range : ranges) {
    if (range.end != 0) continue;
    range.lost = false;
    range.begin = reinterpret_cast<std::uintptr_t>(begin);
    range.end = range.begin + bytes;
    range_ = &range;
    return;
  }
  throw Error(ErrorCode::failed, {"too many files are mapped into memory", "映射到内存的文件过多"});
}

MappingGuard::MappingGuard(MappingGuard&& other) noexcept : range_(std::exchange(other.range_, nullptr)) {}

MappingGuard& MappingGuard::operator=(MappingGuard&& other) noexcept {
  std::swap(range_, other.range_);
  return *this;
}

MappingGuard::~MappingGuard() {
  if (range_ == nullptr) return;
  const std::scoped_lock lock(mutex);
  range_->end = 0;
}

bool MappingGuard::lost() const {
  return range_ != nullptr && range_->lost;
}

}  // namespace wring
