#include "wring_train/engine/eager/batch_tensor.h"

#include <fmt/format.h>
#include <fmt/ranges.h>  // fmt::join

#include <ATen/ops/empty.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include "wring/base/error.h"
#include "wring_train/kernels/available.h"
#include "wring_train/kernels/step/batch_to_float.h"

namespace wring {
namespace {

void convert_on_gpu(const at::Tensor& bytes, at::Tensor& floats) {
  const c10::DeviceGuard guard(bytes.device());
  // Through c10's device-neutral interface, which compiles without CUDA's headers.
  void* stream = c10::impl::VirtualGuardImpl(bytes.device().type()).getStream(bytes.device()).native_handle();
  const auto* in = bytes.const_data_ptr<std::uint8_t>();
  if (floats.scalar_type() == at::kFloat) {
    kernels::batch_to_float(in, bytes.numel(), floats.mutable_data_ptr<float>(), stream);
  } else {
    kernels::batch_to_bfloat16(in, bytes.numel(), floats.mutable_data_ptr(), stream);
  }
}

}  // namespace

at::Tensor images_to_float(const at::Tensor& nhwc, at::ScalarType type) {
  if (nhwc.scalar_type() != at::kByte || nhwc.dim() != 4 || nhwc.size(3) != 3 || !nhwc.is_contiguous() ||
      (type != at::kFloat && type != at::kBFloat16)) {
    throw Error(ErrorCode::failed,
                fmt::format("A batch is contiguous uint8 (N, H, W, 3) and becomes fp32 or bf16, but "
                            "this one is {} ({}) and was to become {}.",
                            at::toString(nhwc.scalar_type()), fmt::join(nhwc.sizes(), ", "), at::toString(type)));
  }
  at::Tensor floats;
  if (nhwc.is_cuda() && kernels::available()) {
    floats = at::empty(nhwc.sizes(), nhwc.options().dtype(type));
    convert_on_gpu(nhwc, floats);
  } else {
    floats = nhwc.to(at::kFloat).div_(255).to(type);
  }
  return floats.permute({0, 3, 1, 2});
}

}  // namespace wring
