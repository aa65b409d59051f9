// How the steady part is found: the level at which the card works in the second half of the time is what the program
// settles on. Where the card stays near it for some seconds on end, that is a plateau; the steady part begins with the
// first one and ends with the last, and breaks of some seconds between plateaus are pauses. A card that never stays at
// its level (it starves, and works in short bursts) has no plateaus: then everything from the first work to the last is
// steady, the breaks included, because they are what is to be judged.
#include "wring/telemetry/phase.h"

#include <algorithm>
#include <functional>
#include <utility>

namespace wring {
namespace {

constexpr double kLeastLevel = 5;      // below it a share in whole per cents swings too much to have plateaus
constexpr double kLowShare = 0.5;      // of the level: validation runs at less, or at another level altogether
constexpr double kHighShare = 1.5;     // of the level and `kHighExtra`: kernels are tried, not trained with
constexpr double kHighExtra = 10;      // per cent
constexpr double kPlateauS = 5;        // longer than what is tried at the start, shorter than the rarest validation
constexpr double kPauseS = 2;          // shorter breaks are a reading that fell between two steps
constexpr double kLongestTrialS = 20;  // so long, at whatever level, is regular work

// Ticks [begin, end).
struct Stretch {
  std::size_t begin = 0;
  std::size_t end = 0;
};

enum class Level : std::uint8_t { low, on, high };

struct Run {
  Level level;
  Stretch ticks;
  double seconds = 0;
};

double seconds_of(std::span<const PhaseTick> ticks, Stretch part) {
  double sum = 0;
  for (std::size_t i = part.begin; i < part.end; ++i) sum += ticks[i].held_s;
  return sum;
}

bool works(const PhaseTick& tick) {
  return tick.work && *tick.work >= kLeastWork;
}

// The value at or above which the upper quarter of the time lies.
double upper_quarter(std::span<const PhaseTick> ticks, Stretch part) {
  std::vector<std::pair<double, double>> values;  // work, time
  double total = 0;
  for (std::size_t i = part.begin; i < part.end; ++i) {
    if (!ticks[i].work) continue;
    values.emplace_back(*ticks[i].work, ticks[i].held_s);
    total += ticks[i].held_s;
  }
  std::ranges::sort(values, std::greater{});
  double above = 0;
  for (const auto& [work, time] : values) {
    above += time;
    if (above >= total / 4) return work;
  }
  return 0;
}

// One stretch of time in which a program has the card.
class Segment {
 public:
  Segment(std::span<const PhaseTick> ticks, Stretch part, bool from_start, const PhaseFrame& frame)
      : ticks_(ticks), part_(part), from_start_(from_start), frame_(frame) {}

  void label(std::vector<Phase>& phases) const {
    const Stretch work = worked();
    if (work.begin == work.end) return fill(phases, part_, idle_phase());
    const double level = upper_quarter(ticks_, frame_.steady_before ? work : second_half(work));
    const std::vector<Run> runs = level >= kLeastLevel ? runs_at(level, work) : std::vector<Run>{};
    if (!has_plateaus(runs)) return label_bursts(phases, work, level);
    label_plateaus(phases, runs);
  }

 private:
  static void fill(std::vector<Phase>& phases, Stretch part, Phase phase) {
    std::fill(phases.begin() + static_cast<std::ptrdiff_t>(part.begin),
              phases.begin() + static_cast<std::ptrdiff_t>(part.end), phase);
  }

  // From the first work to the last.
  Stretch worked() const {
    Stretch work = part_;
    while (work.begin < work.end && !works(ticks_[work.begin])) ++work.begin;
    while (work.end > work.begin && !works(ticks_[work.end - 1])) --work.end;
    return work;
  }

  Stretch second_half(Stretch part) const {
    const double half = seconds_of(ticks_, part) / 2;
    double passed = 0;
    while (part.begin + 1 < part.end && passed < half) passed += ticks_[part.begin++].held_s;
    return part;
  }

  // Of a program that has the card and never uses it.
  Phase idle_phase() const {
    if (from_start_) return Phase::start_up;
    if (frame_.steady_before) return frame_.ended ? Phase::end : Phase::pause;
    return Phase::steady;
  }

  // What comes before the steady part: where the program's beginning was not seen, it was in a pause.
  Phase before_phase() const { return from_start_ ? Phase::start_up : Phase::pause; }
  Phase after_phase() const { return frame_.ended ? Phase::end : Phase::pause; }

