// `wring-train steps CONFIG --weights W --batches B --steps N --warmup K --device D --out R [--data host|resident]
// [--kernel-times FILE]`: runs training steps on stored batches and writes what they took, so that the benchmarks can
// compare the same work.
//   W  safetensors: the initial parameters
//   B  safetensors: hr uint8 (M, B, H, W, 3) and lr uint8 (M, B, h, w, 3); step i uses batch i mod M
//   R  JSON: engine, loss of each of the first N steps, samples_per_s, step_ms {median, mad, n}, peak_memory_mib,
//      first_step_s
// After those N steps come K unmeasured ones, then at least N measured ones in groups, each timed up to a synchronised
// device. --data: where the measured steps' images are: host (batch after batch copied from page-locked memory) or
// resident (all images on the device, and samples drawn, flipped and rotated there). --kernel-times: the kernels of one
// step, as a table in FILE; measured after everything else, because recording them slows the steps down.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstring>
#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include <ATen/ATen.h>

#include "wring/base/error.h"
#include "wring/base/files.h"
#include "wring/config/reader.h"
#include "wring_train/data/safetensors.h"
#include "wring_train/engine/device.h"
#include "wring_train/engine/schedule.h"
#include "wring_train/engine/step_engine.h"
#include "wring_train/run/commands.h"
#include "wring_train/run/kernel_times.h"
#include "wring_train/run/training_data.h"

