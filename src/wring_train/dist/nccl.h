#pragma once
#include <cstddef>
#include <memory>
#include <vector>

#include <ATen/core/Tensor.h>

#include "wring_train/dist/host/rank_place.h"

namespace wring {

// The name under which the ranks' communicators find each other: made by one rank, handed to all.
std::vector<std::byte> new_nccl_id();

// A NCCL communicator of all ranks, used directly and not through c10d's ProcessGroupNCCL: the all-reduce is captured
// in CUDA graphs, where that one's watchdog thread would ask for events of a capture that is under way. It ends with
// the process: destroying it would wait for every graph that holds it, and, where a rank was lost, for that one.
class Nccl {
 public:
  // Collective. Throws Error{failed} with NCCL's words and the cure. Without CUDA in the build: Error{no_gpu}.
  Nccl(const std::vector<std::byte>& id, const RankPlace& place, at::Device device);
  ~Nccl();
  Nccl(const Nccl&) = delete;
  Nccl& operator=(const Nccl&) = delete;

  // fp32, contiguous; enqueued on the current stream.
  void mean(const at::Tensor& values);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace wring
