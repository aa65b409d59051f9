// Checkpoints travel between this code and a plain PyTorch network, in both directions.
#include <cstdlib>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/wait.h>

#include "nn_test.h"
#include "wring/files/files.h"
#include "wring_train/nn/checkpoint.h"

namespace wring {
namespace {

using testing_nn::largest_difference;
using testing_nn::random_images;
using testing_nn::TemporaryFolder;
namespace fs = std::filesystem;

std::string python() {
  if (const char* chosen = std::getenv("WRING_TEST_PYTHON")) {
    return chosen;
  }
  const fs::path own = fs::path(WRING_SOURCE_DIR) / ".venv/bin/python";
  return fs::exists(own) ? own.string() : "python3";
}

constexpr std::int64_t kScales[] = {1, 3, 4};

class PythonInterop : public testing::Test {
 protected:
  // Runs basicsr_edsr.py on the folder; skips the test where Python lacks the packages.
  void script(const std::string& verb, const std::string& arguments = "") {
    const int status =
        std::system(fmt::format("'{}' '{}' {} '{}' {}", python(), WRING_SOURCE_DIR "/tests/integration/basicsr_edsr.py",
                                verb, folder_.path().string(), arguments)
                        .c_str());
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
      GTEST_SKIP() << python() << " lacks torch, numpy or safetensors; WRING_TEST_PYTHON names another one.";
    }
    ASSERT_EQ(status, 0);
  }

  fs::path weights(std::int64_t scale) const { return folder_ / fmt::format("x{}.weights.safetensors", scale); }
  fs::path io(std::int64_t scale) const { return folder_ / fmt::format("x{}.io.safetensors", scale); }

  TemporaryFolder folder_;
};

TEST_F(PythonInterop, PyTorchLoadsOurCheckpointAndComputesTheSame) {
  for (const auto scale : kScales) {
    const Edsr net({.channels = 12, .blocks = 3, .scale = scale}, 21);
    save_tensors(weights(scale), net.parameters(), {{"made_by", "test"}});
    save_tensors(io(scale), std::vector<NamedTensor>{{"lr", random_images({2, 3, 9, 7}, 22)}}, {});
  }
  script("read");
  if (IsSkipped() || HasFatalFailure()) {
    return;
  }
  for (const auto scale : kScales) {
    const auto answers = load_tensors(io(scale)).tensors;
    const auto sr = load_edsr(weights(scale)).forward(answers.at("lr"));
    EXPECT_LT(largest_difference(answers.at("sr"), sr), 1e-4) << scale;
  }
}

TEST_F(PythonInterop, WeLoadPyTorchsCheckpointsComputeTheSameAndInitialiseTheSame) {
  script("write", "10 2 23 1 3 4");
  if (IsSkipped() || HasFatalFailure()) {
    return;
  }
  for (const auto scale : kScales) {
    const EdsrShape shape{.channels = 10, .blocks = 2, .scale = scale};
    const auto net = load_edsr(weights(scale));
    EXPECT_EQ(net.shape(), shape);
    const auto answers = load_tensors(io(scale)).tensors;
    EXPECT_LT(largest_difference(net.forward(answers.at("lr")), answers.at("sr")), 1e-4) << scale;
    const Edsr ours(shape, 23);
    for (std::size_t i = 0; i < net.parameters().size(); ++i) {
      EXPECT_LT(largest_difference(ours.tensors()[i], net.tensors()[i]), 1e-7) << net.parameters()[i].name;
    }
  }
}

class ImportPth : public PythonInterop {
 protected:
  // tools/import_pth.py; its output, and whether it succeeded.
  std::pair<bool, std::string> imported(const std::string& name, const std::string& options = "") const {
    const std::string command =
        fmt::format("'{}' '{}' '{}' '{}' {} >'{}' 2>&1", python(), WRING_SOURCE_DIR "/tools/import_pth.py",
                    (folder_ / (name + ".pth")).string(), (folder_ / (name + ".safetensors")).string(), options,
                    (folder_ / "said").string());
    const int status = std::system(command.c_str());
    return {status == 0, read_file(folder_ / "said")};
  }
  double difference(const std::string& name) const {
    const auto answers = load_tensors(folder_ / (name + ".io.safetensors")).tensors;
    return largest_difference(load_edsr(folder_ / (name + ".safetensors")).forward(answers.at("lr")), answers.at("sr"));
  }
};

TEST_F(ImportPth, TakesBasicSrsMovingAveragesAndItsResidualScale) {
  script("pth");
  if (IsSkipped() || HasFatalFailure()) return;
  const auto [done, said] = imported("net");
  ASSERT_TRUE(done) << said;
  EXPECT_THAT(said, testing::HasSubstr("8 channels and 2 blocks, from params_ema"));
  EXPECT_LT(difference("net"), 1e-4);
  ASSERT_TRUE(imported("half", "--res-scale 0.5").first);
  EXPECT_LT(difference("half"), 1e-4);
}

TEST_F(ImportPth, SaysWhatIsWrongWithAFileAndWritesNothing) {
  script("pth");
  if (IsSkipped() || HasFatalFailure()) return;
  write_file_atomically(folder_ / "damaged.pth", "PK not quite");
  for (const auto& [name, expected] : {std::pair{"other", "not BasicSR's EDSR"}, std::pair{"damaged", "cannot be read"},
                                       std::pair{"missing", "does not exist"}}) {
    const auto [done, said] = imported(name);
    EXPECT_FALSE(done);
    EXPECT_THAT(said, testing::HasSubstr(expected));
    EXPECT_FALSE(fs::exists(folder_ / (std::string(name) + ".safetensors")));
  }
}

}  // namespace
}  // namespace wring
