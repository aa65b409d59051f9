#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "wring/base/environment.h"

namespace wring {

// Where this process stands among the processes of one training run, one per GPU, and where they meet.
struct RankPlace {
  int rank = 0;
  int size = 1;
  int local_rank = 0;  // on this machine
  int local_size = 1;
  std::string address = "127.0.0.1";  // of rank 0's machine
  std::uint16_t port = 29500;
  bool store_runs = false;  // the launcher itself serves the store at that port (torchrun)
  int attempt = 0;          // torchrun's restarts so far: each meets under names of its own
};

// Reads what the launcher says, in this order: RANK, WORLD_SIZE, LOCAL_RANK, LOCAL_WORLD_SIZE, MASTER_ADDR and
// MASTER_PORT (torchrun, torch.distributed.launch, wring train --nproc, Kubernetes); OMPI_COMM_WORLD_* (mpirun);
// SLURM_* inside a step (srun). `variable` looks one up: nullopt where it is not set. Without any of them the process
// is alone. Throws Error{usage} that names the variable that is missing or wrong.
using VariableLookup = std::function<std::optional<std::string_view>(VariableName name)>;
RankPlace rank_place(const VariableLookup& variable);

// The first machine of Slurm's short form of a list: "gpu[03-06,9],x1" → "gpu03".
std::string first_machine(const std::string& list);

// The value of CUDA_VISIBLE_DEVICES that leaves a rank its own GPU, given the value so far (nullopt: not set, all
// GPUs). A list of one stays as it is: the launcher has already given every rank its own. Throws Error{usage} when the
// list is shorter than the ranks of this machine.
std::string own_gpu(std::optional<std::string_view> visible, const RankPlace& place);

}  // namespace wring
