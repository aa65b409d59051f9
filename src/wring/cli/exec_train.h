#pragma once
#include <filesystem>

#include "wring/cli/common_options.h"

namespace wring {

// The wring-train to use: beside the running program, in ../libexec/wring, or on PATH. Throws Error{failed}
// with the cure when there is none.
std::filesystem::path find_wring_train();

// Throws Error{failed} naming the libraries that the loader does not find for the program (LibTorch was moved or
// removed).
void require_libraries(const std::filesystem::path& program);

// `wring train|evaluate|upscale …`: checks everything that needs no LibTorch, then replaces this process by
// wring-train, or with --nproc starts and supervises several. Returns only an exit code for help and wrong usage;
// throws Error.
int exec_train(const std::string& command, const Arguments& arguments);

}  // namespace wring
