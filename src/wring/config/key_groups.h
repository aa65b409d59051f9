#pragma once
#include <limits>
#include <vector>

#include "wring/config/key.h"

namespace wring {

// The rows of the table of keys, group by group; keys() has them all, in this order.
std::vector<Key> network_keys();  // keys_of_step.cpp
std::vector<Key> batch_keys();
std::vector<Key> speed_keys();
std::vector<Key> loss_keys();  // keys_of_run.cpp
std::vector<Key> optimisation_keys();
std::vector<Key> run_keys();
std::vector<Key> data_keys();

inline constexpr double kAny = std::numeric_limits<double>::infinity();

}  // namespace wring
