// `wring-train steps CONFIG --weights W --batches B --steps N --warmup K --device D --out R`: runs training steps on
// stored batches and writes what they took, so that bench/vs_pytorch.py can compare the same work.
//   W  safetensors: the initial parameters
//   B  safetensors: hr uint8 (M, B, H, W, 3) and lr uint8 (M, B, h, w, 3); step i uses batch i mod M
//   R  JSON: engine, loss of each of the first steps, samples_per_s, step_ms {median, mad, n}, peak_memory_mib
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
  int steps = 50;
  int warmup = 10;
};

// The device is asked for its results once per this many steps, as a training loop would at most.
constexpr int kStepsPerSample = 5;

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
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    throw Error(ErrorCode::usage, error.what(), "see the first lines of steps_command.cpp");
  }
  return options;
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
  const std::vector<Batch> batches = read_batches(options.batches, !device.is_cpu());
  const auto engine =
      make_step_engine(config, std::move(model), device, [](const Text& note) { fmt::print(stderr, "{}\n", note.en); });
  std::int64_t step = 0;
  const auto run_one = [&] {
    const Batch& batch = batches[static_cast<std::size_t>(step) % batches.size()];
    engine->step(std::span(&batch, 1), learning_rate(config, step));
    ++step;
  };

  std::vector<double> losses;
  for (int i = 0; i < options.steps; ++i) {
    run_one();
    losses.push_back(engine->report().loss);
  }
  for (int i = 0; i < options.warmup; ++i) run_one();
  synchronize(device);
  reset_peak_memory(device);

  std::vector<double> step_ms;
  for (int done = 0; done < options.steps; done += kStepsPerSample) {
    const auto began = std::chrono::steady_clock::now();
    for (int i = 0; i < kStepsPerSample; ++i) run_one();
    synchronize(device);
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - began;
    step_ms.push_back(took.count() / kStepsPerSample);
  }
  const double middle = median(step_ms);
  std::vector<double> deviations;
  for (const double ms : step_ms) deviations.push_back(std::abs(ms - middle));

  nlohmann::ordered_json record;
  record["engine"] = engine->name();
  record["samples_per_s"] = 1000.0 * batches.front().size / middle;
  record["step_ms"] = {{"median", middle}, {"mad", median(deviations)}, {"n", step_ms.size()}};
  record["peak_memory_mib"] = peak_memory_mib(device);
  record["loss"] = losses;
  write_file_atomically(options.out, record.dump(2) + "\n");
  return 0;
}

}  // namespace wring
