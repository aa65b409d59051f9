#pragma once
#include <filesystem>

#include "wring/base/text.h"
#include "wring/files/files.h"

namespace wring {

// Checks of what the user named, before anything slow starts. Each throws Error{failed} naming the path, with
// what there is instead or how to get it.

// A readable config; when it does not exist the error lists the configs there are beside it and in configs/.
void require_config(const std::filesystem::path& path);

// what: names the thing in the message ("the checkpoint"); hint: how to get one.
void require_file(const std::filesystem::path& path, const Text& what, const Text& hint);
void require_folder(const std::filesystem::path& path, const Text& what, const Text& hint);

// The folder that is to hold `file` exists.
void require_folder_of(const std::filesystem::path& file);

// Where a page is to be written: it is named .html or .htm, so that no other file is replaced by mistake, and a file
// can be made in its folder. Throws Error{usage} for another name.
FilePlace place_of_page(const std::filesystem::path& page);

}  // namespace wring
