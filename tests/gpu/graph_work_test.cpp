// The fused training step against autograd in double precision: loss and every gradient.
#include <numeric>

#include <c10/cuda/CUDAGuard.h>

#include "../integration/random_batch.h"
#include "gpu_test.h"
#include "wring_train/engine/graph/edsr.h"
#include "wring_train/engine/graph/feed.h"
#include "wring_train/engine/precision.h"
#include "wring_train/kernels/step/begin_step.h"
#include "wring_train/nn/loss.h"

namespace wring {
namespace {

struct FusedCase {
  std::int64_t channels, blocks, scale;
  int side, batch;
  std::string loss;
  at::ScalarType type;
  bool sparing = false;
};

std::ostream& operator<<(std::ostream& out, const FusedCase& c) {
  return out << "C" << c.channels << " N" << c.blocks << " x" << c.scale << " side " << c.side << " batch " << c.batch
             << " " << c.loss << " " << at::toString(c.type) << (c.sparing ? " sparing" : "");
}

class FusedStep : public GpuTest, public testing::WithParamInterface<FusedCase> {};

constexpr float kLossScale = 4096;

struct Gradients {
  double loss = 0;
  std::vector<at::Tensor> of;  // each parameter, double, on the CPU
};

at::Tensor as_double(const std::shared_ptr<std::uint8_t>& bytes, int batch, int side) {
  return at::from_blob(bytes.get(), {batch, side, side, 3}, at::kByte).to(at::kDouble).div(255).permute({0, 3, 1, 2});
}

Gradients reference(const FusedCase& c, const Edsr& model, const Batch& batch) {
  Gradients result;
  std::vector<at::Tensor> weights;
  for (const at::Tensor& tensor : model.tensors()) {
    weights.push_back(tensor.detach().to(at::kDouble).requires_grad_(true));
  }
  const at::Tensor sr = model.forward_with(weights, as_double(batch.lr, batch.size, batch.lr_patch));
  const at::Tensor loss = pixel_loss(c.loss, sr, as_double(batch.hr, batch.size, batch.hr_patch));
  loss.backward();
  result.loss = loss.item<double>();
  for (const at::Tensor& weight : weights) result.of.push_back(weight.grad());
  return result;
}

// Sums the sources up in the flat gradients, on the current stream.
void collect(std::span<const kernels::GradientSource> sources, const at::Tensor& gradients) {
  std::vector<kernels::GradientChunk> chunks;
  for (std::size_t s = 0; s < sources.size(); ++s) {
    const std::int32_t size = kernels::chunk_size(sources[s].slabs);
    for (int first = 0; first < sources[s].count; first += size) {
      chunks.push_back({static_cast<std::int32_t>(s), first});
    }
  }
  const auto upload = [&](const void* data, std::size_t bytes) {
    return at::from_blob(const_cast<void*>(data), {static_cast<std::int64_t>(bytes)}, at::kByte).to(gradients.device());
  };
  const at::Tensor source_table = upload(sources.data(), sources.size_bytes());
  const at::Tensor chunk_table = upload(chunks.data(), sizeof(kernels::GradientChunk) * chunks.size());
  kernels::collect_gradients({reinterpret_cast<const kernels::GradientSource*>(source_table.const_data_ptr()),
                              reinterpret_cast<const kernels::GradientChunk*>(chunk_table.const_data_ptr()),
                              static_cast<std::int32_t>(chunks.size())},
                             gradients.mutable_data_ptr<float>(), false, at::cuda::getCurrentCUDAStream().stream());
}

// What was handed over in the middle of the backward pass.
struct Early {
  std::int64_t first = 0;
  at::Tensor gradients;  // flat, fp32, NaN where nothing was
};

Gradients fused(const FusedCase& c, const Edsr& model, const Batch& batch, Early* handed_over = nullptr) {
  const at::Device device(at::kCUDA, 0);
  const auto stream = c10::cuda::getStreamFromPool(false, 0);
  const c10::cuda::CUDAStreamGuard guard(stream);
  TrainConfig config;
  config.base_channels = c.channels;
  config.num_blocks = c.blocks;
  config.scale_factor = c.scale;
  config.loss = c.loss;
  FlatVectors vectors;
  vectors.layout = flat_layout(model.shape(), FlatOrder::fused, true);
  vectors.parameters = at::zeros({vectors.layout.size}, at::TensorOptions(device));
  const std::vector<at::Tensor> views = vectors.layout.views(vectors.parameters);
  for (std::size_t i = 0; i < views.size(); ++i) views[i].copy_(model.parameters()[i].tensor);
  vectors.low = vectors.parameters.to(c.type);
  // What was not written must show.
  const auto unwritten = [&] {
    return at::full({vectors.layout.size}, std::numeric_limits<float>::quiet_NaN(), at::TensorOptions(device));
  };
  vectors.gradients = unwritten();
  EarlyGradients early;
  if (handed_over != nullptr) {
    early = [&](const MicroBatchResult& so_far, std::int64_t first) {
      *handed_over = {first, unwritten()};
      collect(so_far.sources, handed_over->gradients);
    };
  }

  kernels::StepState start;
  start.loss_scale = kLossScale;
  const at::Tensor state = at::empty({sizeof(start)}, at::TensorOptions(device).dtype(at::kByte));
  state.copy_(at::from_blob(&start, {sizeof(start)}, at::kByte));
  auto* device_state = reinterpret_cast<kernels::StepState*>(state.mutable_data_ptr());
  const at::Tensor ring = at::zeros({sizeof(kernels::StepInputs) * kernels::kStepRing}, state.options());
  const at::Tensor draws = at::zeros({c.batch, sizeof(SampleDraw)}, state.options());
  auto* device_draws = reinterpret_cast<SampleDraw*>(draws.mutable_data_ptr());

  GraphFeed feed(c.batch, 1, batch.hr_patch, batch.lr_patch, device);
  const auto type = c.type == at::kHalf ? kernels::LowType::fp16 : kernels::LowType::bf16;
  const auto work = make_fused_work(config, vectors, type, c.batch, c.side, c.sparing);
  // What the first repeat leaves behind is wrong for the second.
  const Batch other = random_batch(batch.size, batch.lr_patch, static_cast<int>(c.scale), 6);
  MicroBatchResult result;
  for (int repeat = 0; repeat < 2; ++repeat) {
    // Garbage where the step will allocate: a kernel that reads what nothing wrote finds NaN.
    {
      const at::Tensor poison =
          at::full({16 << 20}, std::numeric_limits<float>::quiet_NaN(), vectors.parameters.options());
    }
    feed.copy(std::span(repeat == 0 ? &other : &batch, 1), 0, stream);
    kernels::begin_step_of_copies(reinterpret_cast<const kernels::StepInputs*>(ring.const_data_ptr()), device_state,
                                  c.batch, GraphFeed::kSets, device_draws, stream.stream());
    result = work->enqueue({feed.view(), device_draws, c.batch, c.side, batch.hr_patch, 1.0F}, device_state, early);
    stream.synchronize();
  }
  collect(result.sources, vectors.gradients);
  Gradients gradients;
  gradients.loss = result.loss_partials.sum().item<double>();
  for (const at::Tensor& view : vectors.layout.views(vectors.gradients)) {
    gradients.of.push_back(view.to(at::kCPU, at::kDouble) / kLossScale);
  }
  return gradients;
}

// What autocast, the eager engine's way to 16 bits, makes of the same step.
Gradients autocast(const FusedCase& c, const Edsr& model, const Batch& batch) {
  Gradients result;
  std::vector<at::Tensor> weights;
  for (const at::Tensor& tensor : model.tensors())
    weights.push_back(tensor.detach().to(at::kCUDA).requires_grad_(true));
  Edsr on_gpu = model;
  on_gpu.to(at::Device(at::kCUDA, 0), true);
  const auto images = [&](const std::shared_ptr<std::uint8_t>& bytes, int side) {
    return as_double(bytes, batch.size, side).to(at::kFloat).to(at::kCUDA);
  };
  at::Tensor loss;
  {
    const AutocastScope scope(at::kCUDA, c.type);
    loss = pixel_loss(c.loss, on_gpu.forward_with(weights, images(batch.lr, batch.lr_patch)),
                      images(batch.hr, batch.hr_patch));
  }
  (loss * kLossScale).backward();
  for (const at::Tensor& weight : weights) result.of.push_back(weight.grad().to(at::kCPU, at::kDouble) / kLossScale);
  return result;
}

TEST_P(FusedStep, LossAndEveryGradientAreAsCloseToAutogradInDoubleAsAutocast) {
  const FusedCase& c = GetParam();
  const Edsr model({c.channels, c.blocks, c.scale}, 11);
  const Batch batch = random_batch(c.batch, c.side, static_cast<int>(c.scale), 5);
  const Gradients expected = reference(c, model, batch);
  const Gradients actual = fused(c, model, batch);
  const Gradients usual = autocast(c, model, batch);
  const bool half = c.type == at::kHalf;
  EXPECT_NEAR(actual.loss, expected.loss, expected.loss * (half ? 1e-3 : 5e-3));
  for (std::size_t i = 0; i < expected.of.size(); ++i) {
    const double size = expected.of[i].norm().item<double>();
    const double error = (actual.of[i] - expected.of[i]).norm().item<double>() / size;
    const double usual_error = (usual.of[i] - expected.of[i]).norm().item<double>() / size;
    const std::string& name = model.parameters()[i].name;
    // Where a value before a ReLU is near zero, rounding decides which way its gradient goes: a few per cent in conv1,
    // and not the same few in two ways of rounding.
    const bool before_relu = name.find("conv1") != std::string::npos;
    EXPECT_LT(error, (before_relu ? 3 : 1.5) * usual_error + (half ? 2e-3 : 1e-2)) << name;
    EXPECT_LT(error, half ? 5e-2 : 0.2) << name;
  }
}

class LargeFusedStep : public GpuTest, public testing::WithParamInterface<FusedCase> {};

TEST_P(LargeFusedStep, HandsTheGradientsFromOneParameterOnOverInTheMiddleOfTheBackwardPass) {
  const FusedCase& c = GetParam();
  const EdsrShape shape{c.channels, c.blocks, c.scale};
  const Edsr model(shape, 11);
  const Batch batch = random_batch(c.batch, c.side, static_cast<int>(c.scale), 5);
  const Gradients expected = fused(c, model, batch);
  Early early;
  const Gradients actual = fused(c, model, batch, &early);
  const FlatLayout layout = flat_layout(shape, FlatOrder::fused, true);
  ASSERT_GT(early.first, 0);
  EXPECT_LT(early.first, layout.size / 2);
  const std::vector<at::Tensor> at_that_time = layout.views(early.gradients.cpu());
  for (std::size_t i = 0; i < expected.of.size(); ++i) {
    const std::string& name = model.parameters()[i].name;
    // Own kernels sum what they have at that time: other partial sums, another rounding.
    const double error = (actual.of[i] - expected.of[i]).norm().item<double>() / expected.of[i].norm().item<double>();
    EXPECT_LT(error, 1e-5) << name;
    if (layout.slots[i].offset < early.first) continue;
    EXPECT_TRUE(at::equal(at_that_time[i].to(at::kDouble) / kLossScale, actual.of[i])) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, LargeFusedStep,
                         testing::Values(FusedCase{96, 8, 4, 12, 2, "mse", at::kHalf},
                                         FusedCase{128, 12, 4, 16, 2, "l1", at::kBFloat16, true},
                                         FusedCase{32, 60, 4, 32, 4, "l1", at::kBFloat16}));

INSTANTIATE_TEST_SUITE_P(
    Shapes, FusedStep,
    testing::Values(FusedCase{32, 2, 4, 8, 3, "mse", at::kHalf}, FusedCase{32, 1, 4, 3, 2, "mse", at::kHalf},
                    FusedCase{8, 1, 2, 5, 2, "mse", at::kHalf}, FusedCase{16, 1, 3, 7, 2, "mse", at::kHalf},
                    FusedCase{24, 1, 8, 4, 1, "mse", at::kHalf}, FusedCase{64, 2, 4, 19, 2, "mse", at::kHalf},
                    FusedCase{96, 1, 4, 12, 2, "mse", at::kHalf}, FusedCase{128, 1, 4, 16, 2, "mse", at::kHalf},
                    FusedCase{32, 2, 4, 32, 4, "charbonnier", at::kHalf},
                    FusedCase{64, 2, 2, 33, 3, "mse", at::kBFloat16}, FusedCase{32, 4, 4, 32, 16, "mse", at::kBFloat16},
                    FusedCase{96, 3, 4, 12, 2, "mse", at::kHalf, true},
                    FusedCase{128, 2, 2, 16, 3, "mse", at::kBFloat16, true}));

}  // namespace
}  // namespace wring
