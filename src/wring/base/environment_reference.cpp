#include "wring/base/environment_reference.h"

#include <optional>

#include <fmt/format.h>

#include "wring/base/environment.h"

namespace wring {
namespace {

constexpr const char* kIntroduction = R"(# Environment variables

What Wring's programs read from the environment. `wring` stands for `optimize_gpu` too. An empty variable counts as not set
where nothing else is said; "else" tells what holds then. The libraries below Wring read variables of their own (`NCCL_*`,
`PYTORCH_*`, `TERMINFO`, `TZ` …), which reach them as they are.

This file is made from the table in `src/wring/base/environment.h`; a test compares the two. After a change of the table
run the unit tests once with `WRING_UPDATE_DOCS=1`.
)";

const char* heading(VariableGroup group) {
  switch (group) {
    case VariableGroup::own:
      return "Wring's own";
    case VariableGroup::folders:
      return "Folders";
    case VariableGroup::terminal:
      return "Language and terminal";
    case VariableGroup::gpus:
      return "GPUs";
    case VariableGroup::ranks:
      return "Ranks, as their launcher sets them ([scaling.md](scaling.md))";
    case VariableGroup::tests:
      return "For Wring's own tests";
  }
  return "";
}

}  // namespace

std::string environment_reference() {
  std::string text = kIntroduction;
  std::optional<VariableGroup> group;
  for (const EnvironmentVariable& variable : kEnvironment) {
    if (group != variable.group) {
      text += fmt::format("\n## {}\n\n| variable | read by | effect |\n| --- | --- | --- |\n", heading(variable.group));
      group = variable.group;
    }
    text += fmt::format("| `{}` | {} | {} |\n", variable.name, variable.readers, variable.effect);
  }
  return text;
}

}  // namespace wring