namespace wring {
namespace {

struct StepsOptions {
  std::string config;
  std::string weights;
  std::string batches;
  std::string out;
  std::string device = "auto";
  std::vector<std::string> set;
  std::string data = "host";
  std::string kernel_times;
  int steps = 50;
  int warmup = 10;
};

// Steps between two looks at the clock: few where a step is long, and so many where it is short that waiting for the
// device, which a training loop does not do, no longer shows.
constexpr int kFewestSteps = 5;
constexpr int kMostSteps = 50;
constexpr double kGroupMs = 30;
constexpr int kFewestGroups = 10;
constexpr int kProfiledSteps = 10;

std::vector<Batch> read_batches(const std::string& path, bool pinned) {
  const SafetensorsFile file(path);
  const TensorView& hr = file.tensors().at("hr");
  const TensorView& lr = file.tensors().at("lr");
  const auto copy = [pinned](const TensorView& view, std::int64_t index) {
    const std::size_t bytes = view.data.size() / static_cast<std::size_t>(view.shape[0]);
    std::shared_ptr<std::uint8_t> memory =
        pinned ? pinned_bytes(bytes)
               : std::shared_ptr<std::uint8_t>(new std::uint8_t[bytes], std::default_delete<std::uint8_t[]>());
    std::memcpy(memory.get(), view.data.data() + bytes * static_cast<std::size_t>(index), bytes);
    return memory;
  };
  std::vector<Batch> batches;
  for (std::int64_t i = 0; i < hr.shape[0]; ++i) {
    Batch batch;
    batch.size = static_cast<int>(hr.shape[1]);
    batch.hr_patch = static_cast<int>(hr.shape[2]);
    batch.lr_patch = static_cast<int>(lr.shape[2]);
    batch.hr = copy(hr, i);
    batch.lr = copy(lr, i);
    batches.push_back(std::move(batch));
  }
  return batches;
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

StepsOptions parse(int argc, char** argv) {
  StepsOptions options;
  CLI::App app("Measure training steps on stored batches");
  app.add_option("config", options.config)->required();
  app.add_option("--weights", options.weights)->required();
  app.add_option("--batches", options.batches)->required();
  app.add_option("--out", options.out)->required();
  app.add_option("--device", options.device)->check(CLI::IsMember({"auto", "cpu", "cuda"}));
  app.add_option("--set", options.set);
  app.add_option("--steps", options.steps)->check(CLI::PositiveNumber);
  app.add_option("--warmup", options.warmup)->check(CLI::NonNegativeNumber);
  app.add_option("--data", options.data)->check(CLI::IsMember({"host", "resident"}));
  app.add_option("--kernel-times", options.kernel_times);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    throw Error(ErrorCode::usage, error.what(), "see the first lines of steps_command.cpp");
  }
  return options;
}

// All images of the stored batches on the device, and settings that draw batches of the same shape from them.
std::shared_ptr<const DeviceImages> make_resident(const std::string& path, at::Device device, const TrainConfig& config,
                                                  SamplerSettings& settings) {
  const SafetensorsFile file(path);
  const TensorView& hr = file.tensors().at("hr");
  const TensorView& lr = file.tensors().at("lr");
  const auto count = static_cast<std::uint64_t>(hr.shape[0] * hr.shape[1]);
  const std::uint64_t lr_start = (hr.data.size() + 15) / 16 * 16;
  std::vector<std::uint8_t> bytes(lr_start + lr.data.size());
  std::memcpy(bytes.data(), hr.data.data(), hr.data.size());
  std::memcpy(bytes.data() + lr_start, lr.data.data(), lr.data.size());
  std::vector<StoredImage> images(count);
  for (std::uint64_t i = 0; i < count; ++i) {
    images[i].hr_offset = i * hr.data.size() / count;
    images[i].lr_offset = lr_start + i * lr.data.size() / count;
    images[i].hr_width = images[i].hr_height = static_cast<std::int32_t>(hr.shape[2]);
    images[i].lr_width = images[i].lr_height = static_cast<std::int32_t>(lr.shape[2]);
  }
  settings.seed = static_cast<std::uint64_t>(config.seed);
  settings.epoch_samples = count;
  settings.batch_size = static_cast<std::int32_t>(hr.shape[1]);
  settings.scale = static_cast<std::int32_t>(config.scale_factor);
  settings.patch_size = static_cast<std::int32_t>(hr.shape[2]);
  return std::make_shared<DeviceImages>(bytes, images, device, DeviceImages::Place::device);
}

std::string kernel_table(const KernelTimes& times) {
  std::string table =
      fmt::format("{:.1f} us a step, a kernel runs during {:.1f} us\n", times.span_us_per_step, times.busy_us_per_step);
  for (const KernelTime& kernel : times.kernels) {
    table += fmt::format("{:9.1f} us {:6.1f} x  {}\n", kernel.us_per_step, kernel.calls_per_step, kernel.name);
  }
  return table;
}

void copy_weights(Edsr& model, const std::string& path) {
  const LoadedTensors weights = load_tensors(path);
  for (NamedTensor& parameter : model.parameters()) parameter.tensor.copy_(weights.tensors.at(parameter.name));
}

}  // namespace

int steps_command(int argc, char** argv) {
  const StepsOptions options = parse(argc, argv);
  TrainConfig config = read_config(options.config, UnknownKeys::reject).values;
  for (const std::string& assignment : options.set) set_value(config, assignment);
  const at::Device device = choose_device(options.device == "cpu"    ? Device::cpu
                                          : options.device == "cuda" ? Device::cuda
                                                                     : Device::automatic);
  Edsr model({config.base_channels, config.num_blocks, config.scale_factor}, 0);
  copy_weights(model, options.weights);
  std::vector<Batch> batches = read_batches(options.batches, !device.is_cpu());
  const auto engine =
      make_step_engine(config, std::move(model), device, [](const Text& note) { fmt::print(stderr, "{}\n", note.en); });
  std::int64_t step = 0;
  const auto run = [&](int steps) {
    for (int i = 0; i < steps; ++i) {
      Batch batch = batches[static_cast<std::size_t>(step) % batches.size()];
      batch.step = step;
      engine->step(std::span(&batch, 1), learning_rate(config, step));
      ++step;
    }
  };
  const auto timed_ms = [&](int steps) {
    const auto began = std::chrono::steady_clock::now();
    run(steps);
    synchronize(device);
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - began;
    return took.count() / steps;
  };

  std::vector<double> losses;
  double first_step_s = 0;
  for (int i = 0; i < options.steps; ++i) {
    const double ms = timed_ms(1);
    if (i == 0) first_step_s = ms / 1000;
    losses.push_back(engine->report().loss);
  }
  if (options.data == "resident") {
    SamplerSettings settings;
    engine->use_images(make_resident(options.batches, device, config, settings), settings);
    for (Batch& batch : batches) batch.hr = batch.lr = nullptr;
  }
  run(options.warmup);
  synchronize(device);
  reset_peak_memory(device);
  const double about_ms = timed_ms(kFewestSteps);
  const int group = std::clamp(static_cast<int>(kGroupMs / about_ms), kFewestSteps, kMostSteps);

  std::vector<double> step_ms;
  const int groups = std::max(kFewestGroups, (options.steps + group - 1) / group);
  for (int i = 0; i < groups; ++i) step_ms.push_back(timed_ms(group));
  const double middle = median(step_ms);
  std::vector<double> deviations;
  for (const double ms : step_ms) deviations.push_back(std::abs(ms - middle));

  nlohmann::ordered_json record;
  record["engine"] = engine->name();
  record["samples_per_s"] = 1000.0 * batches.front().size / middle;
  record["step_ms"] = {{"median", middle}, {"mad", median(deviations)}, {"n", step_ms.size()}};
  record["peak_memory_mib"] = peak_memory_mib(device) + (engine->replayed_memory_bytes() >> 20);
  record["first_step_s"] = first_step_s;
  record["loss"] = losses;
  write_file_atomically(options.out, record.dump(2) + "\n");
  if (!options.kernel_times.empty()) {
    const KernelTimes times = record_kernel_times(kProfiledSteps, [&] {
      run(kProfiledSteps);
      synchronize(device);
    });
    write_file_atomically(options.kernel_times, kernel_table(times));
  }
  return 0;
}

}  // namespace wring
