#include <fmt/format.h>
#include <fmt/ranges.h>  // fmt::join

#include <ATen/ATen.h>

#include "wring/base/error.h"
#include "wring_train/nn/loss.h"

namespace wring {

at::Tensor pixel_loss(const std::string& name, const at::Tensor& sr, const at::Tensor& hr) {
  // Broadcasting two shapes would give a number that means nothing.
  if (sr.sizes() != hr.sizes()) {
    throw Error(ErrorCode::failed,
                fmt::format("The network's output is {} but the HR batch is {}.", fmt::join(sr.sizes(), "×"),
                            fmt::join(hr.sizes(), "×")),
                "Check that scale_factor fits the LR and HR images.");
  }
  if (name == "l1") {
    return at::l1_loss(sr, hr);
  }
  if (name == "mse") {
    return at::mse_loss(sr, hr);
  }
  if (name == "charbonnier") {
    constexpr double kEpsilon = 1e-12;
    return at::sqrt(at::square(at::sub(sr, hr)).add_(kEpsilon)).mean();
  }
  throw Error(ErrorCode::usage, fmt::format("There is no loss named \"{}\".", name), "Use l1, charbonnier or mse.");
}

}  // namespace wring
