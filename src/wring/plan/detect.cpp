#include <sched.h>

#include "wring/base/control_group.h"
#include "wring/config/vgg_weights.h"
#include "wring/gpu/inventory.h"
#include "wring/plan/machine.h"

namespace wring {
namespace {

int cores_in_mask() {
  cpu_set_t mask;
  CPU_ZERO(&mask);
  return ::sched_getaffinity(0, sizeof(mask), &mask) == 0 ? CPU_COUNT(&mask) : 1;
}

}  // namespace

int usable_cores() {
  return usable_cores(cores_in_mask(), control_group_limits().cpu_cores);
}

Machine detect_machine() {
  Machine machine = machine_of(take_inventory(), usable_cores());
  machine.vgg_weights = find_vgg_weights({}).file;
  return machine;
}

}  // namespace wring
