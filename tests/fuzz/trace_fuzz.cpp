// The reader of profiles, and what divides their steps: a file is refused, or the shares of a step add up to it.
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include <fmt/format.h>

#include "fuzz/fuzz_target.h"
#include "wring/base/error.h"
#include "wring/trace/step_shares.h"
#include "wring/trace/step_work.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string path = wring::fuzz::file_of({reinterpret_cast<const char*>(data), size});
  try {
    const wring::Trace trace = wring::read_trace(path);
    wring::step_work(trace);
    constexpr double kStepMs = 8;
    const auto shares = wring::divide_steps(trace, kStepMs, 3).shares;
    if (!shares) return 0;
    double sum = 0;
    for (const double part : {shares->computing_ms, shares->copy_ms, shares->collective_ms, shares->loader_ms,
                              shares->sync_ms, shares->optimizer_ms, shares->launch_ms}) {
      sum += part;
      if (!(part >= 0)) std::abort();
    }
    if (!(std::abs(sum - kStepMs) < 1e-6)) {
      std::fprintf(stderr, "shares of %g ms in a step of %g ms\n", sum, kStepMs);
      std::abort();
    }
  } catch (const wring::Error&) {
  }
  return 0;
}

namespace wring::fuzz {
namespace {

std::string event(const char* category, const char* name, double ts, double dur, const char* args) {
  return fmt::format(
      R"({{"ph": "X", "cat": "{}", "name": "{}", "tid": 7, "ts": {:.3f}, "dur": {:.3f}, "args": {{{}}}}})", category,
      name, ts, dur, args);
}

std::string trace_of(double begin) {
  const char* const loader = "enumerate(DataLoader)#_SingleProcessDataLoaderIter.__next__";
  const char* const pageable = "Memcpy HtoD (Pageable -> Device)";
  return R"({"traceEvents": [)" + event("user_annotation", "wring.step", begin, 0, "") + "," +
         event("user_annotation", loader, begin + 1, 3000, "") + "," +
         event("cpu_op", "aten::copy_", begin + 3100, 1200, R"("External id": 1, "Input type": ["float", ""])") + "," +
         event("cuda_runtime", "cudaMemcpyAsync", begin + 3110, 1000, R"("External id": 1, "correlation": 1)") + "," +
         event("cuda_runtime", "cudaStreamSynchronize", begin + 4120, 10, R"("External id": 1, "correlation": 2)") +
         "," + event("gpu_memcpy", pageable, begin + 3200, 900, R"("stream": 7, "correlation": 1, "bytes": 4096)") +
         "," + event("user_annotation", "Optimizer.step#SGD.step", begin + 5000, 900, "") + "," +
         event("cuda_runtime", "cudaLaunchKernel", begin + 5010, 5, R"("correlation": 3)") + "," +
         event("kernel", "sgemm", begin + 5020, 2000, R"("stream": 7, "correlation": 3, "blocks per SM": 0.5)") + "," +
         event("cuda_driver", "cuLaunchKernel", begin + 5100, 5, R"("correlation": 4)") + "," +
         event("kernel", "ncclDevKernel", begin + 7000, 500, R"("stream": 9, "correlation": 4)") + "," +
         event("user_annotation", "wring.step", begin + 8000, 0, "") + "]}";
}

}  // namespace

std::vector<std::string> seeds() {
  return {trace_of(0), trace_of(5185465560531.72), trace_of(1790857026000000)};
}

std::vector<std::string> dictionary() {
  return {"\"traceEvents\"",
          "\"ts\": ",
          "\"dur\": ",
          "\"args\": {",
          "\"correlation\": ",
          "\"External id\": ",
          "\"Input type\"",
          "[",
          "]",
          "{",
          "}",
          ",",
          "\"",
          "\\u0000",
          "1e300",
          "-1",
          "18446744073709551615",
          "0",
          "null",
          "true",
          "wring.step",
          "kernel",
          "cudaMemcpy",
          "Pageable",
          "autograd::engine::evaluate_function",
          "aten::_foreach_add_",
          "nccl",
          "\x1f\x8b"};
}

}  // namespace wring::fuzz
