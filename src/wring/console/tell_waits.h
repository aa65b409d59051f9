#pragma once
#include "wring/console/console.h"

namespace wring {

// From now on this process says on standard error what it waits for when that takes long (files/wait_notice.h), also
// with --quiet: silence would be taken for a hang.
void tell_waits(const CommonOptions& options);

}  // namespace wring
