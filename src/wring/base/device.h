#pragma once

namespace wring {

// Where to compute. automatic: on the GPU when there is one.
enum class Device { automatic, cpu, cuda };

}  // namespace wring
