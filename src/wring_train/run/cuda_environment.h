#pragma once
#include <cstdint>

namespace wring {

// Variables that LibTorch's CUDA libraries read. To be set while the process has one thread: glibc before 2.41 frees
// the list of variables under the eyes of threads that read it (the driver's, NCCL's, our own). What the user set
// stays.

// Before anything else: what LibTorch would set itself, to the same, when threads are there already.
void set_cuda_defaults();

// How much memory cuBLAS works in, on each of a step's five streams: LibTorch's default is 32 MiB on Hopper.
// `channels`: the network's base_channels; 0: no training.
void set_cublas_workspaces(std::int64_t channels);

}  // namespace wring
