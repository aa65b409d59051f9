// `wring-train about`: one JSON object about the libraries that this program runs with, for `wring doctor`.
// A library without which it would not even start needs no word here; the loader has the last one.
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include <dlfcn.h>
#include <fmt/format.h>

#include <ATen/ATen.h>
#include <ATen/Context.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <torch/headeronly/version.h>

#include "wring/base/json_text.h"
#include "wring/base/message.h"
#include "wring_train/commands/commands.h"

namespace wring {
namespace {

// Calls `int name(int*)` of a library that is loaded already, whichever copy LibTorch uses.
std::optional<int> loaded_version(const char* name) {
  auto* function = reinterpret_cast<int (*)(int*)>(::dlsym(RTLD_DEFAULT, name));
  int version = 0;
  if (function == nullptr || function(&version) != 0) return std::nullopt;
  return version;
}

// 13020 → "13.2"
nlohmann::json cuda_version(const char* name) {
  const auto version = loaded_version(name);
  if (!version || *version == 0) return nullptr;
  return fmt::format("{}.{}", *version / 1000, *version % 1000 / 10);
}

// 22809 → "2.28.9"
nlohmann::json nccl_version() {
  const auto version = loaded_version("ncclGetVersion");
  if (!version) return nullptr;
  return fmt::format("{}.{}.{}", *version / 10000, *version / 100 % 100, *version % 100);
}

// 91900 → "9.19.0"
nlohmann::json cudnn_version() {
  const auto& hooks = at::detail::getCUDAHooks();
  if (!hooks.compiledWithCuDNN()) return nullptr;
  const long version = hooks.versionCuDNN();
  return fmt::format("{}.{}.{}", version / 10000, version / 100 % 100, version % 100);
}

// A card that the driver shows may still be one that this LibTorch has no code for.
nlohmann::json first_calculation() {
  try {
    const at::Tensor ones = at::ones({64, 64}, at::TensorOptions().device(at::kCUDA));
    if (at::matmul(ones, ones).sum().item<float>() == 64.0F * 64 * 64) return nullptr;
    return "a matrix product has the wrong value";
  } catch (const c10::Error& error) {
    const std::string words = error.what_without_backtrace();
    return words.substr(0, words.find('\n'));
  }
}

}  // namespace

int about_command() {
  // hasCUDA() would ask whether a card answers; what this LibTorch was built with is another question.
  const bool has_cuda = at::detail::getCUDAHooks().hasCUDART();
  nlohmann::ordered_json about = {{"libtorch", TORCH_VERSION}, {"cuda", has_cuda}};
#ifdef WRING_HAS_CUDA
  about["kernels"] = true;
#else
  about["kernels"] = false;
#endif
  about["gpus"] = 0;
  if (has_cuda) {
    about["cuda_runtime"] = cuda_version("cudaRuntimeGetVersion");
    about["cuda_driver"] = cuda_version("cudaDriverGetVersion");
    about["cudnn"] = cudnn_version();
    about["nccl"] = nccl_version();
    about["gpus"] = static_cast<int>(at::detail::getCUDAHooks().deviceCount());
    if (about["gpus"] > 0) about["gpu_problem"] = first_calculation();
  }
  print_out("{}\n", json_text(about));
  return 0;
}

}  // namespace wring
