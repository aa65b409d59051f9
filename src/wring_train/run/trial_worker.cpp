#include "wring_train/run/trial_worker.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <numeric>

#include <fmt/format.h>

#include <ATen/ATen.h>
#include <ATen/DeviceAccelerator.h>

#include "wring/base/message.h"
#include "wring/config/reader.h"
#include "wring/trial/outcome.h"
#include "wring_train/engine/device.h"
#include "wring_train/engine/device_memory_error.h"
#include "wring_train/engine/schedule.h"
#include "wring_train/run/resident_batches.h"
#include "wring_train/run/step_timing.h"
#include "wring_train/run/validator.h"

namespace wring {
namespace {

using Clock = std::chrono::steady_clock;

// The warm-up ends when two windows in turn differ by less than this, or when this many times max_seconds are over.
constexpr double kStable = 0.05;
constexpr double kLongestWarmup = 2;
constexpr double kWindowMs = 100;
constexpr int kLongestWindow = 50;
constexpr std::size_t kValidationImages = 2;
constexpr int kValidationTile = 512;  // LR pixels, as in training

double seconds_since(Clock::time_point began) {
  return std::chrono::duration<double>(Clock::now() - began).count();
}

// For tests on machines without a GPU: a batch larger than this is treated as one that does not fit.
std::optional<std::int64_t> batch_limit_for_tests() {
  const char* text = std::getenv("WRING_TEST_OOM_ABOVE_BATCH");
  if (text == nullptr || *text == '\0') return std::nullopt;
  return std::atoll(text);
}

TrialResult failed(TrialOutcome outcome, std::string message) {
  TrialResult result;
  result.outcome = outcome;
  result.message = std::move(message);
  return result;
}

// What decides which images are open and where they lie.
std::string image_keys(const TrainConfig& c) {
  return fmt::format("{}|{}|{}|{}|{}|{}|{}|{}", c.data_dir, c.train_hr_dir, c.train_lr_dir, c.val_hr_dir, c.val_lr_dir,
                     c.patch_size, c.scale_factor, c.data_cache);
}

// The largest images of the validation set, or of the training set where there is none: what decides how much memory a
// validation takes.
ImageSet largest_images(const TrainingImages& images) {
  const ImageSet& from = images.validation ? *images.validation : images.train;
  std::vector<std::size_t> order(from.pairs.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto area = [&](std::size_t i) { return std::int64_t{from.sizes[i].width} * from.sizes[i].height; };
  std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) { return area(a) > area(b); });
  ImageSet largest;
  for (std::size_t i = 0; i < std::min(kValidationImages, order.size()); ++i) {
    largest.pairs.push_back(from.pairs[order[i]]);
    largest.sizes.push_back(from.sizes[order[i]]);
  }
  return largest;
}

// Runs windows of steps until the time of a step no longer changes. Returns that time in ms.
double warm_up(const TrialMeasure& measure, const std::function<double(int)>& timed) {
  const auto began = Clock::now();
  timed(1);  // compiles, captures, tries algorithms
  double before = timed(1);
  int window = std::clamp(static_cast<int>(kWindowMs / std::max(before, 1e-3)), 1, kLongestWindow);
  for (double now = timed(window); seconds_since(began) < kLongestWarmup * measure.max_seconds; now = timed(window)) {
    if (std::abs(now - before) <= kStable * before) return now;
    before = now;
    window = std::clamp(static_cast<int>(kWindowMs / std::max(now, 1e-3)), 1, kLongestWindow);
  }
  return before;
}

// Groups of steps until the median is known well enough or the time is up; min_steps goes before both.
StepTimes measure_steps(const TrialMeasure& measure, double about_ms, const std::function<double(int)>& timed) {
  const auto began = Clock::now();
  const int group = steps_between_looks(about_ms);
  std::vector<double> step_ms;
  std::int64_t steps = 0;
  while (true) {
    step_ms.push_back(timed(group));
    steps += group;
    const double seconds = seconds_since(began);
    const bool enough =
        seconds >= measure.min_seconds && steps >= measure.min_steps && relative_half_width(step_ms) <= measure.rel_ci;
    if (enough || (seconds >= measure.max_seconds && steps >= 2)) return step_times(step_ms, steps);
  }
}

void say(const Text& text) {
  write_message(fmt::format("{}\n", text.en));
}

TrainingDataOptions data_options(at::Device device) {
  TrainingDataOptions options;
  options.device = device;
  options.common.quiet = true;
  options.cancelled = [] { return false; };
  options.note = say;
  options.warn = say;
  return options;
}

}  // namespace

