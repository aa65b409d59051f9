#pragma once
// What every test that needs a GPU begins with.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

namespace wring {

// Skips where LibTorch finds no GPU; otherwise turns TF32 off, so that fp32 means fp32.
class GpuTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!at::hasCUDA()) {
      GTEST_SKIP() << "LibTorch finds no CUDA device.";
    }
    at::globalContext().setAllowTF32CuDNN(false);
    at::globalContext().setFloat32MatmulPrecision("highest");
  }

  static at::Tensor random_images(at::IntArrayRef sizes, std::uint64_t seed) {
    return at::rand(sizes, at::make_generator<at::CPUGeneratorImpl>(seed), at::TensorOptions());
  }

  static at::Tensor random_bytes(at::IntArrayRef sizes, std::uint64_t seed) {
    return at::randint(0, 256, sizes, at::make_generator<at::CPUGeneratorImpl>(seed), at::TensorOptions(at::kByte));
  }

  // The largest difference as a share of the largest expected value.
  static double relative_difference(const at::Tensor& actual, const at::Tensor& expected) {
    const auto reference = expected.detach().to(at::kCPU, at::kDouble);
    const auto difference = actual.detach().to(at::kCPU, at::kDouble).sub(reference).abs().max();
    return difference.item<double>() / reference.abs().max().item<double>();
  }
};

}  // namespace wring
