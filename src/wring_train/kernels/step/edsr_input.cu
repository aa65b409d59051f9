#include "wring/plan/edsr_shape.h"
#include "wring_train/kernels/cuda_check.h"
#include "wring_train/kernels/low_precision.cuh"
#include "wring_train/kernels/step/edsr_input.h"

namespace wring::kernels {
namespace {

constexpr int kThreads = 256;
constexpr int kVectors = kPatchRow / 8;  // threads that share a row
__constant__ float kMean[3] = {kEdsrMean[0], kEdsrMean[1], kEdsrMean[2]};

template <typename T>
__global__ void __launch_bounds__(kThreads)
    patches(ImagesView images, const SampleDraw* draws, int batch, int side, Vec8<T>* out) {
  const std::int64_t thread = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  const std::int64_t pixel = thread / kVectors;
  if (pixel >= static_cast<std::int64_t>(batch) * side * side) return;
  const int x = static_cast<int>(pixel % side);
  const int y = static_cast<int>(pixel / side % side);
  const SampleDraw draw = draws[pixel / side / side];
  const StoredImage image = images.images[draw.image];
  Vec8<T> row;
  for (int i = 0; i < 8; ++i) {
    const int k = static_cast<int>(thread % kVectors) * 8 + i;
    float value = k == kPatchBias ? 1.0F : 0.0F;
    if (k < kPatchBias) {
      const int channel = k % 3;
      const int px = x + k / 3 % 3 - 1;
      const int py = y + k / 9 - 1;
      if (px >= 0 && px < side && py >= 0 && py < side) {
        const PatchPixel from = turned_from(draw, side, px, py);
        const std::uint64_t at = image.lr_offset +
                                 (static_cast<std::uint64_t>(draw.y + from.y) * image.lr_width + draw.x + from.x) * 3 +
                                 channel;
        value = __fdiv_rn(images.bytes[at], 255.0F) * 255.0F - kMean[channel] * 255.0F;
      }
    }
    row.at[i] = narrow<T>(value);
  }
  out[thread] = row;
}

}  // namespace

void input_patches(const ImagesView& images, const SampleDraw* draws, int batch, int lr_patch, LowType type, void* out,
                   void* stream) {
  const std::int64_t threads = static_cast<std::int64_t>(batch) * lr_patch * lr_patch * kVectors;
  const auto blocks = static_cast<unsigned>((threads + kThreads - 1) / kThreads);
  with_low_type(type, [&](auto low) {
    patches<<<blocks, kThreads, 0, static_cast<cudaStream_t>(stream)>>>(images, draws, batch, lr_patch,
                                                                        static_cast<Vec8<decltype(low)>*>(out));
  });
  check(cudaGetLastError(), "Preparing the network's input");
}

}  // namespace wring::kernels
