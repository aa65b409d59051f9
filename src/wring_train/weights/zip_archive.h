#pragma once
#include <cstddef>
#include <functional>
#include <map>
#include <span>
#include <string>

#include "wring/base/error.h"

namespace wring {

// The files of a zip archive whose data is stored and not compressed, as torch.save writes it (PKWARE's APPNOTE 6.3.9,
// zip64 included), by their names. The data lies in `archive`. Throws what `error` makes of the reason: truncated, no
// archive, compressed, encrypted, a file outside it, one name twice.
std::map<std::string, std::span<const std::byte>> stored_files(std::span<const std::byte> archive,
                                                               const std::function<Error(const Text& why)>& error);

}  // namespace wring
