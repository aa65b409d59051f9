#include "wring_train/engine/sampler.h"

#include <ATen/ATen.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include "wring/base/error.h"

namespace wring {
namespace {

at::Device gpu(at::Device device) {
  if (!device.is_cpu()) return device;
  throw Error(ErrorCode::no_gpu, {"patches are cut on the device only on a GPU", "只有在 GPU 上才能在设备端裁剪图像块"},
              {"use data_cache: host or none on the CPU", "在 CPU 上请使用 data_cache: host 或 none"});
}

}  // namespace

DeviceSampler::DeviceSampler(std::shared_ptr<const DeviceImages> images, const kernels::SamplerSettings& settings,
                             at::Device device)
    : images_(std::move(images)),
      settings_(settings),
      device_(gpu(device)),
      step_(at::zeros({}, at::TensorOptions(device).dtype(at::kLong))),
      draws_(at::empty({settings.batch_size, std::int64_t{sizeof(SampleDraw)}},
                       at::TensorOptions(device).dtype(at::kByte))) {}

SampledBatch DeviceSampler::cut(std::int64_t step) {
  const c10::DeviceGuard guard(device_);
  void* stream = c10::impl::VirtualGuardImpl(device_.type()).getStream(device_).native_handle();
  const std::int64_t batch = settings_.batch_size;
  const std::int64_t hr_side = settings_.patch_size;
  const std::int64_t lr_side = settings_.lr_patch();
  const auto options = at::TensorOptions(device_).dtype(at::kByte);
  SampledBatch sampled{at::empty({batch, hr_side, hr_side, 3}, options),
                       at::empty({batch, lr_side, lr_side, 3}, options)};
  auto* draws = reinterpret_cast<SampleDraw*>(draws_.mutable_data_ptr<std::uint8_t>());
  step_.fill_(step);
  kernels::draw_samples(images_->view(), settings_, step_.const_data_ptr<std::int64_t>(), draws, stream);
  kernels::cut_samples(images_->view(), settings_, draws, sampled.hr.mutable_data_ptr<std::uint8_t>(),
                       sampled.lr.mutable_data_ptr<std::uint8_t>(), stream);
  return sampled;
}

}  // namespace wring
