#pragma once
#include <cstddef>

namespace wring {

// Guards the mapping of a file. Pages of it may be gone when they are touched (the file was cut short, its disk fails):
// the kernel then sends SIGBUS, which would end the process without a word. In a guarded mapping zeros take the place
// of what is gone, from there to the mapping's end, and the loss is noted.
class MappingGuard {
 public:
  MappingGuard() = default;
  // The first one sets the process's handler for SIGBUS. Throws Error{failed} when 256 mappings are guarded already.
  MappingGuard(void* begin, std::size_t bytes);
  MappingGuard(MappingGuard&& other) noexcept;
  MappingGuard& operator=(MappingGuard&& other) noexcept;
  ~MappingGuard();  // to be destroyed before the mapping is removed

  // Whether something is gone. What was read before this says no is what the file held.
  bool lost() const;

  struct Range;

 private:
  Range* range_ = nullptr;
};

}  // namespace wring
