#include "wring_train/measure/trial_worker.h"

#include <algorithm>
#include <numeric>
#include <type_traits>
#include <utility>

#include <fmt/format.h>

#include <ATen/ATen.h>
#include <ATen/DeviceAccelerator.h>

#include "wring/base/clock.h"
#include "wring/base/message.h"
#include "wring/config/keys.h"
#include "wring/config/overrides.h"
#include "wring/config/reader.h"
#include "wring/config/values.h"
#include "wring_train/engine/device.h"
#include "wring_train/engine/graph/graph_engine.h"
#include "wring_train/engine/schedule.h"
#include "wring_train/engine/step_engine.h"
#include "wring_train/measure/guarded_trial.h"
#include "wring_train/measure/kernel_times.h"
#include "wring_train/measure/resident_batches.h"
#include "wring_train/measure/timing.h"
#include "wring_train/train/validator.h"

namespace wring {
namespace {

constexpr int kProfiledSteps = 10;
constexpr std::size_t kValidationImages = 2;

// What decides which images are open and where they lie.
std::string image_keys(const TrainConfig& c) {
  std::string values = workers_cut_for_gpu(c) ? "workers cut" : "";
  for (const Key& key : keys()) {
    const bool decides = key.scope == Scope::images || key.name == "patch_size" || key.name == "scale_factor";
    if (decides) values += "|" + value_text(c, key);
  }
  return values;
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

void say(const Text& text) {
  write_message(fmt::format("{}\n", text.en));
}

// An engine and where its batches come from.
class FedEngine {
 public:
  FedEngine(const TrainConfig& config, const TrainingData& data, TrialData wanted, at::Device device, Ranks& ranks)
      : config_(config),
        engine_(make_step_engine(config,
                                 Edsr({config.base_channels, config.num_blocks, config.scale_factor},
                                      static_cast<std::uint64_t>(config.seed)),
                                 device, say, ranks)),
        loader_(data.loader.get()) {
    if (data.on_device) {
      engine_->use_images(data.on_device, data.samples);
    } else if (wanted == TrialData::resident) {
      batch_ = std::exchange(loader_, nullptr)->next();
      if (device.is_cpu()) return;
      SamplerSettings settings;
      engine_->use_images(resident_images(std::span(&batch_, 1), device, config, settings), settings);
      batch_.hr = batch_.lr = nullptr;
    }
  }

  StepEngine& engine() { return *engine_; }
  // For batches, since the last forget_wait().
  double wait_s() const { return wait_s_; }
  void forget_wait() { wait_s_ = 0; }

  void run(int steps) {
    for (int i = 0; i < steps; ++i) {
      const auto asked = SteadyClock::now();
      std::vector<Batch> micro_batches;
      for (std::int64_t m = 0; m < config_.gradient_accumulation_steps; ++m) {
        micro_batches.push_back(loader_ != nullptr ? loader_->next() : batch_);
        micro_batches.back().step = batches_++;
      }
      wait_s_ += seconds_since(asked);
      engine_->step(micro_batches, learning_rate(config_, step_++));
    }
  }

 private:
  const TrainConfig& config_;
  std::unique_ptr<StepEngine> engine_;
  Loader* loader_;  // null: batch_ again and again
  Batch batch_;
  double wait_s_ = 0;
  std::int64_t step_ = 0;
  std::int64_t batches_ = 0;
};

}  // namespace

TrainConfig trial_config(const std::filesystem::path& path, const std::vector<std::string>& set) {
  TrainConfig config = read_config(path, UnknownKeys::ignore).values;
  for (const std::string& assignment : set) set_value(config, assignment);
  return config;
}

TrialWorker::TrialWorker(const std::filesystem::path& config, const std::vector<std::string>& set, at::Device device,
                         Ranks& ranks)
    : path_(config),
      config_(read_config(config, UnknownKeys::ignore).values),
      set_(set),
      device_(device),
      ranks_(ranks),
      arithmetic_(device) {}

TrialResult TrialWorker::run(const TrialRequest& request, const std::function<void(const std::string&)>& phase) {
  return guarded_trial([&] { return measured(request, phase); });
}

TrialResult TrialWorker::measured(const TrialRequest& request, const std::function<void(const std::string&)>& phase) {
  const TrialMeasure& measure = request.measure;
  const TrainConfig config = with(request);
  phase("load");
  // What the trial before left in the allocator's hands would count as this one's.
  if (!device_.is_cpu()) {
    release_workspaces();
    at::accelerator::emptyCache();
  }
  open_images(config);
  TrainingData data = start_loading(shared_images(), config, data_options(), 0);
  if (measure.data == TrialData::loader) {
    phase("measure");
    // A loader that only says which patches come next has no rate.
    if (!data.on_device) return loader_rate(config, *data.loader, measure);
    TrialResult none;
    none.no_rate = kImagesOnDevice;
    return none;
  }

  return step_rate(config, data, measure, phase);
}

TrialResult TrialWorker::step_rate(const TrainConfig& config, const TrainingData& data, const TrialMeasure& measure,
                                   const std::function<void(const std::string&)>& phase) {
  TrialResult result;
  FedEngine fed(config, data, measure.data, device_, ranks_);
  const auto run_steps = [&fed](int steps) { fed.run(steps); };
  const auto timed = [&](int steps) { return timed_ms_of_all(steps, run_steps); };

  phase("warmup");
  const auto warming = SteadyClock::now();
  const double about_ms = warm_up(measure, timed);
  result.warmup_s = seconds_since(warming);
  reset_peak_memory(device_);
  if (measure.validate) {
    phase("validate");
    timed(1);
    Validator validate(largest_images(*images_), static_cast<int>(config.scale_factor));
    validate(Upscaler(fed.engine().averaged(), device_, config.channels_last, kValidationTile, tail_path(config)));
  }
  phase("measure");
  fed.forget_wait();
  result.step_ms = measure_steps(measure, about_ms, timed);
  if (measure.data == TrialData::real) {
    result.data_wait_ms = 1000 * fed.wait_s() / static_cast<double>(result.step_ms.n);
  }
  const std::int64_t samples = config.batch_size * config.gradient_accumulation_steps * ranks_.size();
  result.samples_per_s = 1000.0 * static_cast<double>(samples) / result.step_ms.median;
  result.loss = fed.engine().report().loss;
  result.engine = fed.engine().name();
  result.memory = allocator_memory(device_, fed.engine().replayed_memory_bytes());
  combine_ranks(result);
  if (measure.kernels && !device_.is_cpu()) {
    KernelTimes kernels = record_kernel_times(kProfiledSteps, config.use_mixed_precision, [&] {
      run_steps(kProfiledSteps);
      synchronize(device_);
    });
    result.kernel_busy_percent = kernel_busy_percent(kernels, result.step_ms.median);
    result.kernels = std::move(kernels.kinds);
  }
  if (measure.kernels) result.arithmetic = arithmetic_.of(config);
  return result;
}

// The loader alone, a batch a step.
TrialResult TrialWorker::loader_rate(const TrainConfig& config, Loader& loader, const TrialMeasure& measure) const {
  const auto timed = [&](int steps) {
    return timed_ms_of_all(steps, [&](int n) {
      for (int i = 0; i < n; ++i) loader.next();
    });
  };
  TrialResult result;
  const auto warming = SteadyClock::now();
  const double about_ms = warm_up(measure, timed);
  result.warmup_s = seconds_since(warming);
  result.step_ms = measure_steps(measure, about_ms, timed);
  result.samples_per_s = 1000.0 * static_cast<double>(config.batch_size * ranks_.size()) / result.step_ms.median;
  return result;
}

// Of the slowest rank: the others wait for it.
double TrialWorker::timed_ms_of_all(int steps, const std::function<void(int)>& run) const {
  return ranks_.highest(timed_ms(steps, run, [this] { synchronize(device_); }));
}

// The rank that waits longest for its data, and the card that has least room.
void TrialWorker::combine_ranks(TrialResult& result) const {
  if (ranks_.alone()) return;
  const auto highest = [this](auto& value) {
    if (value)
      value = static_cast<std::remove_reference_t<decltype(*value)>>(ranks_.highest(static_cast<double>(*value)));
  };
  highest(result.data_wait_ms);
  highest(result.memory.peak_allocated_mib);
  highest(result.memory.peak_reserved_mib);
  highest(result.memory.alloc_retries);
  if (result.memory.device_free_mib) {
    result.memory.device_free_mib =
        -static_cast<std::int64_t>(ranks_.highest(-static_cast<double>(*result.memory.device_free_mib)));
  }
}

TrainingDataOptions TrialWorker::data_options() const {
  TrainingDataOptions options;
  options.device = device_;
  options.place = ranks_.place();
  options.common.quiet = true;
  options.cancelled = [] { return false; };
  options.note = say;
  options.warn = say;
  return options;
}

TrainConfig TrialWorker::with(const TrialRequest& request) const {
  TrainConfig config = config_;
  std::vector<std::string> set = set_;
  for (const Assignment& assignment : request.set) set.push_back(assignment.key + "=" + assignment.value);
  override_values(config, set, path_);
  return config;
}

void TrialWorker::open_images(const TrainConfig& config) {
  const std::string keys = image_keys(config);
  if (images_ && keys == image_keys_) return;
  images_.reset();
  images_ = open_training_images(config, data_options());
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

}  // namespace wring
