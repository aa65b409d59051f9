#include "wring/tune/search/picture.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include <fmt/format.h>

#include "wring/tune/statistics.h"

namespace wring {
namespace {

// A gain at the very edge of what is worth a change is hard to prove: where there is more to have, it is had.
constexpr double kClearlyWorthIt = kWorthAChange + 0.02;
// A smaller batch is seldom the faster one, and what comes and goes on the machine can make it look so twice.
constexpr std::size_t kLeastForASmaller = 4;
// How many repeats that belief is worth against what repeats really show.
constexpr double kNoiseWeight = 1;
// Above this share of the memory a size is near the limit, where allocators begin to give back and ask again.
constexpr double kNearTheLimit = 0.85;

double error_within(const TrialResult& result) {
  if (result.step_ms.n < 2 || result.step_ms.median <= 0) return 0;
  return kMedianError * kMadToDeviation * result.step_ms.mad /
         (result.step_ms.median * std::sqrt(static_cast<double>(result.step_ms.n)));
}

struct Gathered {
  SizePicture size;
  double error_within = 0;  // mean of the trials'
};

// A validation comes in between: its memory and its time are no step's.
bool is_of_steps_alone(const SearchTrial& trial) {
  return trial.role != TrialRole::soak && trial.role != TrialRole::validate;
}

// What an earlier run measured is told by what was measured now, where there is such.
bool has_fresh_rates(std::int64_t batch, std::span<const SearchTrial> trials) {
  return std::ranges::any_of(trials, [&](const SearchTrial& trial) {
    return trial.batch == batch && is_of_steps_alone(trial) && !trial.result.reused &&
           trial.result.outcome == TrialOutcome::ok && trial.result.samples_per_s > 0;
  });
}

Gathered gather(std::int64_t batch, std::span<const SearchTrial> trials) {
  Gathered gathered;
  gathered.size.batch = batch;
  const bool fresh_only = has_fresh_rates(batch, trials);
  double errors = 0;
  for (const SearchTrial& trial : trials) {
    if (trial.batch != batch) continue;
    if ((trial.fit == Fit::fails || trial.fit == Fit::retries) && trial.role != TrialRole::validate) {
      gathered.size.fit = trial.fit;
      gathered.size.outcome = trial.result.outcome;
      gathered.size.how = trial.note;
    }
    if (trial.result.outcome != TrialOutcome::ok || !is_of_steps_alone(trial)) continue;
    if (const auto peak = measured_peak_mib(trial.result.memory)) {
      gathered.size.peak_mib = std::max(gathered.size.peak_mib.value_or(0), *peak);
    }
    if (trial.result.samples_per_s <= 0 || (fresh_only && trial.result.reused)) continue;
    gathered.size.rates.push_back(*trial.result.samples_per_s);
    errors += error_within(trial.result);
  }
  gathered.size.rate = median_of(gathered.size.rates);
  if (!gathered.size.rates.empty()) {
    gathered.error_within = errors / static_cast<double>(gathered.size.rates.size());
  }
  return gathered;
}

// Repeats of all sizes together: one noise for the machine.
double noise_of(const std::vector<Gathered>& all) {
  double squares = kNoiseWeight * kLeastNoise * kLeastNoise;
  double freedom = kNoiseWeight;
  for (const Gathered& one : all) {
    if (one.size.rates.size() < 2) continue;
    for (const double rate : one.size.rates) squares += std::pow(rate / one.size.rate - 1, 2);
    freedom += static_cast<double>(one.size.rates.size() - 1);
  }
  return std::max(kLeastNoise, std::sqrt(squares / freedom));
}

LineFit time_line(const std::vector<SizePicture>& sizes) {
  std::vector<LinePoint> points;
  for (const SizePicture& size : sizes) {
    if (!size.undisturbed()) continue;
    // Every trial is a point: what was measured more often weighs more.
    for (const double rate : size.rates)
      points.push_back({size.batch, 1000.0 * static_cast<double>(size.batch) / rate});
  }
  return fit_time_line(points);
}

LineFit memory_line(const std::vector<SizePicture>& sizes) {
  std::vector<LinePoint> points;
  for (const SizePicture& size : sizes) {
    if (size.peak_mib && size.fit != Fit::retries) points.push_back({size.batch, static_cast<double>(*size.peak_mib)});
  }
  return fit_memory_line(points);
}

std::optional<std::int64_t> capacity_of(std::span<const SearchTrial> trials, const BatchSearchOptions& options) {
  if (options.device_memory_mib) return options.device_memory_mib;
  std::optional<std::int64_t> least;
  for (const SearchTrial& trial : trials) {
    if (trial.result.outcome != TrialOutcome::ok) continue;
    if (const auto capacity = device_capacity_mib(trial.result.memory)) {
      least = std::min(least.value_or(*capacity), *capacity);
    }
  }
  return least;
}

// What a validation took beyond the steps of its size: the most that was seen.
std::int64_t validation_mib(std::span<const SearchTrial> trials, const std::vector<SizePicture>& sizes) {
  std::int64_t most = 0;
  for (const SearchTrial& trial : trials) {
    const auto peak = measured_peak_mib(trial.result.memory);
    const auto size = std::ranges::find(sizes, trial.batch, &SizePicture::batch);
    const bool validated = trial.request.measure.validate && trial.result.outcome == TrialOutcome::ok;
    if (validated && peak && size != sizes.end() && size->peak_mib) most = std::max(most, *peak - *size->peak_mib);
  }
  return most;
}

void mark_without_room(BatchPicture& picture) {
  for (SizePicture& size : picture.sizes) {
    if (size.fit != Fit::fits || !size.peak_mib) continue;
    if (static_cast<double>(*size.peak_mib) <= picture.memory_limit_mib()) continue;
    size.fit = Fit::no_room;
    size.how = {"leaves {} MiB, the reserve is {} MiB", "仅余 {} MiB，需保留 {} MiB",
                *picture.capacity_mib - *size.peak_mib, *picture.reserve_mib};
  }
}

// Near the limit and slower than a smaller size: the allocator works instead of the card, for a card that is merely
// full keeps its rate. The time line is no judge of it: small sizes say nothing of where the card is full.
void mark_collapsed(BatchPicture& picture, double epsilon) {
  const SizePicture* best_below = nullptr;
  for (SizePicture& size : picture.sizes) {
    const bool ran = size.measured() && (size.fit == Fit::fits || size.fit == Fit::no_room);
    if (!ran) continue;
    const double doubt = best_below != nullptr ? 2 * std::hypot(size.relative_error, best_below->relative_error) : 0;
    if (best_below != nullptr && near_the_limit(picture, size) &&
        size.rate < best_below->rate * (1 - epsilon - doubt)) {
      size.fit = Fit::collapses;
      size.how = {"{:.0f} samples/s near the memory limit, where batch {} makes {:.0f}",
                  "接近显存上限时仅 {:.0f} samples/s，而 batch {} 可达 {:.0f}", size.rate, best_below->batch,
                  best_below->rate};
      continue;
    }
    if (best_below == nullptr || size.rate > best_below->rate) best_below = &size;
  }
}

// The measurement and the line, each weighed by how far it can be trusted: the line is off by its misfit beyond the
// noise, the measurement by its error. Without noise the measurement alone counts.
void steady(BatchPicture& picture) {
  std::vector<double> squares;
  std::vector<double> errors;
  const auto foretold = [&](const SizePicture& size) { return predicted_rate(*picture.time.line, size.batch); };
  for (SizePicture& size : picture.sizes) {
    size.steadied = size.rate;
    size.steadied_error = size.relative_error;
    if (!picture.time.line || !size.undisturbed()) continue;
    squares.push_back(std::pow(size.rate / foretold(size) - 1, 2));
    errors.push_back(size.relative_error * size.relative_error);
  }
  // Two of the points are spent on the line itself.
  if (squares.size() < 4) return;
  double excess = 0;
  for (std::size_t i = 0; i < squares.size(); ++i) excess += squares[i] - errors[i];
  const double misfit = std::max(0.0, excess / static_cast<double>(squares.size() - 2));
  for (SizePicture& size : picture.sizes) {
    if (!size.undisturbed()) continue;
    const double error = size.relative_error * size.relative_error;
    const double share = misfit + error > 0 ? misfit / (misfit + error) : 1;
    size.steadied = share * size.rate + (1 - share) * foretold(size);
    size.steadied_error = std::sqrt(share * error);  // of two independent estimates, weighed by their variances
  }
}

}  // namespace

bool near_the_limit(const BatchPicture& picture, double peak_mib) {
  return picture.capacity_mib && peak_mib >= kNearTheLimit * static_cast<double>(*picture.capacity_mib);
}

bool near_the_limit(const BatchPicture& picture, const SizePicture& size) {
  return size.peak_mib && near_the_limit(picture, static_cast<double>(*size.peak_mib));
}

const SizePicture* BatchPicture::find(std::int64_t batch) const {
  const auto found = std::ranges::find(sizes, batch, &SizePicture::batch);
  return found == sizes.end() ? nullptr : &*found;
}

const SizePicture* BatchPicture::best(std::int64_t most) const {
  const SizePicture* best = nullptr;
  for (const SizePicture& size : sizes) {
    if (size.batch <= most && size.usable() && (best == nullptr || size.steadied > best->steadied)) best = &size;
  }
  return best;
}

const SizePicture* BatchPicture::largest_usable() const {
  const SizePicture* largest = nullptr;
  for (const SizePicture& size : sizes) {
    if (size.usable()) largest = &size;
  }
  return largest;
}

double BatchPicture::memory_limit_mib() const {
  if (!capacity_mib) return std::numeric_limits<double>::infinity();
  return static_cast<double>(*capacity_mib - reserve_mib.value_or(0));
}

BatchPicture picture_of(std::span<const SearchTrial> trials, const BatchSearchOptions& options) {
  std::map<std::int64_t, bool> batches;
  for (const SearchTrial& trial : trials) {
    if (trial.fit != Fit::unknown) batches[trial.batch] = true;
  }
  std::vector<Gathered> all;
  for (const auto& [batch, known] : batches) all.push_back(gather(batch, trials));

  BatchPicture picture;
  picture.noise = noise_of(all);
  for (const Gathered& one : all) {
    picture.spread = std::max(picture.spread, spread_of(one.size.rates));
    if (one.size.measured()) picture.repeats += one.size.rates.size() - 1;
  }
  for (Gathered& one : all) {
    const double noise = std::hypot(picture.noise, one.error_within);
    // The median of two is their mean.
    const double factor = one.size.rates.size() > 2 ? kMedianError : 1;
    if (one.size.measured()) {
      one.size.relative_error = factor * noise / std::sqrt(static_cast<double>(one.size.rates.size()));
    }
    picture.sizes.push_back(std::move(one.size));
  }
  picture.memory = memory_line(picture.sizes);
  picture.capacity_mib = capacity_of(trials, options);
  if (picture.capacity_mib) {
    const double residual = picture.memory.line ? picture.memory.line->residual : 0;
    const std::int64_t validation = std::max(options.validation_spike_mib, validation_mib(trials, picture.sizes));
    picture.reserve_mib = options.min_reserve_mib + validation + static_cast<std::int64_t>(std::ceil(residual));
  }
  mark_without_room(picture);
  mark_collapsed(picture, options.epsilon);
  picture.time = time_line(picture.sizes);
  steady(picture);
  return picture;
}

const SizePicture* own_size(const BatchPicture& picture, const BatchSearchOptions& options) {
  const SizePicture* own = picture.find(options.start_batch);
  return own != nullptr && own->measured() && own->fit != Fit::fails ? own : nullptr;
}

double rate_to_reach(const BatchPicture& picture, const BatchSearchOptions& options, std::int64_t most) {
  const SizePicture* best = picture.best(most);
  if (best == nullptr) return 0;
  double reference = best->steadied;
  if (picture.time.line && most > best->batch) {
    reference = std::clamp(predicted_rate(*picture.time.line, most), reference, reference * (1 + options.epsilon));
  }
  // One standard error of the comparison, so that noise does not make 4 % out of 3; never more than half of ε.
  const double doubt = std::min(options.epsilon / 2, best->steadied_error);
  const double wanted = reference * (1 - options.epsilon) * (1 + doubt);
  const SizePicture* own = own_size(picture, options);
  if (own == nullptr) return wanted;
  return std::min(best->steadied, std::max(wanted, own->steadied * (1 + kClearlyWorthIt)));
}

const SizePicture* choose(const BatchPicture& picture, const BatchSearchOptions& options, std::int64_t most) {
  const SizePicture* own = own_size(picture, options);
  if (own != nullptr && own->batch > most) own = nullptr;
  const SizePicture* best = picture.best(most);
  if (best == nullptr) return own;
  if (own != nullptr && best->steadied <= own->steadied * (1 + kWorthAChange)) return own;
  const double wanted = rate_to_reach(picture, options, most);
  for (const SizePicture& size : picture.sizes) {
    if (size.batch <= most && size.usable() && size.steadied >= wanted) return &size;
  }
  return best;
}

Contest contest_of(const BatchPicture& picture, const SizePicture& own, const SizePicture& other) {
  return {.before = own.rates,
          .after = other.rates,
          .noise = picture.noise,
          .repeats = picture.repeats,
          .least = other.batch < own.batch ? kLeastForASmaller : 2};
}

}  // namespace wring
