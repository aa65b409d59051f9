#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

// What a fuzz target defines. Driven by driver.cpp with any compiler, or by libFuzzer with clang
// (-DWRING_LIBFUZZER=ON). A target aborts, or a sanitizer does, when the reader under test does anything but read or
// refuse with wring::Error.

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace wring::fuzz {

// Valid inputs from which the driver starts.
std::vector<std::string> seeds();

// Words that the format is made of; the driver inserts them.
std::vector<std::string> dictionary();

// A path whose file holds exactly these bytes until the next call. It lies in memory: a million files cost no disk.
std::string file_of(std::string_view bytes);

}  // namespace wring::fuzz
