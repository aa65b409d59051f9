#pragma once

namespace wring {

// "0.1.0": of the sources that this program was built from.
const char* wring_version();

}  // namespace wring
