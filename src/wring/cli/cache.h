#pragma once
#include "wring/console/console.h"

namespace wring {

// `wring cache [--clear]`: what is kept of decoded images, and where; --clear removes it. Returns the exit code; throws
// Error.
int cache_command(const Arguments& arguments, const CommonOptions& common);

}  // namespace wring
