#include "wring_train/kernels/step/sample_batch.h"

#include <atomic>
#include <cstring>
#include <filesystem>

#include <unistd.h>

#include "gpu_test.h"
#include "wring/base/error.h"
#include "wring_train/data/loader.h"
#include "wring_train/engine/images.h"
#include "wring_train/engine/sampler.h"
#include "wring_train/kernels/available.h"

namespace wring {
namespace {
namespace fs = std::filesystem;

// Images of odd sizes, one of them damaged, decoded once; what the GPU cuts from them against the loader's batches.
class SampleBatch : public GpuTest {
 protected:
  void SetUp() override {
    GpuTest::SetUp();
    if (IsSkipped()) return;
    if (!kernels::available()) GTEST_SKIP() << "This build has no CUDA sources.";
    folder_ = fs::path(testing::TempDir()) / ("wring_sample_batch_" + std::to_string(::getpid()));
    fs::create_directories(folder_);
    const std::pair<int, int> sizes[] = {{211, 163}, {160, 301}, {97, 96}, {96, 131},
                                         {140, 140}, {333, 200}, {128, 97}};
    for (const auto& [width, height] : sizes) {
      const fs::path path = folder_ / (std::to_string(images_.pairs.size()) + ".png");
      Image image(width, height, images_.pairs.size() == 3 ? 1 : 3);
      const at::Tensor pixels = random_bytes({std::int64_t(image.pixels.size())}, 50 + images_.pairs.size());
      std::memcpy(image.pixels.data(), pixels.const_data_ptr(), image.pixels.size());
      write_png(path, image);
      images_.pairs.push_back({path, std::nullopt});
      images_.sizes.push_back({width, height});
    }
    fs::resize_file(images_.pairs[4].hr, 400);
  }
  void TearDown() override {
    if (!folder_.empty()) fs::remove_all(folder_);
  }

  static at::Tensor bytes_of(const std::shared_ptr<std::uint8_t>& bytes, std::int64_t batch, std::int64_t side) {
    return at::from_blob(bytes.get(), {batch, side, side, 3}, at::kByte).clone();
  }

  void expect_the_loaders_batches(LoaderOptions options, int steps) const {
    DecodeOptions decode;
    decode.scale = options.samples.scale;
    options.decoded = std::make_shared<const DecodedSet>(decode_to_memory(images_, decode));
    for (const auto place : {DeviceImages::Place::device, DeviceImages::Place::pinned_host}) {
      SCOPED_TRACE(testing::Message() << "scale " << options.samples.scale << ", patch " << options.samples.patch_size
                                      << ", rank " << options.samples.rank << ", place " << static_cast<int>(place));
      Loader host(images_, options);
      DeviceSampler device(std::make_shared<const DeviceImages>(options.decoded->bytes(), options.decoded->images(),
                                                                at::Device(at::kCUDA, 0), place),
                           options.samples, at::Device(at::kCUDA, 0));
      for (int step = 0; step < steps; ++step) {
        const Batch expected = host.next();
        const SampledBatch cut = device.cut(expected.step);
        ASSERT_TRUE(at::equal(cut.hr.cpu(), bytes_of(expected.hr, expected.size, expected.hr_patch)))
            << "step " << step;
        ASSERT_TRUE(at::equal(cut.lr.cpu(), bytes_of(expected.lr, expected.size, expected.lr_patch)))
            << "step " << step;
      }
      EXPECT_GT(host.epochs_before(steps), 2) << "the steps stay within too few permutations to show anything";
    }
  }

  static LoaderOptions options(int scale, int patch) {
    LoaderOptions options;
    options.samples.scale = scale;
    options.samples.patch_size = patch;
    options.samples.batch_size = 5;
    options.samples.seed = 17;
    return options;
  }

  fs::path folder_;
  ImageSet images_;
};

TEST_F(SampleBatch, EveryScaleGivesTheLoadersPatchesBitForBit) {
  for (const int scale : {1, 2, 3, 4, 8}) expect_the_loaders_batches(options(scale, 96), 24);
}

TEST_F(SampleBatch, PatchesThatAreNoMultipleOfATileAreWholeToo) {
  for (const int patch : {1, 3, 15, 17, 33, 63, 65, 79, 95}) expect_the_loaders_batches(options(1, patch), 16);
  expect_the_loaders_batches(options(3, 75), 16);
}

TEST_F(SampleBatch, SwitchedOffTurnsNeverHappen) {
  for (const bool hflip : {false, true}) {
    LoaderOptions with = options(4, 64);
    with.samples.hflip = hflip;
    with.samples.rotate = !hflip;
    expect_the_loaders_batches(with, 16);
  }
}

TEST_F(SampleBatch, EveryRankCutsItsOwnShare) {
  for (int rank = 0; rank < 3; ++rank) {
    LoaderOptions with = options(2, 48);
    with.samples.batch_size = 2;
    with.samples.rank = rank;
    with.samples.world_size = 3;
    expect_the_loaders_batches(with, 12);
  }
}

TEST_F(SampleBatch, ABatchLargerThanABlockOfThreadsIsDrawnWhole) {
  LoaderOptions with = options(4, 16);
  with.samples.batch_size = 300;
  expect_the_loaders_batches(with, 8);
}

TEST_F(SampleBatch, OneImageFillsEveryBatch) {
  images_.pairs.resize(1);
  images_.sizes.resize(1);
  LoaderOptions with = options(4, 96);
  with.samples.batch_size = 256;
  expect_the_loaders_batches(with, 4);
}

TEST_F(SampleBatch, EitherHalfCanBeLeftOut) {
  const LoaderOptions with = options(4, 32);
  DecodeOptions decode;
  const DecodedSet set = decode_to_memory(images_, decode);
  const DeviceImages images(set.bytes(), set.images(), at::Device(at::kCUDA, 0), DeviceImages::Place::device);
  const SamplerSettings settings = with.samples;
  const auto device = at::TensorOptions(at::kCUDA).dtype(at::kByte);
  const auto step = at::full({}, 3, device.dtype(at::kLong));
  const auto draws = at::empty({settings.batch_size, 16}, device);
  auto* drawn = reinterpret_cast<SampleDraw*>(draws.mutable_data_ptr<std::uint8_t>());
  kernels::draw_samples(images.view(), settings, step.const_data_ptr<std::int64_t>(), drawn, nullptr);
  const auto cut = [&](bool hr, bool lr) {
    const auto large = at::zeros({5, 32, 32, 3}, device), small = at::zeros({5, 8, 8, 3}, device);
    kernels::cut_samples(images.view(), settings, drawn, hr ? large.mutable_data_ptr<std::uint8_t>() : nullptr,
                         lr ? small.mutable_data_ptr<std::uint8_t>() : nullptr, nullptr);
    return std::pair{large.cpu(), small.cpu()};
  };
  const auto both = cut(true, true);
  EXPECT_TRUE(at::equal(cut(true, false).first, both.first));
  EXPECT_TRUE(at::equal(cut(false, true).second, both.second));
  EXPECT_FALSE(cut(false, true).first.any().item<bool>());
}

TEST_F(SampleBatch, ASetWithoutAUsableImageIsRefused) {
  const std::vector<std::uint8_t> bytes(64);
  const std::vector<StoredImage> none(3);
  EXPECT_THROW(DeviceImages(bytes, none, at::Device(at::kCUDA, 0), DeviceImages::Place::device), Error);
}

}  // namespace
}  // namespace wring