  Level level_of(const PhaseTick& tick, double level, Level before) const {
    if (!tick.work) return before;
    if (*tick.work < kLowShare * level) return Level::low;
    return *tick.work > kHighShare * level + kHighExtra ? Level::high : Level::on;
  }

  // Stretches of one level; what is shorter than a pause belongs to the plateau around it.
  std::vector<Run> runs_at(double level, Stretch work) const {
    std::vector<Run> runs;
    Level last = Level::low;
    for (std::size_t i = work.begin; i < work.end; ++i) {
      last = level_of(ticks_[i], level, last);
      if (runs.empty() || runs.back().level != last) runs.push_back({last, {i, i}});
      runs.back().ticks.end = i + 1;
      runs.back().seconds += ticks_[i].held_s;
    }
    return joined(std::move(runs));
  }

  static std::vector<Run> joined(std::vector<Run> runs) {
    std::vector<Run> kept;
    for (std::size_t i = 0; i < runs.size(); ++i) {
      const bool between =
          i > 0 && i + 1 < runs.size() && runs[i - 1].level == Level::on && runs[i + 1].level == Level::on;
      if (between && runs[i].seconds < kPauseS) runs[i].level = Level::on;
      if (!kept.empty() && kept.back().level == runs[i].level) {
        kept.back().ticks.end = runs[i].ticks.end;
        kept.back().seconds += runs[i].seconds;
      } else {
        kept.push_back(runs[i]);
      }
    }
    return kept;
  }

  static bool is_plateau(const Run& run) {
    return (run.level == Level::on && run.seconds >= kPlateauS) ||
           (run.level == Level::high && run.seconds >= kLongestTrialS);
  }

  // Most of the time at the level is spent in plateaus; else they are bursts that happen to follow one another.
  static bool has_plateaus(const std::vector<Run>& runs) {
    double all = 0, in_plateaus = 0;
    for (const Run& run : runs) {
      if (run.level != Level::low) all += run.seconds;
      if (is_plateau(run)) in_plateaus += run.seconds;
    }
    return in_plateaus > 0 && in_plateaus >= all / 2;
  }

  static std::size_t first_of_any(const std::vector<Run>& runs) {
    std::size_t first = 0;
    while (!is_plateau(runs[first])) ++first;
    return first;
  }

  // What was tried at the start can look like a plateau, with a long break for compiling behind it: the steady part
  // does not begin with work that is shorter than the break after it, where that break is longer than those that come
  // again.
  static std::size_t first_plateau(const std::vector<Run>& runs) {
    std::size_t first = first_of_any(runs);
    double worked = 0;
    for (std::size_t i = first; i < runs.size(); ++i) {
      if (runs[i].level != Level::low) {
        worked += runs[i].seconds;
        continue;
      }
      std::vector<double> later;
      for (std::size_t j = i + 1; j + 1 < runs.size(); ++j) {
        if (runs[j].level == Level::low && runs[j].seconds >= kPauseS) later.push_back(runs[j].seconds);
      }
      std::ranges::sort(later);
      const double usual = later.empty() ? 0 : later[later.size() / 2];
      if (worked >= kLongestTrialS || runs[i].seconds < std::max({kPlateauS, worked, 2 * usual})) continue;
      const auto next = std::ranges::find_if(runs.begin() + static_cast<std::ptrdiff_t>(i), runs.end(), is_plateau);
      if (next == runs.end()) break;
      first = static_cast<std::size_t>(next - runs.begin());
      i = first - 1;
      worked = 0;
    }
    return first;
  }

  void label_plateaus(std::vector<Phase>& phases, const std::vector<Run>& runs) const {
    const std::size_t first = from_start_ ? first_plateau(runs) : first_of_any(runs);
    std::size_t last = runs.size() - 1;
    while (last > first && !is_plateau(runs[last])) --last;
    const bool starves = starves_in_breaks(runs, first, last);
    fill(phases, {part_.begin, runs[first].ticks.begin}, before_phase());
    for (std::size_t i = first; i <= last; ++i) {
      const bool pause = runs[i].level == Level::low && runs[i].seconds >= kPauseS && !starves;
      fill(phases, runs[i].ticks, pause ? Phase::pause : Phase::steady);
    }
    fill(phases, {runs[last].ticks.end, part_.end}, after_phase());
    // What is cut off at an edge of the ticks may be a part of a plateau.
    for (std::size_t i = 0; i < runs.size(); ++i) {
      const bool cut_off = i < first ? !from_start_ : i > last && !frame_.ended;
      if (cut_off && runs[i].level != Level::low) fill(phases, runs[i].ticks, Phase::steady);
    }
  }

