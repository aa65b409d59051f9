#include "wring/config/keys.h"

#include <algorithm>

#include "wring/config/key_groups.h"

namespace wring {
namespace {

std::vector<Key> build_table() {
  std::vector<Key> all;
  for (auto group : {network_keys, batch_keys, speed_keys, loss_keys, optimisation_keys, run_keys, data_keys}) {
    for (Key& key : group()) all.push_back(std::move(key));
  }
  return all;
}

}  // namespace

std::span<const Key> keys() {
  static const std::vector<Key> table = build_table();
  return table;
}

const Key* find_key(std::string_view name) {
  const auto found = std::ranges::find(keys(), name, &Key::name);
  return found == keys().end() ? nullptr : &*found;
}

std::span<const std::string> key_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const Key& key : keys()) all.push_back(key.name);
    return all;
  }();
  return names;
}

}  // namespace wring
