#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "wring_train/data/decoded_set.h"

// The format of a decoded set on disk: a header, the table of images, the checksum of each one's bytes, then from a
// multiple of 4096 the block of bytes.
// Numbers as this machine stores them: the file is a cache and does not travel.
namespace wring {

// The size of the file for such a set.
std::size_t decoded_file_bytes(const DecodedLayout& layout);

// Where the block begins in it.
std::size_t decoded_block_start(const DecodedLayout& layout);

// Writes header and table. `name` is the cache's name for the set.
void write_decoded_header(std::span<std::uint8_t> file, const DecodedLayout& layout, const std::string& name);

// Reads table and checksums into `layout` (which comes as layout_of() made it, and gets the widths 0 of unusable
// images), or says what is wrong: cut short, another name, damaged, or not the layout that the images need.
std::optional<std::string> read_decoded_header(std::span<const std::uint8_t> file, DecodedLayout& layout,
                                               const std::string& name);

// Compares every image's bytes with their checksum, on all cores; says what is wrong. `cancelled` (may be empty) is
// asked meanwhile; Error{interrupted} then.
std::optional<std::string> check_decoded_pixels(std::span<const std::uint8_t> file, const DecodedLayout& layout,
                                                const std::function<bool()>& cancelled);

}  // namespace wring
