#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "wring/doctor/facts.h"

namespace wring {

enum class CheckState {
  good,     // as it should be
  note,     // less than there could be; training is not held up
  warning,  // training runs, but slower, or something will fail later
  missing,  // training cannot run
};

// "good", "note", "warning", "missing".
std::string_view state_name(CheckState state);

// One thing that training needs, as it was found.
struct Check {
  std::string id;  // "libtorch": stable, for programs
  Text name;
  CheckState state = CheckState::good;
  Text found;
  Text means;  // "" where it is as it should be
  Text cure;   // "" where there is nothing to do
};

// needs_gpu: training is to run on a GPU (--device cuda), so without one it cannot.
std::vector<Check> check_machine(const MachineFacts& facts, bool needs_gpu);

// None is missing.
bool can_train(const std::vector<Check>& checks);

// Whether training would run on a GPU.
bool trains_on_gpu(const MachineFacts& facts);

}  // namespace wring
