#include "wring/plan/memory_model.h"

#include "wring/plan/edsr_shape.h"

namespace wring {
namespace {

constexpr double kMib = 1024.0 * 1024.0;

double convolution(double in, double out) {
  return 9.0 * in * out + out;
}

double perceptual_mib(double hr_pixels, double element_bytes) {
  constexpr double kVggParameters = 20.0e6;  // the sixteen convolutions
  // Channels over the square of the stride: 2·64 + 2·128/4 + 4·256/16 + 4·512/64 + 4·512/256, and the pools
  // after the first four stages.
  constexpr double kPooled = 16.0 + 8.0 + 4.0 + 2.0;
  constexpr double kStored = 128.0 + 64.0 + 64.0 + 32.0 + 8.0 + kPooled;
  constexpr double kTransient = 2.0 * 64.0;
  const double bytes_a_pixel = (kStored + kTransient) * element_bytes + kPooled * 8.0;
  return (kVggParameters * (4.0 + element_bytes) + hr_pixels * bytes_a_pixel) / kMib;
}

}  // namespace

double edsr_parameter_count(const TrainConfig& config) {
  const auto c = static_cast<double>(config.base_channels);
  const auto blocks = static_cast<double>(config.num_blocks);
  const auto [stages, factor] = edsr_upsampling(config.scale_factor);
  return convolution(3, c) + (2.0 * blocks + 1.0) * convolution(c, c) + convolution(c, 3) +
         static_cast<double>(stages) * convolution(c, c * static_cast<double>(factor * factor));
}

double training_memory_mib(const TrainConfig& config) {
  const auto c = static_cast<double>(config.base_channels);
  const auto blocks = static_cast<double>(config.num_blocks);
  const auto scale = static_cast<double>(config.scale_factor);
  const double element_bytes = config.use_mixed_precision ? 2.0 : 4.0;
  const double hr_pixels = static_cast<double>(config.batch_size) * static_cast<double>(config.patch_size) *
                           static_cast<double>(config.patch_size);
  const double lr_pixels = hr_pixels / (scale * scale);

  const double parameter_bytes = 16.0 + (config.ema_decay > 0.0 ? 4.0 : 0.0) + (config.use_mixed_precision ? 2.0 : 0.0);
  double stored = c * (2.0 + 2.0 * blocks);
  double resolution = 1.0;
  const auto [stages, factor] = edsr_upsampling(config.scale_factor);
  for (std::int64_t stage = 0; stage < stages; ++stage) {
    resolution *= static_cast<double>(factor);
    stored += c * resolution * resolution;
  }
  const double transient = 2.0 * c * scale * scale;
  const double loss_and_batch_bytes = 4.0 * (4.0 * 3.0 * scale * scale + 3.0);

  double mib = edsr_parameter_count(config) * parameter_bytes / kMib;
  mib += lr_pixels * ((stored + transient) * element_bytes + loss_and_batch_bytes) / kMib;
  if (config.use_perceptual) mib += perceptual_mib(hr_pixels, element_bytes);
  return mib;
}

}  // namespace wring
