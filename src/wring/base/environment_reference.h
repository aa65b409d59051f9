#pragma once
#include <string>

namespace wring {

// The text of docs/environment.md, made from the table of variables.
std::string environment_reference();

}  // namespace wring
