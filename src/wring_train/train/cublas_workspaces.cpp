#include "wring_train/train/cublas_workspaces.h"

#include <cstdlib>

namespace wring {
namespace {

// Measured on an H200 (docs/performance.md): with 1 MiB a step of 64 channels takes 3 to 7 % longer, because the
// graph's branches overlap less well; with 32, 96 or 128 it takes as long as with 32 MiB.
constexpr std::int64_t kFasterWithLargeOnes = 64;

}  // namespace

void set_cublas_workspaces(std::int64_t channels) {
  if (channels != kFasterWithLargeOnes) ::setenv("CUBLAS_WORKSPACE_CONFIG", ":256:4:16:8", /*overwrite=*/0);
}

}  // namespace wring
