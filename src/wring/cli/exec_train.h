#pragma once
#include "wring/console/console.h"

namespace wring {

// `wring train|evaluate|upscale …`: checks everything that needs no LibTorch, then replaces this process by
// wring-train, or with --nproc starts and supervises several. Returns only an exit code for help and wrong usage;
// throws Error.
int exec_train(const std::string& command, const Arguments& arguments);

}  // namespace wring
