// The twin of this folder's .cu files, linked where there is no CUDA.
#include "wring/base/error.h"
#include "wring_train/kernels/available.h"
#include "wring_train/kernels/device_identity.h"
#include "wring_train/kernels/pinned_memory.h"
#include "wring_train/kernels/step/batch_to_float.h"
#include "wring_train/kernels/step/sample_batch.h"

namespace wring::kernels {
namespace {

[[noreturn]] void refuse() {
  throw Error(ErrorCode::no_gpu, "This wring-train was built without CUDA.",
              "Build it where nvcc and a torch wheel with CUDA are installed, or train on the CPU.");
}

}  // namespace

bool available() {
  return false;
}

void batch_to_float(const std::uint8_t*, std::int64_t, float*, void*) {
  refuse();
}
void batch_to_bfloat16(const std::uint8_t*, std::int64_t, void*, void*) {
  refuse();
}

std::shared_ptr<std::uint8_t> pinned_memory(std::size_t) {
  refuse();
}

void draw_samples(const ImagesView&, const SamplerSettings&, const std::int64_t*, SampleDraw*, void*) {
  refuse();
}
void cut_samples(const ImagesView&, const SamplerSettings&, const SampleDraw*, std::uint8_t*, std::uint8_t*, void*) {
  refuse();
}
std::string device_uuid(int) {
  refuse();
}
std::string device_name(int) {
  refuse();
}

}  // namespace wring::kernels
