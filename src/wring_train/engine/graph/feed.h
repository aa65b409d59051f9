#pragma once
#include <memory>
#include <span>
#include <vector>

#include <ATen/core/Tensor.h>
#include <ATen/cuda/CUDAEvent.h>
#include <c10/cuda/CUDAStream.h>

#include "wring_train/data/batch.h"
#include "wring_train/kernels/step/sample_batch.h"

namespace wring {

// Fixed places on the device for the bytes of `samples` patches, which kernels read as the images of a decoded set:
// sample i is all of image i. HR patches first, one after the other, then LR patches.
class GraphPlaces {
 public:
  GraphPlaces(int samples, int hr_patch, int lr_patch, at::Device device);

  kernels::ImagesView view() const;
  const at::Tensor& bytes() const { return bytes_; }
  std::int64_t lr_start() const { return lr_start_; }  // bytes

 private:
  std::int64_t lr_start_;
  at::Tensor bytes_;
  at::Tensor table_;
  std::uint32_t count_;
};

// Copies batches from the host to such places, on a stream of its own, so that the copy for the next step overlaps this
// one. Two sets of places, used in turn: set s, micro-batch m, sample i is sample (s · micro_batches + m) · batch_size
// + i.
class GraphFeed {
 public:
  static constexpr int kSets = 2;

  GraphFeed(int batch_size, int micro_batches, int hr_patch, int lr_patch, at::Device device);

  kernels::ImagesView view() const { return places_.view(); }

  // Copies for step number `step`; `compute` will wait for them. The host's bytes are held until the copy has ended.
  void copy(std::span<const Batch> micro_batches, std::int64_t step, const c10::cuda::CUDAStream& compute);
  // To be called once the step's work is enqueued on `compute`: its places may be overwritten afterwards.
  void used(std::int64_t step, const c10::cuda::CUDAStream& compute);

 private:
  struct Set {
    at::cuda::CUDAEvent copied;
    at::cuda::CUDAEvent used;
    std::vector<std::shared_ptr<std::uint8_t>> held;
  };

  std::int64_t hr_bytes_;  // of one micro-batch
  std::int64_t lr_bytes_;
  std::int64_t micro_batches_;
  GraphPlaces places_;
  c10::cuda::CUDAStream stream_;
  Set sets_[kSets];
};

}  // namespace wring
