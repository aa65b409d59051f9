#pragma once
#include <cstdint>

namespace wring {

// The whole of `wring-train`: parse, dispatch, print errors as two lines, return the exit code.
int run_wring_train(int argc, char** argv);

// How much memory cuBLAS works in, on each of a step's five streams: LibTorch's default is 32 MiB on Hopper.
// `channels`: the network's base_channels; 0: no training. Sets an environment variable, so it comes while the process
// has one thread; what the user set stays.
void set_cublas_workspaces(std::int64_t channels);

}  // namespace wring
