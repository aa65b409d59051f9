#include "wring_train/nn/checkpoint.h"

#include <fstream>

#include "nn_test.h"
#include "wring/files/files.h"

namespace wring {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing_nn::error_of;
using testing_nn::largest_difference;
using testing_nn::random_images;
using testing_nn::TemporaryFolder;

class Checkpoint : public testing::Test {
 protected:
  // Saves `tensors` and says why the file was not taken for an EDSR.
  std::string refusal(const std::vector<NamedTensor>& tensors) {
    save_tensors(path_, tensors, {});
    return error_of([&] { load_edsr(path_); });
  }

  TemporaryFolder folder_;
  std::filesystem::path path_ = folder_ / "net.safetensors";
  Edsr net_{EdsrShape{.channels = 8, .blocks = 3, .scale = 4}, 1};
};

TEST_F(Checkpoint, EveryTypeOfTensorComesBackBitForBit) {
  const auto x = random_images({2, 3, 5}, 1).sub(0.5).mul(200);
  std::vector<NamedTensor> tensors;
  for (const auto type :
       {at::kFloat, at::kDouble, at::kHalf, at::kBFloat16, at::kLong, at::kInt, at::kByte, at::kBool}) {
    tensors.push_back({at::toString(type), type == at::kByte ? x.abs().to(type) : x.to(type)});
  }
  tensors.push_back({"scalar", at::full({}, 7, at::kLong)});
  tensors.push_back({"empty", at::empty({0, 3})});
  save_tensors(path_, tensors, {{"step", "12"}});
  const auto loaded = load_tensors(path_);
  EXPECT_EQ(loaded.metadata.at("step"), "12");
  ASSERT_EQ(loaded.tensors.size(), tensors.size());
  for (const auto& [name, tensor] : tensors) {
    EXPECT_EQ(loaded.tensors.at(name).scalar_type(), tensor.scalar_type()) << name;
    EXPECT_TRUE(at::equal(loaded.tensors.at(name), tensor)) << name;
  }
}

TEST_F(Checkpoint, StridesAreNotPartOfTheFile) {
  const auto x = random_images({4, 3, 3, 3}, 2);
  const auto transposed = x.transpose(0, 2).contiguous().transpose(0, 2);
  save_tensors(path_, std::vector<NamedTensor>{{"x", transposed.contiguous(at::MemoryFormat::ChannelsLast)}}, {});
  const auto loaded = load_tensors(path_).tensors.at("x");
  EXPECT_TRUE(loaded.is_contiguous());
  EXPECT_TRUE(at::equal(loaded, x));
}

TEST_F(Checkpoint, LoadedTensorsOutliveTheFile) {
  save_tensors(path_, std::vector<NamedTensor>{{"x", at::arange(1000)}}, {});
  const auto loaded = load_tensors(path_);
  std::ofstream(path_, std::ios::trunc) << "gone";
  EXPECT_TRUE(at::equal(loaded.tensors.at("x"), at::arange(1000)));
}

TEST_F(Checkpoint, TwoTensorsOfOneNameAreRefused) {
  const std::vector<NamedTensor> twice = {{"x", at::zeros({1})}, {"x", at::ones({1})}};
  EXPECT_THAT(error_of([&] { save_tensors(path_, twice, {}); }), HasSubstr("\"x\""));
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(Checkpoint, ATypeOutsideTheFormatIsRefusedByName) {
  const std::vector<NamedTensor> complex = {{"phase", at::zeros({1}, at::kComplexFloat)}};
  EXPECT_THAT(error_of([&] { save_tensors(path_, complex, {}); }), HasSubstr("\"phase\""));
}

TEST_F(Checkpoint, AnEdsrComesBackWithItsShapeAndValues) {
  for (const std::int64_t scale : {1, 2, 3, 4, 8}) {
    const EdsrShape shape{.channels = 6, .blocks = 11, .scale = scale};
    const Edsr net(shape, 3);
    save_tensors(path_, net.parameters(), {});
    const auto loaded = load_edsr(path_);
    EXPECT_EQ(loaded.shape(), shape) << scale;
    const auto lr = random_images({1, 3, 4, 4}, 4);
    EXPECT_TRUE(at::equal(loaded.forward(lr), net.forward(lr))) << scale;
  }
}

TEST_F(Checkpoint, AModulePrefixIsAccepted) {
  auto tensors = net_.parameters();
  for (auto& tensor : tensors) {
    tensor.name = "module." + tensor.name;
  }
  save_tensors(path_, tensors, {});
  EXPECT_TRUE(at::equal(load_edsr(path_).tensors().back(), net_.tensors().back()));
}

TEST_F(Checkpoint, HalfPrecisionIsWidenedToFp32) {
  for (const auto type : {at::kBFloat16, at::kHalf, at::kDouble}) {
    auto tensors = net_.parameters();
    for (auto& tensor : tensors) {
      tensor.tensor = tensor.tensor.to(type);
    }
    save_tensors(path_, tensors, {});
    const auto loaded = load_edsr(path_);
    EXPECT_EQ(loaded.tensors()[0].scalar_type(), at::kFloat);
    EXPECT_TRUE(at::equal(loaded.tensors()[0], net_.tensors()[0].to(type).to(at::kFloat)));
  }
}

TEST_F(Checkpoint, AMissingTensorIsNamed) {
  auto tensors = net_.parameters();
  std::erase_if(tensors, [](const NamedTensor& t) { return t.name == "body.1.conv2.bias"; });
  EXPECT_THAT(refusal(tensors), AllOf(HasSubstr("net.safetensors"), HasSubstr("\"body.1.conv2.bias\" is missing"),
                                      HasSubstr("conv_after_body")));
}

TEST_F(Checkpoint, AHoleInTheBodyIsNoticed) {
  auto tensors = net_.parameters();
  std::erase_if(tensors, [](const NamedTensor& t) { return t.name.starts_with("body.1."); });
  EXPECT_THAT(refusal(tensors), HasSubstr("\"body.2.conv1.bias\" does not belong"));
}

TEST_F(Checkpoint, ASuperfluousTensorIsNamed) {
  auto tensors = net_.parameters();
  tensors.push_back({"attention.weight", at::zeros({1})});
  EXPECT_THAT(refusal(tensors), HasSubstr("\"attention.weight\" does not belong"));
}

TEST_F(Checkpoint, AWrongSizeIsNamedWithBothSizes) {
  auto tensors = net_.parameters();
  tensors[2].tensor = at::zeros({8, 8, 5, 5});
  EXPECT_THAT(refusal(tensors), HasSubstr("\"body.0.conv1.weight\" is 8×8×5×5, not 8×8×3×3"));
}

TEST_F(Checkpoint, WholeNumbersAreNotWeights) {
  auto tensors = net_.parameters();
  tensors[0].tensor = tensors[0].tensor.to(at::kInt);
  EXPECT_THAT(refusal(tensors), HasSubstr("\"conv_first.weight\" holds Int"));
}

TEST_F(Checkpoint, AnotherArchitectureIsToldWhatAnEdsrHolds) {
  const std::vector<NamedTensor> other = {{"head.0.weight", at::zeros({64, 3, 3, 3})}};
  EXPECT_THAT(refusal(other), AllOf(HasSubstr("\"conv_first.weight\" is missing"), HasSubstr("upsample.0")));
}

TEST_F(Checkpoint, AFileThatIsNoSafetensorsIsNamed) {
  write_file_atomically(path_, "not a checkpoint at all, but long enough for a header");
  EXPECT_THAT(error_of([&] { load_edsr(path_); }), HasSubstr("net.safetensors"));
}

}  // namespace
}  // namespace wring
