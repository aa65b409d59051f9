#pragma once
#include "wring_train/kernels/sample_batch.h"
#include "wring_train/kernels/step_state.h"

namespace wring::kernels {

// Starts a step: takes the host's inputs from the ring and draws the samples of `micro_batches` batches, the same ones
// as draw_samples. `draws`: micro_batches × settings.batch_size elements of device memory.
void begin_step(const StepInputs* ring, StepState* state, const ImagesView& images, const SamplerSettings& settings,
                int micro_batches, SampleDraw* draws, void* stream);

// The same for batches that the host copied to the device as they are, to places 0 … batch_size · micro_batches − 1 of
// one of two sets of places in turn: each sample is one whole image.
void begin_step_of_copies(const StepInputs* ring, StepState* state, int batch_size, int micro_batches,
                          SampleDraw* draws, void* stream);

}  // namespace wring::kernels
