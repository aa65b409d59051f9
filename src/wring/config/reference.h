#pragma once
#include <string>

#include "wring/base/text.h"

namespace wring {

// The text of docs/config.md (and of its Chinese twin), made from the table of keys.
std::string config_reference(Language language);

}  // namespace wring