TrialWorker::TrialWorker(const std::filesystem::path& config, const std::vector<std::string>& set, at::Device device)
    : path_(config), config_(read_config(config, UnknownKeys::ignore).values), device_(device) {
  for (const std::string& assignment : set) set_value(config_, assignment);
}

TrialResult TrialWorker::run(const TrialRequest& request, const std::function<void(const std::string&)>& phase) {
  try {
    return measured(request, phase);
  } catch (const DeviceMemoryError& error) {
    return failed(TrialOutcome::oom, error.message().en);
  } catch (const Error& error) {
    const std::string& hint = error.hint().en;
    return failed(TrialOutcome::error, hint.empty() ? error.message().en : error.message().en + " (" + hint + ")");
  } catch (const c10::OutOfMemoryError& error) {
    return failed(TrialOutcome::oom, error.what_without_backtrace());
  } catch (const c10::Error& error) {
    const std::string message = error.what_without_backtrace();
    return failed(find_out_of_memory(message) ? TrialOutcome::oom : TrialOutcome::error, message);
  } catch (const std::bad_alloc&) {
    return failed(TrialOutcome::oom, "the host's memory is used up (std::bad_alloc)");
  } catch (const std::exception& error) {
    return failed(find_out_of_memory(error.what()) ? TrialOutcome::oom : TrialOutcome::error, error.what());
  }
}

TrialResult TrialWorker::measured(const TrialRequest& request, const std::function<void(const std::string&)>& phase) {
  const TrialMeasure& measure = request.measure;
  const TrainConfig config = with(request);
  phase("load");
  if (const auto limit = batch_limit_for_tests(); limit && config.batch_size > *limit) {
    return failed(TrialOutcome::oom,
                  fmt::format("batch_size {} is above WRING_TEST_OOM_ABOVE_BATCH", config.batch_size));
  }
  // What the trial before left in the allocator's hands would count as this one's.
  if (!device_.is_cpu()) at::accelerator::emptyCache();
  open_images(config);
  TrainingData data = start_loading(shared_images(), config, data_options(device_), 0);
  if (measure.data == TrialData::loader) {
    phase("measure");
    return loader_rate(config, *data.loader, measure);
  }

  const EdsrShape shape{config.base_channels, config.num_blocks, config.scale_factor};
  const auto engine = make_step_engine(config, Edsr(shape, static_cast<std::uint64_t>(config.seed)), device_, say);
  Feed feed;
  feed.loader = data.loader.get();
  if (data.on_device) {
    engine->use_images(data.on_device, data.loader->sampler());
  } else if (measure.data == TrialData::resident) {
    feed.loader = nullptr;
    feed.batch = data.loader->next();
    if (!device_.is_cpu()) {
      SamplerSettings settings;
      engine->use_images(resident_images(std::span(&feed.batch, 1), device_, config, settings), settings);
      feed.batch.hr = feed.batch.lr = nullptr;
    }
  }

  std::int64_t step = 0;
  std::int64_t batches = 0;
  const auto run_steps = [&](int steps) {
    for (int i = 0; i < steps; ++i) {
      const auto asked = Clock::now();
      std::vector<Batch> micro_batches;
      for (std::int64_t m = 0; m < config.gradient_accumulation_steps; ++m) {
        micro_batches.push_back(feed.loader != nullptr ? feed.loader->next() : feed.batch);
        micro_batches.back().step = batches++;
      }
      feed.wait_s += seconds_since(asked);
      engine->step(micro_batches, learning_rate(config, step++));
    }
  };
  const auto timed = [&](int steps) { return timed_ms(steps, run_steps, [this] { synchronize(device_); }); };

  phase("warmup");
  const auto warming = Clock::now();
  const double about_ms = warm_up(measure, timed);
  TrialResult result;
  result.warmup_s = seconds_since(warming);
  reset_peak_memory(device_);
  if (measure.validate) {
    phase("validate");
    timed(1);
    Validator validate(largest_images(*images_), static_cast<int>(config.scale_factor));
    validate(Upscaler(engine->averaged(), device_, config.channels_last, kValidationTile, tail_path(config)));
  }
  phase("measure");
  feed.wait_s = 0;
  result.step_ms = measure_steps(measure, about_ms, timed);
  if (measure.data == TrialData::real) {
    result.data_wait_ms = 1000 * feed.wait_s / static_cast<double>(result.step_ms.n);
  }
  result.samples_per_s =
      1000.0 * static_cast<double>(config.batch_size * config.gradient_accumulation_steps) / result.step_ms.median;
  result.loss = engine->report().loss;
  result.engine = engine->name();
  result.memory = memory(*engine);
  return result;
}

