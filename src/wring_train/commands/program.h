#pragma once

namespace wring {

// The whole of `wring-train`: parse, dispatch, print errors as two lines, return the exit code.
int run_wring_train(int argc, char** argv);

}  // namespace wring
