#include "wring/base/version.h"

namespace wring {

const char* wring_version() {
  return WRING_VERSION;
}

}  // namespace wring
