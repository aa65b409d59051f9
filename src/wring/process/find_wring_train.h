#pragma once
#include <filesystem>

namespace wring {

inline constexpr const char* kTrainProgram = "wring-train";

// The wring-train to use: beside the running program, in ../libexec/wring, or on PATH. Throws Error{failed}
// with the cure when there is none.
std::filesystem::path find_wring_train();

// Throws Error{failed} naming the libraries that the loader does not find for the program (LibTorch was moved or
// removed).
void require_libraries(const std::filesystem::path& program);

}  // namespace wring
