#pragma once
// A tiny training run on small drawn photographs, as a user starts it.
#include <algorithm>
#include <cstdio>
#include <functional>
#include <nlohmann/json.hpp>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixtures/drawn_photographs.h"
#include "fixtures/programs.h"

namespace wring::testing_support {

inline const char* const kTinyTraining =
    "base_channels: 8\n"
    "num_blocks: 1\n"
    "scale_factor: 2\n"
    "batch_size: 2\n"
    "patch_size: 32\n"
    "num_workers: 1\n"
    "total_iters: 6\n"
    "val_freq: 3\n"
    "checkpoint_freq: 2\n"
    "log_freq: 2\n"
    "lr: 0.001\n"
    "data_dir: data\n"
    "experiment_name: run\n";

class TrainTest : public testing::Test {
 protected:
  void SetUp() override {
    draw_training_set(programs_, 4);
    for (int i = 0; i < 2; ++i) draw_photograph(programs_, "data/val/HR/" + std::to_string(i) + ".png", 40, 36, 10 + i);
    programs_.folder().write("tiny.yaml", kTinyTraining);
    programs_.set("OMP_NUM_THREADS", "1");  // a network of this size gains nothing by more, and tests run side by side
  }
  ChildResult train(std::vector<std::string> more = {}) const {
    std::vector<std::string> arguments{"train", "tiny.yaml", "--device", "cpu"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return programs_.wring(arguments);
  }
  std::vector<nlohmann::json> metrics(const std::string& run = "run") const {
    std::vector<nlohmann::json> lines;
    std::istringstream text(programs_.read("experiments/" + run + "/metrics.jsonl"));
    for (std::string line; std::getline(text, line);) lines.push_back(nlohmann::json::parse(line));
    return lines;
  }
  // Starts a long run, does `script` (with its process in $p and its messages in ./said) once it has measured
  // something, and waits for its end. The exit status is the run's.
  ChildResult during_a_run(const std::string& script, const std::string& before = "") const {
    // Through a pipe: the messages of a run that may write no file get out, too.
    const std::string command =
        before + "\nmkfifo messages; cat messages > said & reader=$!\n" + Programs::binary("wring") +
        " train tiny.yaml --device cpu --set total_iters=1000000 2> messages & p=$!\n"
        "running() { grep -qv ') Z ' /proc/$p/stat 2> /dev/null; }\n"
        "until_said() { while running && ! grep -q \"$1\" said; do sleep 0.05; done; }\n"
        "lines() { wc -l < experiments/run/metrics.jsonl; }\n"
        "until_more_lines() { n=$(lines); while running && [ $(lines) -le $n ]; do sleep 0.05; done; }\n"
        "while running && [ ! -s experiments/run/metrics.jsonl ]; do sleep 0.05; done\n" +
        script + "\nwait $p; status=$?; wait $reader; cat said >&2; exit $status";
    return programs_.run("sh", {"-c", command});
  }
  ChildResult interrupted_by(const std::string& signal) const { return during_a_run("kill -" + signal + " $p"); }

  std::string checkpoint(const std::string& name, const std::string& run = "run") const {
    return "experiments/" + run + "/checkpoints/" + name;
  }
  // The steps of the states that are there, the newest first.
  std::vector<int> saved_steps(const std::string& run = "run") const {
    std::vector<int> steps;
    for (const auto& entry : std::filesystem::directory_iterator(programs_.folder().path() / checkpoint("", run))) {
      int step = 0;
      int end = 0;
      const std::string name = entry.path().filename().string();
      if (std::sscanf(name.c_str(), "state_%d.safetensors%n", &step, &end) == 1 && end == int(name.size())) {
        steps.push_back(step);
      }
    }
    std::ranges::sort(steps, std::greater<>{});
    return steps;
  }

  Programs programs_;
};

}  // namespace wring::testing_support
