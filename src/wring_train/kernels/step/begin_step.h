#pragma once
#include "wring_train/kernels/step/sample_batch.h"
#include "wring_train/kernels/step/step_state.h"

namespace wring::kernels {

// Starts a step: takes the host's inputs from the ring and draws the samples of `micro_batches` batches, the same ones
// as draw_samples, beginning `later` micro-batches after the step's first. `draws`: micro_batches ×
// settings.batch_size elements of device memory.
void begin_step(const StepInputs* ring, StepState* state, const ImagesView& images, const SamplerSettings& settings,
                int micro_batches, int later, SampleDraw* draws, void* stream);

// The same for patches that lie on the device as they are, each a whole image, in one of `sets` sets of `samples`
// places in turn.
void begin_step_of_copies(const StepInputs* ring, StepState* state, int samples, int sets, SampleDraw* draws,
                          void* stream);

}  // namespace wring::kernels
