#include "wring/base/error.h"
#include "wring_train/dist/nccl.h"

namespace wring {
namespace {

[[noreturn]] void no_cuda() {
  throw Error(ErrorCode::no_gpu, "this build has no CUDA, so its ranks train on the CPU", "use --device cpu");
}

}  // namespace

struct Nccl::State {};

std::vector<std::byte> new_nccl_id() {
  no_cuda();
}

Nccl::Nccl(const std::vector<std::byte>&, const RankPlace&, at::Device) {
  no_cuda();
}
Nccl::~Nccl() = default;
void Nccl::mean(const at::Tensor&) {
  no_cuda();
}

}  // namespace wring
