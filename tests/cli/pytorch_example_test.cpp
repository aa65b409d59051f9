// examples/pytorch, a training script that knows nothing of Wring, tuned from end to end on the CPU.
#include <cstdlib>
#include <nlohmann/json.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixtures/programs.h"

namespace wring {
namespace {

using namespace testing_support;
using nlohmann::json;
using testing::HasSubstr;
namespace fs = std::filesystem;

// A python3 that has torch: WRING_TEST_PYTHON, the repository's own, or the system's.
std::string python() {
  if (const char* given = std::getenv("WRING_TEST_PYTHON")) return given;
  const fs::path own = fs::path(WRING_SOURCE_DIR) / ".venv/bin/python";
  return fs::exists(own) ? own.string() : "python3";
}

TEST(PyTorchExample, IsTunedWithoutBeingChanged) {
  const Programs programs;
  if (!programs.run(python(), {"-c", "import torch"}).ok()) {
    GTEST_SKIP() << python() << " cannot import torch; WRING_TEST_PYTHON names another one.";
  }
  const fs::path example = fs::path(WRING_SOURCE_DIR) / "examples/pytorch";
  fs::copy_file(example / "train.py", programs.folder().path() / "train.py");
  std::string config = read_file(example / "config.yaml");
  programs.folder().write("config.yaml", config);

  const ChildResult result =
      programs.wring({"benchmark", "config.yaml", "--command", python() + " train.py --config {config}", "--rate-regex",
                      "([0-9.]+) samples/s", "--trial-seconds", "1s", "--budget", "60s", "--knobs", "none", "--set",
                      "base_channels=4", "num_blocks=1", "patch_size=32", "log_seconds=0.1"});
  // On a machine that others use a search may rightly find nothing; then there is nothing to look at here.
  if (result.err.find("the machine is disturbed") != std::string::npos) GTEST_SKIP() << result.err;
  ASSERT_EQ(result.exit_status, 0) << result.out << result.err;
  const json record = json::parse(programs.read("config_optimized.json"));
  bool own_ran = false, chosen_ran = false;
  for (const json& trial : record["trials"]) {
    if (trial["outcome"] == "cut_off") continue;  // with the budget
    EXPECT_EQ(trial["outcome"], "ok") << trial.dump();
    EXPECT_GT(trial["samples_per_s"], 0);
    own_ran = own_ran || trial["batch_size"] == 4;
    chosen_ran = chosen_ran || trial["batch_size"] == record["chosen_batch_size"];
  }
  EXPECT_TRUE(own_ran);
  EXPECT_TRUE(chosen_ran);
  const std::string written = programs.read("config_optimized.yaml");
  EXPECT_THAT(written, HasSubstr("batch_size: " + record["chosen_batch_size"].dump() + "\n"));
  EXPECT_THAT(written, HasSubstr("# a folder of images; empty: drawn ones\n"));
  EXPECT_EQ(programs.read("config.yaml"), config);
}

}  // namespace
}  // namespace wring
