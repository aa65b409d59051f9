#pragma once
#include <cstdint>

namespace wring::kernels {

// What the host tells one optimiser step, in page-locked memory that the step's first kernel reads. A ring of them, so
// that the host can run ahead of the device.
struct StepInputs {
  double lr = 0;
  std::int64_t first_batch = 0;  // the number of its first micro-batch; the others follow
};
constexpr int kStepRing = 64;

// What the device tells the host, in page-locked memory, after every step.
struct StepOutputs {
  double loss_sum = 0;      // of all steps so far that were not skipped
  float gradient_norm = 0;  // of the last of these
  float loss_scale = 1;
  std::int64_t steps = 0;
  std::int64_t skipped = 0;
  std::int64_t unstable_in_row = 0;
};

// What changes from step to step, in device memory, so that the captured graph itself never changes.
struct StepState {
  std::int64_t step = 0;         // replays so far: which entry of the ring comes next
  std::int64_t first_batch = 0;  // of this step
  std::int64_t updates = 0;      // optimiser steps done, without the skipped ones
  double lr = 0;
  double loss_sum = 0;
  float loss_scale = 1;              // fp16: gradients are this much too large until the update
  std::int32_t growth = 0;           // steps since the scale last changed
  float found_inf = 0;               // 1: this step's update is skipped
  std::int64_t skipped = 0;          // steps
  std::int64_t unstable_in_row = 0;  // skipped steps since the last good one, but for fp16's search for its scale
  float gradient_norm = 0;           // before clipping, of the last step that was not skipped
  float gradient_factor = 1;         // what the update multiplies gradients by: 1 / loss_scale, and the clipping
  float correction1 = 1;             // Adam's bias corrections 1 − βᵗ
  float correction2 = 1;
  float correction3 = 1;
  std::uint32_t blocks_done = 0;  // of the kernel that counts its blocks; 0 between steps
};

}  // namespace wring::kernels
