#include "wring_train/kernels/cuda_check.h"
#include "wring_train/kernels/device_identity.h"

namespace wring::kernels {
namespace {

cudaDeviceProp properties(int cuda_device) {
  cudaDeviceProp properties{};
  check(cudaGetDeviceProperties(&properties, cuda_device), "Asking for the GPU's properties");
  return properties;
}

}  // namespace

std::string device_uuid(int cuda_device) {
  const cudaDeviceProp found = properties(cuda_device);
  constexpr char kDigits[] = "0123456789abcdef";
  std::string uuid = "GPU-";
  for (int i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) uuid += '-';
    const auto byte = static_cast<unsigned char>(found.uuid.bytes[i]);
    uuid += kDigits[byte / 16];
    uuid += kDigits[byte % 16];
  }
  return uuid;
}

std::string device_name(int cuda_device) {
  return properties(cuda_device).name;
}

}  // namespace wring::kernels
