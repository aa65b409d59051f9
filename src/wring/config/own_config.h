#pragma once
#include <filesystem>
#include <string_view>
#include <vector>

#include "wring/config/document.h"

namespace wring {

// What a command may plan or edit is a configuration of Wring's: flat, with Wring's keys. In another program's file a
// value that Wring adds is never read, and looks like success.

// parse_document() for such a file. Throws Error{usage} naming the file, what is seen in it and what to do: for a file
// that is recognisably another program's, one without a key of Wring's at the first level, and a key that is a slip for
// one of Wring's. Other unknown keys are let through.
std::vector<DocumentEntry> parse_own_document(std::string_view text, const std::filesystem::path& path);

}  // namespace wring
