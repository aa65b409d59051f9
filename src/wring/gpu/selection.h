#pragma once
#include <cstddef>
#include <string>
#include <vector>

#include "wring/gpu/inventory.h"

namespace wring {

// The places in `gpus` of those that `wanted` names, in their order, each once; all for an empty `wanted`. A name is an
// index, a UUID or the beginning of one ("GPU-8f3a"), or a PCI bus id with or without its domain ("19:00.0"). An index
// or a bus id means the card with its MIG instances. Throws Error{usage} that lists what there is for a name that is
// none of these or fits several cards.
std::vector<std::size_t> select_gpus(const std::vector<Gpu>& gpus, const std::vector<std::string>& wanted);

}  // namespace wring
