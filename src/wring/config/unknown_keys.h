#pragma once
#include "wring/base/text.h"
#include "wring/config/reader.h"

namespace wring {

// Which keys `wring train` will refuse; empty where the file has only Wring's.
Text unknown_keys_note(const ConfigFile& file);

}  // namespace wring