  // Readers that have all that they can do, in the breaks and between them: the card waits for them. Those of a
  // validation rest between two of them.
  bool starves_in_breaks(const std::vector<Run>& runs, std::size_t first, std::size_t last) const {
    double low = 0, low_full = 0, on = 0, on_full = 0;
    for (std::size_t i = first; i <= last; ++i) {
      for (std::size_t tick = runs[i].ticks.begin; tick < runs[i].ticks.end; ++tick) {
        const double held_s = ticks_[tick].held_s;
        (runs[i].level == Level::low ? low : on) += held_s;
        if (ticks_[tick].readers_full) (runs[i].level == Level::low ? low_full : on_full) += held_s;
      }
    }
    constexpr double kMostly = 0.75;
    return low > 0 && low_full >= kMostly * low && on_full >= kMostly * on;
  }

  void label_bursts(std::vector<Phase>& phases, Stretch work, double level) const {
    std::size_t begin = work.begin;
    if (from_start_ && level >= kLeastLevel) begin = first_regular_burst(work, level);
    fill(phases, {part_.begin, begin}, before_phase());
    fill(phases, {begin, work.end}, Phase::steady);
    fill(phases, {work.end, part_.end}, after_phase());
  }

  // The first burst after which the card works at least half as often as over the whole time.
  std::size_t first_regular_burst(Stretch work, double level) const {
    const auto on_share = [&](Stretch part) {
      double on = 0, all = 0;
      for (std::size_t i = part.begin; i < part.end; ++i) {
        all += ticks_[i].held_s;
        if (level_of(ticks_[i], level, Level::low) != Level::low) on += ticks_[i].held_s;
      }
      return all > 0 ? on / all : 0;
    };
    const double usual = on_share(work);
    for (std::size_t i = work.begin; i < work.end; ++i) {
      if (level_of(ticks_[i], level, Level::low) == Level::low) continue;
      Stretch ahead{i, i};
      for (double s = 0; ahead.end < work.end && s < 2 * kPlateauS; ++ahead.end) s += ticks_[ahead.end].held_s;
      if (on_share(ahead) >= usual / 2) return i;
    }
    return work.begin;
  }

  std::span<const PhaseTick> ticks_;
  Stretch part_;
  bool from_start_;
  const PhaseFrame& frame_;
};

}  // namespace

std::span<const PhaseRow> phase_rows() {
  static const std::array<PhaseRow, kPhaseCount> rows = {{
      {Phase::no_context, "no_context", {"no context on the card", "未使用显卡"}},
      {Phase::start_up, "start_up", {"start-up", "启动"}},
      {Phase::steady, "steady", {"steady", "稳定"}},
      {Phase::pause, "validation_or_saving", {"validation or saving", "验证或保存"}},
      {Phase::end, "end", {"end", "收尾"}},
  }};
  return rows;
}

std::vector<Phase> recognise_phases(std::span<const PhaseTick> ticks, const PhaseFrame& frame) {
  std::vector<Phase> phases(ticks.size(), Phase::no_context);
  const auto has_context = [&](std::size_t i) { return ticks[i].context.value_or(true); };
  std::size_t last_context = 0;
  for (std::size_t begin = 0; begin < ticks.size();) {
    if (!has_context(begin)) {
      ++begin;
      continue;
    }
    std::size_t end = begin;
    while (end < ticks.size() && has_context(end)) ++end;
    PhaseFrame own = frame;
    own.steady_before = frame.steady_before && begin == 0;
    own.ended = frame.ended || end < ticks.size();  // the program gave the card back
    const bool from_start = begin > 0 || (frame.from_start && !frame.steady_before);
    Segment(ticks, {begin, end}, from_start, own).label(phases);
    begin = last_context = end;
  }
  // A command's own last moments, after it gave the card back.
  if (frame.from_start && frame.ended && last_context > 0) {
    std::fill(phases.begin() + static_cast<std::ptrdiff_t>(last_context), phases.end(), Phase::end);
  }
  return phases;
}

}  // namespace wring
