// Prints what Wring would change in a configuration for a card of 24 GB.
//
//   plan_config CONFIG
#include <cstdio>

#include "wring/base/error.h"
#include "wring/plan/planner.h"

int main(int count, char** arguments) {
  if (count != 2) return 2;
  try {
    wring::Machine machine;
    machine.card = wring::card_of_memory(24);
    machine.gpus = 1;
    machine.cpu_cores = 8;
    const wring::ConfigFile config = wring::read_config(arguments[1], wring::UnknownKeys::keep);
    for (const wring::Change& change : wring::make_plan(config, machine).changes) {
      std::printf("%s: %s -> %s (%s)\n", change.key.c_str(), change.old_value.c_str(), change.new_value.c_str(),
                  change.reason.en.c_str());
    }
  } catch (const wring::Error& error) {
    std::fprintf(stderr, "%s\n", error.message().en.c_str());
    return 1;
  }
  return 0;
}
