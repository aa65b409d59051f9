#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "wring/base/text.h"

namespace wring {

// What a training program is doing, as far as a card shows it.
enum class Phase : std::uint8_t {
  no_context,  // no program has the card: imports, data prepared on the CPU
  start_up,    // a program has it and works irregularly: it compiles, tries kernels, takes its first steps
  steady,      // training
  pause,       // breaks that come again within the steady part: validation, saving
  end,         // after the last of the steady part: the last save, the program's end
};
inline constexpr std::size_t kPhaseCount = 5;

struct PhaseRow {
  Phase phase;
  std::string_view key;  // JSON: "no_context"
  Text title;            // "no context"
};

// One row a phase, in the order of the enumeration.
std::span<const PhaseRow> phase_rows();

// Less is none: SM activity of a card that hardly gets anything is more, and GPU-Util counts in ones.
inline constexpr double kLeastWork = 0.05;

// One moment of a card, as the recogniser sees it.
struct PhaseTick {
  double held_s = 0;            // the time that it describes
  std::optional<double> work;   // GPU-Util, else SM activity, in per cent
  std::optional<bool> context;  // a program has the card; absent where that cannot be told
  bool readers_full = false;    // the program's readers have all that they can do (program.h)
};

// What is known of the time around the ticks.
struct PhaseFrame {
  bool from_start = false;     // they begin with the program
  bool steady_before = false;  // they follow on ticks in which it had its steady part already
  bool ended = false;          // the program ended with the last one
};

// The phase of each tick. With all of them at hand, so that a pause is known from what follows it.
std::vector<Phase> recognise_phases(std::span<const PhaseTick> ticks, const PhaseFrame& frame);

}  // namespace wring
