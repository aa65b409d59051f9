#pragma once

// wring train on several ranks: a tiny config, two validation images, and the runs' metrics.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <sys/types.h>

#include "fixtures/running_program.h"
#include "train_fixture.h"
#include "wring/files/files.h"

namespace wring::testing_support {

inline constexpr const char* kTinyConfig =
    "base_channels: 8\n"
    "num_blocks: 1\n"
    "scale_factor: 2\n"
    "batch_size: 4\n"
    "patch_size: 24\n"
    "num_workers: 1\n"
    "dataset_enlarge_ratio: 10\n"
    "use_mixed_precision: false\n"
    "total_iters: 6\n"
    "val_freq: 3\n"
    "checkpoint_freq: 2\n"
    "log_freq: 1\n"
    "lr: 0.001\n"
    "grad_clip: 1.0\n"
    "data_dir: data\n"
    "experiment_name: run\n";

// The processes that a process has started.
inline std::vector<pid_t> children_of(pid_t pid) {
  const std::string id = std::to_string(pid);
  std::istringstream text(read_file("/proc/" + id + "/task/" + id + "/children"));
  return {std::istream_iterator<pid_t>(text), {}};
}

class RanksTrain : public TrainTest {
 protected:
  void SetUp() override {
    TrainTest::SetUp();
    draw_photograph(programs_, "data/val/HR/2.png", 40, 36, 12);
    programs_.folder().write("tiny.yaml", kTinyConfig);
    programs_.set("WRING_RANK_TIMEOUT", "5");
  }

  static std::vector<std::string> words(int ranks, const std::vector<std::string>& more) {
    std::vector<std::string> words{"train", "tiny.yaml", "--device", "cpu"};
    if (ranks > 1) words.insert(words.end(), {"--nproc", std::to_string(ranks)});
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  ChildResult train(int ranks, const std::vector<std::string>& more = {}) const {
    return programs_.wring(words(ranks, more));
  }
  RunningProgram start(int ranks, const std::vector<std::string>& more) const {
    std::vector<std::string> command = words(ranks, more);
    command.insert(command.begin(), Programs::binary("wring"));
    return RunningProgram(programs_, command);
  }

  std::vector<double> values(const std::string& name, const std::string& key) const {
    std::vector<double> found;
    for (const auto& line : metrics(name)) {
      if (line.contains(key)) found.push_back(line[key]);
    }
    return found;
  }
  std::size_t steps_done() const { return programs_.exists("experiments/run/metrics.jsonl") ? metrics_lines() : 0; }
  std::size_t metrics_lines() const {
    const std::string text = programs_.read("experiments/run/metrics.jsonl");
    return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
  }
  static double largest_difference(const std::vector<double>& a, const std::vector<double>& b) {
    EXPECT_EQ(a.size(), b.size());
    double largest = 0;
    for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
      largest = std::max(largest, std::abs(a[i] - b[i]) / std::abs(b[i]));
    }
    return largest;
  }
};

}  // namespace wring::testing_support
