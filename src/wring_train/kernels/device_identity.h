#pragma once
#include <string>

namespace wring::kernels {

// The driver's identity of a CUDA device, "GPU-8f2c…", which NVML knows it by; CUDA's numbers and NVML's need not
// agree. Throws Error{failed} with CUDA's reason, Error{no_gpu} in a build without CUDA.
std::string device_uuid(int cuda_device);

// Its name as the driver has it: "NVIDIA H200".
std::string device_name(int cuda_device);

}  // namespace wring::kernels
