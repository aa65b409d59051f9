// wring train: which engine runs and which loss is trained for, in the log and in the record, and when it is resumed.
#include "fixtures/pth_writer.h"
#include "train_fixture.h"

namespace wring {
namespace {

using namespace testing_support;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
namespace fs = std::filesystem;

class EngineOfTrain : public TrainTest {};

TEST_F(EngineOfTrain, TheRecordSaysWhatWasGivenAndTheLogWhatRunsAndWhy) {
  ASSERT_EQ(train({"--set", "total_iters=2"}).exit_status, 0);
  EXPECT_THAT(programs_.read("experiments/run/config.yaml"), HasSubstr("\ncompile_model: null\n"));
  EXPECT_THAT(programs_.read("experiments/run/train.log"), HasSubstr("step engine: eager (the CPU has no faster one)"));
  ASSERT_EQ(train({"--set", "total_iters=2", "compile_model=false", "experiment_name=eager"}).exit_status, 0);
  EXPECT_THAT(programs_.read("experiments/eager/config.yaml"), HasSubstr("\ncompile_model: false\n"));
  EXPECT_THAT(programs_.read("experiments/eager/train.log"), HasSubstr("step engine: eager (compile_model: false)"));
}

TEST_F(EngineOfTrain, ARunWithoutTheKeyGoesOnBitForBitFromItsConfigAndFromItsRecord) {
  const std::vector<std::string> whole{"--set", "scheduler=constant", "experiment_name=whole"};
  ASSERT_EQ(train(whole).exit_status, 0);
  for (const char* resumed_from : {"tiny.yaml", "experiments/parts/config.yaml"}) {
    ASSERT_EQ(train({"--set", "scheduler=constant", "experiment_name=parts", "total_iters=4"}).exit_status, 0);
    ASSERT_EQ(programs_
                  .wring({"train", resumed_from, "--device", "cpu", "--resume", "--set", "scheduler=constant",
                          "experiment_name=parts", "total_iters=6"})
                  .exit_status,
              0);
    EXPECT_EQ(programs_.read(checkpoint("last.safetensors", "parts")),
              programs_.read(checkpoint("last.safetensors", "whole")))
        << resumed_from;
  }
}

// VGG-19's convolutions as torch.save has them, all zeros.
std::string vgg_of_zeros() {
  using namespace pickled;
  std::string tensors;
  Storages storages;
  const auto add = [&](const std::string& name, const std::vector<std::int64_t>& sizes) {
    std::vector<std::int64_t> strides(sizes.size(), 1);
    for (std::size_t i = sizes.size(); i-- > 1;) strides[i - 1] = strides[i] * sizes[i];
    const std::int64_t elements = strides[0] * sizes[0];
    tensors += text(name) + tensor({.key = name, .elements = elements, .sizes = sizes, .strides = strides});
    storages.emplace_back(name, std::string(static_cast<std::size_t>(elements) * 4, '\0'));
  };
  std::int64_t in = 3;
  const std::pair<int, std::int64_t> layers[] = {{0, 64},   {2, 64},   {5, 128},  {7, 128},  {10, 256}, {12, 256},
                                                 {14, 256}, {16, 256}, {19, 512}, {21, 512}, {23, 512}, {25, 512},
                                                 {28, 512}, {30, 512}, {32, 512}, {34, 512}};
  for (const auto& [number, channels] : layers) {
    add("features." + std::to_string(number) + ".weight", {channels, in, 3, 3});
    add("features." + std::to_string(number) + ".bias", {channels});
    in = channels;
  }
  return pth_archive(call(global("collections", "OrderedDict"), ")") + "(" + tensors + "u", storages);
}

TEST_F(EngineOfTrain, TheFirstLineAboutThePerceptualLossSaysWhoseFeaturesItCompares) {
  programs_.set("TORCH_HOME", (programs_.folder().path() / "torch").string());
  const std::string weights = "torch/hub/checkpoints/vgg19-dcbb9e9d.pth";
  std::vector<std::string> run{"--set", "use_perceptual=true", "num_workers=0", "total_iters=2"};
  const auto first_line = [](const ChildResult& result) {
    EXPECT_EQ(result.exit_status, 0) << result.err;
    const std::size_t at = result.err.find("erceptual");
    return result.err.substr(at, result.err.find('\n', at) - at);
  };
  EXPECT_THAT(first_line(train(run)), AllOf(HasSubstr("random weights, because there is no"), HasSubstr(weights)));

  programs_.folder().write(weights, vgg_of_zeros());
  run.insert(run.end(), {"total_iters=4", "--resume"});
  const ChildResult resumed = train(run);
  EXPECT_THAT(first_line(resumed), AllOf(HasSubstr(weights + ", where PyTorch keeps them"), Not(HasSubstr("random"))));
  EXPECT_THAT(resumed.err, HasSubstr("warning: this run was begun with a VGG-19 of random weights"));

  run.insert(run.end(), {"--set", "total_iters=6"});
  EXPECT_THAT(train(run).err, Not(HasSubstr("was begun with"))) << "said once: the state has the trained ones now";
  run.insert(run.end(), {"--set", "total_iters=8", "perceptual_weights_file=random"});
  EXPECT_THAT(train(run).err, HasSubstr("warning: this run was begun with trained weights"));
}

TEST_F(EngineOfTrain, ADamagedFileOfWeightsIsAnErrorAndNoReasonForRandomOnes) {
  programs_.set("TORCH_HOME", (programs_.folder().path() / "torch").string());
  programs_.folder().write("torch/hub/checkpoints/vgg19-dcbb9e9d.pth", vgg_of_zeros().substr(0, 1 << 20));
  const ChildResult result = train({"--set", "use_perceptual=true"});
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.err, AllOf(HasSubstr("vgg19-dcbb9e9d.pth"), HasSubstr("truncated?")));
  EXPECT_FALSE(programs_.exists("experiments/run"));
}

}  // namespace
}  // namespace wring
