#pragma once
#include <cstdint>
#include <functional>

namespace wring {

// The whole of `wring-train`: parse, dispatch, print errors as two lines, return the exit code.
int run_wring_train(int argc, char** argv);

// Runs what a program does, as wring-train and the programs of bench/ that train do: what LibTorch throws is told as
// Error is, and the exit code is the one that belongs to it.
int run_with_torch(int argc, char** argv, const std::function<int()>& program);

// How much memory cuBLAS works in, on each of a step's five streams: LibTorch's default is 32 MiB on Hopper.
// `channels`: the network's base_channels; 0: no training. Sets an environment variable, so it comes while the process
// has one thread; what the user set stays.
void set_cublas_workspaces(std::int64_t channels);

}  // namespace wring
