// What the folded tail is worth: enlarging a photograph and training, with the tail layer by layer (fold_tail: off) and
// folded (auto). Arguments: channels, blocks; scale 4. OMP_NUM_THREADS sets the threads.
#include <cstdint>
#include <span>

#include <benchmark/benchmark.h>

#include <ATen/ATen.h>

#include "wring_train/data/random.h"
#include "wring_train/engine/step_engine.h"
#include "wring_train/restore/upscaler.h"

namespace {

std::shared_ptr<std::uint8_t> noise(std::size_t count) {
  std::shared_ptr<std::uint8_t> bytes(new std::uint8_t[count], std::default_delete<std::uint8_t[]>());
  for (std::size_t i = 0; i < count; ++i) bytes.get()[i] = static_cast<std::uint8_t>(wring::random_bits(1, 0, i));
  return bytes;
}

void upscale(benchmark::State& state, wring::TailPath path) {
  const wring::Edsr network({state.range(0), state.range(1), 4}, 1);
  wring::Image lr(256, 192, 3);
  const auto bytes = noise(lr.pixels.size());
  std::copy_n(bytes.get(), lr.pixels.size(), lr.pixels.begin());
  const wring::Upscaler upscaler(network, at::Device(at::kCPU), /*channels_last=*/true, /*tile=*/256, path);
  for (auto _ : state) benchmark::DoNotOptimize(upscaler(lr).pixels.data());
}

// The network alone, without the conversions from and to bytes: what `wring upscale` spends on the GPU or the CPU.
void network(benchmark::State& state, wring::TailPath path) {
  const c10::InferenceMode inference;
  const wring::Edsr network({state.range(0), state.range(1), 4}, 1);
  const auto lr = at::rand({1, 3, 192, 256}).contiguous(at::MemoryFormat::ChannelsLast);
  for (auto _ : state) benchmark::DoNotOptimize(network.forward(lr, path).data_ptr());
}

void step(benchmark::State& state, const char* fold_tail) {
  wring::TrainConfig config;
  config.base_channels = static_cast<int>(state.range(0));
  config.num_blocks = static_cast<int>(state.range(1));
  config.scale_factor = 4;
  config.use_mixed_precision = false;
  config.fold_tail = fold_tail;
  const auto engine = wring::make_step_engine(config, wring::Edsr({state.range(0), state.range(1), 4}, 1),
                                              at::Device(at::kCPU), [](const wring::Text&) {});
  wring::Batch batch;
  batch.size = 16;
  batch.lr_patch = 32;
  batch.hr_patch = 128;
  batch.lr = noise(std::size_t{16} * 32 * 32 * 3);
  batch.hr = noise(std::size_t{16} * 128 * 128 * 3);
  engine->step(std::span(&batch, 1), 1e-4);
  for (auto _ : state) engine->step(std::span(&batch, 1), 1e-4);
}

void sizes(benchmark::internal::Benchmark* benchmark) {
  benchmark->Args({32, 4})->Args({64, 6})->Args({64, 16})->UseRealTime()->Unit(benchmark::kMillisecond);
}

BENCHMARK_CAPTURE(upscale, plain, wring::TailPath::plain)->Apply(sizes);
BENCHMARK_CAPTURE(upscale, folded, wring::TailPath::folded)->Apply(sizes);
BENCHMARK_CAPTURE(network, plain, wring::TailPath::plain)->Apply(sizes);
BENCHMARK_CAPTURE(network, folded, wring::TailPath::folded)->Apply(sizes);
BENCHMARK_CAPTURE(step, plain, "off")->Apply(sizes);
BENCHMARK_CAPTURE(step, folded, "auto")->Apply(sizes);

}  // namespace

BENCHMARK_MAIN();
