#pragma once
#include <vector>

#include "wring/cli/command_description.h"

namespace wring {

// The whole of `wring` and of `optimize_gpu`: parse, dispatch, print errors as two lines, return the exit
// code.
int run_wring(int argc, char** argv);
int run_optimize_gpu(int argc, char** argv);

// `wring` first, then its commands in the order of its help, then optimize_gpu.
std::vector<CommandDescription> describe_programs();

}  // namespace wring
