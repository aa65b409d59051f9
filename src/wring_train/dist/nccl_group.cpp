#include <cstring>

#include <fmt/format.h>
#include <nccl.h>

#include <ATen/ATen.h>
#include <ATen/cuda/CUDAContext.h>

#include "wring/base/error.h"
#include "wring_train/dist/nccl.h"

namespace wring {
namespace {

Text cure_of(ncclResult_t result, const std::string& words) {
  if (words.find("Duplicate GPU") != std::string::npos) {
    return {"two ranks were given one GPU: start no more ranks on a machine than it has GPUs",
            "两个进程分到了同一块 GPU：每台机器的进程数不应超过其 GPU 数"};
  }
  if (words.find("shm") != std::string::npos || words.find("/dev/shm") != std::string::npos) {
    return {"shared memory is short: give the container more (docker run --shm-size=1g, or --ipc=host)",
            "共享内存不足：请为容器分配更多（docker run --shm-size=1g 或 --ipc=host）"};
  }
  if (result == ncclRemoteError || result == ncclSystemError) {
    return {"NCCL_DEBUG=INFO shows which link failed; NCCL_SOCKET_IFNAME chooses the network interface",
            "NCCL_DEBUG=INFO 可显示哪条链路出错；NCCL_SOCKET_IFNAME 用于选择网卡"};
  }
  return {"NCCL_DEBUG=INFO shows more", "NCCL_DEBUG=INFO 可显示更多信息"};
}

void check(ncclResult_t result, const char* doing, ncclComm_t communicator = nullptr) {
  if (result == ncclSuccess) return;
  const char* last = ncclGetLastError(communicator);
  const std::string words = last != nullptr ? last : "";
  throw Error(ErrorCode::failed,
              {"NCCL failed {}: {} {}", "NCCL 出错（{}）：{} {}", doing, ncclGetErrorString(result), words},
              cure_of(result, words));
}

}  // namespace

std::vector<std::byte> new_nccl_id() {
  ncclUniqueId id;
  check(ncclGetUniqueId(&id), "to start");
  std::vector<std::byte> bytes(sizeof(id));
  std::memcpy(bytes.data(), &id, sizeof(id));
  return bytes;
}

struct Nccl::State {
  ncclComm_t communicator = nullptr;
};

Nccl::Nccl(const std::vector<std::byte>& bytes, const RankPlace& place, at::Device device)
    : state_(std::make_unique<State>()) {
  ncclUniqueId id;
  std::memcpy(&id, bytes.data(), std::min(bytes.size(), sizeof(id)));
  C10_CUDA_CHECK(cudaSetDevice(device.index()));
  check(ncclCommInitRank(&state_->communicator, place.size, id, place.rank), "to connect the GPUs");
}

Nccl::~Nccl() = default;

void Nccl::mean(const at::Tensor& values) {
  TORCH_INTERNAL_ASSERT(values.is_contiguous() && values.scalar_type() == at::kFloat);
  auto* data = values.mutable_data_ptr<float>();
  check(ncclAllReduce(data, data, static_cast<std::size_t>(values.numel()), ncclFloat, ncclAvg, state_->communicator,
                      at::cuda::getCurrentCUDAStream().stream()),
        "to reduce gradients", state_->communicator);
}

}  // namespace wring
