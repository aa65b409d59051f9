#pragma once
#include "wring_train/kernels/low_type.h"
#include "wring_train/kernels/step/sample_batch.h"
#include "wring_train/kernels/step/step_state.h"

namespace wring::kernels {

enum class LossKind { l1, charbonnier, mse };

// The network's output before pixel shuffle, /255 and mean: the folded tail's product without bias, corrected on the
// border. o = 3·s² outputs per LR pixel, in the order (channel, row, column).
struct TailOutput {
  const void* centre = nullptr;  // (batch, side, side, o)
  const float* bias = nullptr;   // (o)
  const void* edges =
      nullptr;  // (4, batch · side, o): what is added in the top and bottom rows, left and right columns
  const void* corners = nullptr;  // (4, batch, o): and at top left, top right, bottom left, bottom right
};

// Gradients of the three, of the same shapes.
struct TailGradient {
  void* centre = nullptr;
  void* edges = nullptr;
  void* corners = nullptr;
};

struct LossSettings {
  LossKind kind = LossKind::l1;
  LowType type = LowType::bf16;
  int batch = 0;
  int lr_patch = 0;  // side
  int scale = 4;     // s: 2, 3, 4 or 8
  float share = 1;   // of this micro-batch in the step
};

// The loss against the HR bytes, read straight from the images, and its gradient (times state.loss_scale), in one pass:
// nn/pixel_loss.cpp's losses, means over all HR values. `loss_partials`: pixel_loss_blocks(settings) fp32 that add up
// to the loss; `bias_partials`: as many arrays of o sums of the centre's gradient.
void pixel_loss(const ImagesView& images, const SampleDraw* draws, const TailOutput& output,
                const LossSettings& settings, const StepState* state, const TailGradient& gradient,
                float* loss_partials, float* bias_partials, void* stream);
int pixel_loss_blocks(const LossSettings& settings);

}  // namespace wring::kernels
