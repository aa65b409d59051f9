// wring_steps CONFIG --weights W --batches B --steps N --warmup K --device D --out R [--data host|resident]
//   [--kernel-times FILE] [--set KEY=VALUE …]
// Runs wring-train's steps on stored batches and writes what they took, so that the benchmarks can compare the same
// work.
//   W  safetensors: the initial parameters
//   B  safetensors: hr uint8 (M, B, H, W, 3) and lr uint8 (M, B, h, w, 3); step i uses batch i mod M
//   R  JSON: engine, loss of each of the first N steps, samples_per_s, step_ms {median, mad, n}, peak_memory_mib,
//      first_step_s
// After those N steps come K unmeasured ones, then at least N measured ones in groups, each timed up to a synchronised
// device. --data: where the measured steps' images are: host (batch after batch copied from page-locked memory) or
// resident (all images on the device, and samples drawn, flipped and rotated there). --kernel-times: the kernels of one
// step, as a table in FILE; measured after everything else, because recording them slows the steps down.
// Under a launcher (torchrun --no-python) the ranks take the batches in turn: rank r of W has batch (i · W + r) mod M
// in step i. Rank 0 writes R, whose samples_per_s are those of all ranks, once all are found to hold equal parameters.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstring>
#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include <ATen/ATen.h>

#include "wring/base/error.h"
#include "wring/base/json_text.h"
#include "wring/base/message.h"
#include "wring/config/reader.h"
#include "wring/files/files.h"
#include "wring_train/commands/program.h"
#include "wring_train/engine/device.h"
#include "wring_train/engine/schedule.h"
#include "wring_train/engine/step_engine.h"
#include "wring_train/measure/kernel_times.h"
#include "wring_train/measure/resident_batches.h"
#include "wring_train/measure/timing.h"
#include "wring_train/train/rank_agreement.h"
#include "wring_train/train/training_data.h"
#include "wring_train/train/training_ranks.h"
#include "wring_train/weights/safetensors.h"

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

constexpr int kFewestSteps = 5;  // between two looks at the clock
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
    throw Error(ErrorCode::usage, error.what(), "see the first lines of bench/steps.cpp");
  }
  return options;
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

// From here on the batches have no bytes: the device cuts the same ones.
void keep_on_device(StepEngine& engine, std::vector<Batch>& batches, at::Device device, const TrainConfig& config,
                    const Ranks& ranks) {
  SamplerSettings settings;
  const auto images = resident_images(batches, device, config, settings);
  settings.rank = ranks.rank();
  settings.world_size = ranks.size();
  engine.use_images(images, settings);
  for (Batch& batch : batches) batch.hr = batch.lr = nullptr;
}

int measure(const StepsOptions& options, const TrainConfig& config, at::Device device, Ranks& ranks) {
  Edsr model({config.base_channels, config.num_blocks, config.scale_factor}, 0);
  copy_weights(model, options.weights);
  std::vector<Batch> batches = read_batches(options.batches, !device.is_cpu());
  const auto engine = make_step_engine(
      config, std::move(model), device, [](const Text& note) { write_message(fmt::format("{}\n", note.en)); }, ranks);
  std::int64_t step = 0;
  const auto run = [&](int steps) {
    for (int i = 0; i < steps; ++i) {
      Batch batch = batches[static_cast<std::size_t>(step * ranks.size() + ranks.rank()) % batches.size()];
      batch.step = step;
      engine->step(std::span(&batch, 1), learning_rate(config, step));
      ++step;
    }
  };
  const auto timed = [&](int steps) { return timed_ms(steps, run, [device] { synchronize(device); }); };

  std::vector<double> losses;
  double first_step_s = 0;
  for (int i = 0; i < options.steps; ++i) {
    const double ms = timed(1);
    if (i == 0) first_step_s = ms / 1000;
    losses.push_back(engine->report().loss);
  }
  if (options.data == "resident") keep_on_device(*engine, batches, device, config, ranks);
  run(options.warmup);
  synchronize(device);
  reset_peak_memory(device);
  // Every rank must do as many steps as rank 0.
  const double about_ms = ranks.gather({timed(kFewestSteps)}).front().front();
  const int group = steps_between_looks(about_ms, kFewestSteps);

  std::vector<double> step_ms;
  const int groups = std::max(kFewestGroups, (options.steps + group - 1) / group);
  for (int i = 0; i < groups; ++i) step_ms.push_back(timed(group));
  const StepTimes times = step_times(step_ms, std::int64_t{groups} * group);

  check_equal_state(ranks, *engine);
  if (!ranks.leads()) return 0;
  nlohmann::ordered_json record;
  record["engine"] = engine->name();
  record["samples_per_s"] = 1000.0 * batches.front().size * ranks.size() / times.median;
  record["step_ms"] = {{"median", times.median}, {"mad", times.mad}, {"n", step_ms.size()}};
  record["peak_memory_mib"] = peak_memory_mib(device) + (engine->replayed_memory_bytes() >> 20);
  record["first_step_s"] = first_step_s;
  record["ranks"] = ranks.size();
  record["loss"] = losses;
  write_file_atomically(options.out, json_text(record, 2) + "\n");
  if (!options.kernel_times.empty() && ranks.alone()) {
    const KernelTimes kernels = record_kernel_times(kProfiledSteps, config.use_mixed_precision, [&] {
      run(kProfiledSteps);
      synchronize(device);
    });
    write_file_atomically(options.kernel_times, kernel_table(kernels));
  }
  return 0;
}

int run_steps(int argc, char** argv) {
  const StepsOptions options = parse(argc, argv);
  TrainConfig config = read_config(options.config, UnknownKeys::reject).values;
  for (const std::string& assignment : options.set) set_value(config, assignment);
  set_cublas_workspaces(config.base_channels);
  const Device wanted = options.device == "cpu"    ? Device::cpu
                        : options.device == "cuda" ? Device::cuda
                                                   : Device::automatic;
  const auto [device, ranks] = start_ranks(wanted, config, {});
  return run_in_ranks(*ranks,
                      [&, device = device, &ranks = ranks] { return measure(options, config, device, *ranks); });
}

}  // namespace
}  // namespace wring

int main(int argc, char** argv) {
  return wring::run_with_torch(argc, argv, [&] { return wring::run_steps(argc, argv); });
}
