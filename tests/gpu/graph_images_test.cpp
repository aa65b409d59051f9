// The graph engine draws its batches from images that lie on the device or in host memory.
#include "graph_engine_fixture.h"
#include "wring_train/engine/images.h"

namespace wring {
namespace {

using GraphImages = GraphEngineTest;

// Images of 100 pixels, LR 25, wherever they lie.
struct DrawnImages {
  static constexpr int kSide = 100;
  static constexpr int kLrSide = 25;
  static constexpr int kImages = 6;
  SamplerSettings settings;
  std::vector<Batch> batches;  // without bytes

  explicit DrawnImages(const TrainConfig& config) {
    settings.seed = 9;
    settings.batch_size = static_cast<int>(config.batch_size);
    settings.scale = 4;
    settings.patch_size = static_cast<int>(config.patch_size);
    for (int i = 0; i < 12; ++i) {
      Batch batch;
      batch.step = i;
      batch.size = settings.batch_size;
      batch.hr_patch = settings.patch_size;
      batch.lr_patch = settings.lr_patch();
      batches.push_back(batch);
    }
  }
  static std::shared_ptr<DeviceImages> set(DeviceImages::Place place) {
    const std::size_t hr_bytes = std::size_t{kImages} * kSide * kSide * 3;
    const std::size_t lr_bytes = std::size_t{kImages} * kLrSide * kLrSide * 3;
    const auto hr = wring::random_bytes(hr_bytes, 1);
    const auto lr = wring::random_bytes(lr_bytes, 2);
    std::vector<std::uint8_t> bytes(hr.get(), hr.get() + hr_bytes);
    bytes.insert(bytes.end(), lr.get(), lr.get() + lr_bytes);
    std::vector<StoredImage> images;
    for (std::uint64_t i = 0; i < kImages; ++i) {
      images.push_back({i * kSide * kSide * 3, hr_bytes + i * kLrSide * kLrSide * 3, kSide, kSide, kLrSide, kLrSide});
    }
    return std::make_shared<DeviceImages>(bytes, images, at::Device(at::kCUDA, 0), place);
  }
};

TEST_F(GraphImages, BatchesDrawnOnTheDeviceGiveTheSameLossesAsInTheEagerEngine) {
  for (const bool mixed : {false, true}) {
    TrainConfig config = small_config();
    config.use_mixed_precision = mixed;
    const DrawnImages drawn(config);
    const auto graph = engine(config, true);
    const auto eager = engine(config, false);
    graph->use_images(DrawnImages::set(DeviceImages::Place::device), drawn.settings);
    eager->use_images(DrawnImages::set(DeviceImages::Place::device), drawn.settings);
    const auto losses = train(*graph, drawn.batches, 8);
    EXPECT_LT(largest_relative_difference(losses, train(*eager, drawn.batches, 8)), mixed ? 1e-2 : 1e-5);
    EXPECT_NE(losses[0], losses[1]);
  }
}

TEST_F(GraphImages, ImagesInHostMemoryGiveTheSameStepsAsOnTheDeviceAlsoAfterAJump) {
  for (const int micro_batches : {1, 2}) {
    TrainConfig config = small_config();
    config.use_mixed_precision = true;
    const DrawnImages drawn(config);
    const auto on_device = engine(config, true);
    const auto on_host = engine(config, true);
    on_device->use_images(DrawnImages::set(DeviceImages::Place::device), drawn.settings);
    on_host->use_images(DrawnImages::set(DeviceImages::Place::pinned_host), drawn.settings);
    for (const int first : {0, 2, 4, 10, 6, 8}) {
      const std::span<const Batch> step(&drawn.batches[static_cast<std::size_t>(first)],
                                        static_cast<std::size_t>(micro_batches));
      on_device->step(step, 1e-4);
      on_host->step(step, 1e-4);
      const double loss = on_device->report().loss;
      EXPECT_NEAR(on_host->report().loss, loss, 1e-4 * loss) << "step from batch " << first;
    }
  }
}

}  // namespace
}  // namespace wring
