#pragma once
#include "wring/base/error.h"

namespace wring {

// A training step or the images do not fit into the device's memory: the one failure that a smaller batch cures.
class DeviceMemoryError : public Error {
 public:
  using Error::Error;
};

}  // namespace wring
