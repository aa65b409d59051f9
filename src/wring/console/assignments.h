#pragma once
#include <string>

#include "wring/console/console.h"

namespace wring {

// `--set a=1 b=2` reads as `--set a=1 --set b=2`: an argument after a value of --set that looks like another pair is
// one.
Arguments separate_assignments(const Arguments& arguments);

// Throws Error{usage} unless it is key=value.
void require_pair(const std::string& assignment);

}  // namespace wring
