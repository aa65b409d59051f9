#pragma once
#include <functional>
#include <string>

#include "wring/base/text.h"

namespace wring {

// Runs the work. Where the host's memory ends in it, in our code or in LibTorch's, throws memory_ended() with the
// number of bytes that could not be had, where that is known; `subject` ("photo.png: ", or nothing) stands before it.
int telling_memory(const std::string& subject, const Text& cure, const std::function<int()>& work);

}  // namespace wring
