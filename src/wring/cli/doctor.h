#pragma once
#include "wring/console/console.h"

namespace wring {

// `wring doctor …`: 0 when training can run on this machine, else 1; 3 when only the demanded GPU is missing. Throws
// Error{usage}.
int doctor_command(const Arguments& arguments, const CommonOptions& common);

}  // namespace wring
