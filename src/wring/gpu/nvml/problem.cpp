#include "wring/gpu/nvml/problem.h"

#include <fmt/format.h>

#include "wring/gpu/nvml/errors.h"

namespace wring {

GpuProblem nvml_problem(int code) {
  const nvml::ErrorRow& row = nvml::error_row(code);
  return {{"NVML: {} (code {})", "NVML：{}（代码 {}）", row.message, code}, row.cure, code};
}

// The loader's words matter when the library is there and cannot be used (another architecture, a missing file).
GpuProblem nvml_load_problem(const nvml::Library& library) {
  GpuProblem problem = nvml_problem(library.status());
  if (library.failure().find("No such file") == std::string::npos && !library.failure().empty()) {
    problem.what += Text(": {}", "：{}", library.failure());
  }
  return problem;
}

GpuProblem no_card_problem() {
  return {
      {"the NVIDIA driver runs, but shows no GPU", "NVIDIA 驱动在运行，但没有可见的 GPU"}, nvml::error_row(17).cure, 0};
}

}  // namespace wring
