#pragma once

namespace wring {

// The whole of `wring` and of `optimize_gpu`: parse, dispatch, print errors as two lines, return the exit
// code.
int run_wring(int argc, char** argv);
int run_optimize_gpu(int argc, char** argv);

}  // namespace wring
