// The trial worker on a GPU: what only shows there.
#include "wring_train/measure/trial_worker.h"

#include <algorithm>

#include "fixtures/temporary_folder.h"
#include "gpu_test.h"
#include "tools/dead_leaves.h"
#include "wring_train/image/image.h"
#include "wring_train/kernels/available.h"

namespace wring {
namespace {

class TrialWorkerOnGpu : public GpuTest {
 protected:
  void SetUp() override {
    GpuTest::SetUp();
    if (IsSkipped()) return;
    if (!kernels::available()) GTEST_SKIP() << "This build has no CUDA sources.";
    const auto images = folder_.path() / "data/train/HR";
    std::filesystem::create_directories(images);
    for (int i = 0; i < 4; ++i) write_png(images / (std::to_string(i) + ".png"), dead_leaves(128, 128, i));
    config_ = folder_.write("c.yaml",
                            "base_channels: 32\nnum_blocks: 2\nscale_factor: 4\nbatch_size: 4\npatch_size: 64\n"
                            "num_workers: 1\nuse_mixed_precision: true\ncompile_model: true\ndata_dir: " +
                                (folder_.path() / "data").string() + "\n");
  }

  static TrialResult run(TrialWorker& worker, bool kernels) {
    TrialRequest request;
    request.measure = {
        .data = TrialData::resident, .min_seconds = 0.01, .max_seconds = 0.2, .rel_ci = 1, .kernels = kernels};
    TrialResult result = worker.run(request, [](const std::string&) {});
    EXPECT_EQ(result.outcome, TrialOutcome::ok) << result.message;
    return result;
  }

  testing_support::TemporaryFolder folder_;
  std::filesystem::path config_;
};

TEST_F(TrialWorkerOnGpu, ATrialLeavesNoMemoryBehindThatTheNextOneIsChargedWith) {
  TrialWorker worker(config_, {}, at::Device(at::kCUDA, 0));
  const auto first = run(worker, false).memory.peak_allocated_mib;
  std::optional<std::int64_t> last;
  for (int i = 0; i < 4; ++i) last = run(worker, false).memory.peak_allocated_mib;
  ASSERT_TRUE(first && last);
  EXPECT_LE(*last, *first + 8) << "MiB; each stream's scratch memory alone is 32";
}

TEST_F(TrialWorkerOnGpu, TheShareOfAStepInWhichKernelsRunIsToldWhereItIsAskedFor) {
  TrialWorker worker(config_, {}, at::Device(at::kCUDA, 0));
  EXPECT_FALSE(run(worker, false).kernel_busy_percent);
  const auto busy = run(worker, true).kernel_busy_percent;
  ASSERT_TRUE(busy);
  EXPECT_GT(*busy, 0);
  EXPECT_LE(*busy, 100);
}

TEST_F(TrialWorkerOnGpu, TheKernelsKindsAddUpToTheTimeInWhichTheyRun) {
  for (const char* compile : {"true", "false"}) {
    TrialWorker worker(config_, {std::string("compile_model=") + compile}, at::Device(at::kCUDA, 0));
    const TrialResult result = run(worker, true);
    double ms = 0;
    double products = 0;
    for (const KernelKindTime& kind : result.kernels) {
      ms += kind.ms;
      if (kind.kind == KernelKind::product) products = kind.ms;
      EXPECT_LE(kind.small_ms, kind.ms * 1.001);
      EXPECT_GT(kind.calls, 0);
      EXPECT_FALSE(kind.heaviest.empty());
    }
    ASSERT_TRUE(result.kernel_busy_percent);
    EXPECT_NEAR(std::min(100.0, 100 * ms / result.step_ms.median), *result.kernel_busy_percent, 0.1) << compile;
    EXPECT_GT(products, 0) << "convolutions are known for what they are; compile_model: " << compile;
  }
}

TEST_F(TrialWorkerOnGpu, LargeProductsAreFasterThanASmallStepAndMeasuredOnce) {
  TrialWorker worker(config_, {}, at::Device(at::kCUDA, 0));
  const TrialArithmetic first = run(worker, true).arithmetic;
  const TrialResult again = run(worker, true);
  EXPECT_EQ(first.precision, "bf16");
  ASSERT_TRUE(first.matmul_tflops && first.tflop_per_step);
  EXPECT_EQ(again.arithmetic.matmul_tflops, first.matmul_tflops);
  EXPECT_LT(*first.tflop_per_step / (again.step_ms.median / 1000), *first.matmul_tflops);
}

}  // namespace
}  // namespace wring
