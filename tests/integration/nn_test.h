#pragma once
// What the tests of networks, losses and checkpoints share.
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include "wring/base/error.h"

namespace wring::testing_nn {

// A folder of this test's own, removed afterwards.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    path_ = std::filesystem::path(testing::TempDir()) /
            ("wring_" + std::string(test->test_suite_name()) + "_" + test->name() + "_" + std::to_string(::getpid()));
    std::filesystem::create_directories(path_);
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

// Uniform in [0, 1), the same for the same seed.
inline at::Tensor random_images(at::IntArrayRef sizes, std::uint64_t seed, at::ScalarType type = at::kFloat) {
  return at::rand(sizes, at::make_generator<at::CPUGeneratorImpl>(seed), at::TensorOptions().dtype(type));
}

inline double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  return at::sub(a.to(at::kCPU, at::kDouble), b.to(at::kCPU, at::kDouble)).abs().max().item<double>();
}

inline std::vector<at::Tensor> in_double(const std::vector<at::Tensor>& tensors) {
  std::vector<at::Tensor> result;
  for (const auto& tensor : tensors) {
    result.push_back(tensor.detach().to(at::kDouble));
  }
  return result;
}

// What the Error thrown by `action` says, with its hint; "" when nothing is thrown.
inline std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.message().en + "\n" + error.hint().en;
  }
  return "";
}

}  // namespace wring::testing_nn