// The loader alone, a batch a step.
TrialResult TrialWorker::loader_rate(const TrainConfig& config, Loader& loader, const TrialMeasure& measure) const {
  const auto timed = [&](int steps) {
    return timed_ms(
        steps,
        [&](int n) {
          for (int i = 0; i < n; ++i) loader.next();
        },
        [] {});
  };
  TrialResult result;
  const auto warming = Clock::now();
  const double about_ms = warm_up(measure, timed);
  result.warmup_s = seconds_since(warming);
  result.step_ms = measure_steps(measure, about_ms, timed);
  result.samples_per_s = 1000.0 * static_cast<double>(config.batch_size) / result.step_ms.median;
  return result;
}

TrainConfig TrialWorker::with(const TrialRequest& request) const {
  TrainConfig config = config_;
  for (const Assignment& assignment : request.set) set_value(config, assignment.key + "=" + assignment.value);
  check_combinations(config, path_);
  return config;
}

void TrialWorker::open_images(const TrainConfig& config) {
  const std::string keys = image_keys(config);
  if (images_ && keys == image_keys_) return;
  images_.reset();
  images_ = open_training_images(config, data_options(device_));
  image_keys_ = keys;
}

// The same images for another loader; the cache stays here.
TrainingImages TrialWorker::shared_images() const {
  TrainingImages images;
  images.train = images_->train;
  images.validation = images_->validation;
  images.tier = images_->tier;
  images.decoded = images_->decoded;
  images.on_device = images_->on_device;
  return images;
}

// Of the allocator, since the warm-up. On the CPU nothing counts it.
TrialMemory TrialWorker::memory(const StepEngine& engine) const {
  TrialMemory memory;
  if (device_.is_cpu()) return memory;
  const auto stats = at::accelerator::getDeviceStats(device_.index());
  constexpr auto kAggregate = static_cast<std::size_t>(at::CachingAllocator::StatType::AGGREGATE);
  memory.peak_allocated_mib = (stats.allocated_bytes[kAggregate].peak + engine.replayed_memory_bytes()) >> 20;
  memory.peak_reserved_mib = stats.reserved_bytes[kAggregate].peak >> 20;
  memory.alloc_retries = stats.num_alloc_retries;
  const auto [free, total] = at::accelerator::getMemoryInfo(device_.index());
  memory.device_free_mib = static_cast<std::int64_t>(free >> 20);
  memory.device_total_mib = static_cast<std::int64_t>(total >> 20);
  return memory;
}

}  // namespace wring
