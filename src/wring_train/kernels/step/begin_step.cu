#include "wring_train/kernels/cuda_check.h"
#include "wring_train/kernels/step/begin_step.h"

namespace wring::kernels {
namespace {

constexpr int kThreads = 64;

__device__ StepInputs take_inputs(const StepInputs* ring, StepState* state, bool first) {
  const StepInputs inputs = ring[state->step % kStepRing];
  if (first) {
    state->lr = inputs.lr;
    state->first_batch = inputs.first_batch;
  }
  return inputs;
}

__global__ void begin(const StepInputs* ring, StepState* state, ImagesView images, SamplerSettings settings, int count,
                      int later, SampleDraw* draws) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i >= count) return;
  const StepInputs inputs = take_inputs(ring, state, i == 0);
  const int micro_batch = i / settings.batch_size;
  draws[i] = draw_sample(settings, images.images, images.count,
                         static_cast<std::uint64_t>(inputs.first_batch + later + micro_batch),
                         static_cast<std::uint64_t>(i % settings.batch_size));
}

__global__ void begin_with_copies(const StepInputs* ring, StepState* state, int count, int sets, SampleDraw* draws) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i >= count) return;
  take_inputs(ring, state, i == 0);
  SampleDraw draw;
  draw.image = static_cast<std::uint32_t>(state->step % sets * count + i);
  draws[i] = draw;
}

}  // namespace

void begin_step(const StepInputs* ring, StepState* state, const ImagesView& images, const SamplerSettings& settings,
                int micro_batches, int later, SampleDraw* draws, void* stream) {
  const int count = micro_batches * settings.batch_size;
  const auto blocks = static_cast<unsigned>((count + kThreads - 1) / kThreads);
  begin<<<blocks, kThreads, 0, static_cast<cudaStream_t>(stream)>>>(ring, state, images, settings, count, later, draws);
  check(cudaGetLastError(), "Starting a training step");
}

void begin_step_of_copies(const StepInputs* ring, StepState* state, int samples, int sets, SampleDraw* draws,
                          void* stream) {
  const auto blocks = static_cast<unsigned>((samples + kThreads - 1) / kThreads);
  begin_with_copies<<<blocks, kThreads, 0, static_cast<cudaStream_t>(stream)>>>(ring, state, samples, sets, draws);
  check(cudaGetLastError(), "Starting a training step");
}

}  // namespace wring::kernels
