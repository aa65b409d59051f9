#pragma once
// wring train on the GPU, as a user starts it, on a few small generated images.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "fixtures/temporary_folder.h"
#include "gpu_test.h"
#include "tools/dead_leaves.h"
#include "wring/files/files.h"
#include "wring/process/child_process.h"
#include "wring_train/image/image.h"
#include "wring_train/kernels/available.h"

namespace wring {

class GpuTrainingRun : public GpuTest {
 protected:
  void SetUp() override {
    GpuTest::SetUp();
    if (IsSkipped()) return;
    if (!kernels::available()) GTEST_SKIP() << "This build has no CUDA sources.";
    // The build may have been carried here: the programs lie beside the tests.
    wring_ = this_program().parent_path().parent_path() / "bin" / "wring";
    if (!std::filesystem::exists(wring_)) GTEST_SKIP() << wring_ << " was not built.";
    std::filesystem::create_directories(folder_.path() / "data/train/HR");
    for (int i = 0; i < 8; ++i) {
      write_png(folder_.path() / "data/train/HR" / (std::to_string(i) + ".png"),
                dead_leaves(160, 160, static_cast<std::uint64_t>(i)));
    }
    folder_.write(
        "run.yaml",
        "base_channels: 32\nnum_blocks: 2\nscale_factor: 4\npatch_size: 64\nnum_workers: 1\n"
        "dataset_enlarge_ratio: 50\nval_freq: 100000\ncheckpoint_freq: 50\nlog_freq: 1\nlr: 0.0002\n"
        "grad_clip: 1.0\nuse_mixed_precision: true\ncompile_model: true\ndata_dir: data\nexperiment_name: run\n");
  }

  // `more`: options and --set assignments. Killed after `longest`.
  ChildResult train(const std::string& name, int ranks, const std::vector<std::string>& more,
                    std::chrono::milliseconds longest = std::chrono::minutes(3)) const {
    std::vector<std::string> command{wring_.string(), "train", "run.yaml", "--nproc", std::to_string(ranks)};
    command.insert(command.end(), {"--set", "experiment_name=" + name});
    command.insert(command.end(), more.begin(), more.end());
    ChildOptions options;
    options.working_folder = folder_.path();
    options.timeout = longest;
    options.environment = {{"NVIDIA_TF32_OVERRIDE", "0"},
                           {"WRING_CACHE_DIR", (folder_.path() / "cache").string()},
                           {"NCCL_NVLS_ENABLE", "0"},
                           {"LC_ALL", "C.UTF-8"}};
    return run_child(command, options);
  }

  // Of every line of the run's metrics.
  std::vector<double> losses(const std::string& name) const {
    std::vector<double> values;
    std::istringstream text(read_file(folder_.path() / "experiments" / name / "metrics.jsonl"));
    for (std::string line; std::getline(text, line);) {
      const auto record = nlohmann::json::parse(line);
      if (record.contains("loss")) values.push_back(record["loss"]);
    }
    return values;
  }

  // The largest relative difference of two runs' losses; NaN when they are not as many.
  double curve_difference(const std::string& a, const std::string& b) const {
    const auto one = losses(a);
    const auto other = losses(b);
    if (one.size() != other.size() || one.empty()) return std::nan("");
    double largest = 0;
    for (std::size_t i = 0; i < one.size(); ++i) {
      largest = std::max(largest, std::abs(one[i] - other[i]) / std::abs(one[i]));
    }
    return largest;
  }

  testing_support::TemporaryFolder folder_;
  std::filesystem::path wring_;
};

}  // namespace wring
