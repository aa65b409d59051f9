#pragma once
#include <optional>

#include <ATen/core/Tensor.h>

namespace wring {

// Autocast for the enclosing scope, as `with torch.autocast(device, dtype)`: convolutions run in `dtype`, reductions
// in fp32. Without a dtype it does nothing. LibTorch ships no such guard.
class AutocastScope {
 public:
  AutocastScope(at::DeviceType device, std::optional<at::ScalarType> dtype);
  ~AutocastScope();
  AutocastScope(const AutocastScope&) = delete;
  AutocastScope& operator=(const AutocastScope&) = delete;

 private:
  at::DeviceType device_;
  bool active_;
  bool was_enabled_ = false;
  at::ScalarType previous_ = at::kFloat;
};

}  // namespace wring
