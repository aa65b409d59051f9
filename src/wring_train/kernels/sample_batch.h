#pragma once
#include <cstdint>

#include "wring_train/data/stored_image.h"

namespace wring::kernels {

// A decoded set that the device can read: its own memory, or page-locked host memory over the bus.
struct ImagesView {
  const std::uint8_t* bytes = nullptr;
  const StoredImage* images = nullptr;
  std::uint32_t count = 0;
};

// What, beside the images, decides the samples of a step (data/sampling.h, data/batch_maker.h).
struct SamplerSettings {
  std::uint64_t seed = 0;
  std::uint64_t epoch_samples = 0;  // images × enlarge ratio
  std::int32_t batch_size = 0;
  std::int32_t world_size = 1;
  std::int32_t rank = 0;
  std::int32_t scale = 4;
  std::int32_t patch_size = 0;  // HR pixels
  bool hflip = true;
  bool rotate = true;
};

// One sample of a batch: the image, the corner in LR pixels, and how the crop is turned.
struct SampleDraw {
  std::uint32_t image = 0;
  std::int32_t x = 0;
  std::int32_t y = 0;
  std::uint8_t hflip = 0;
  std::uint8_t vflip = 0;
  std::uint8_t transpose = 0;
  std::uint8_t unused = 0;
};
static_assert(sizeof(SampleDraw) == 16);

// Draws the samples of micro-batch *step (device memory, so that a captured graph follows it): the same images, corners
// and turns as BatchMaker on the host. `draws`: batch_size elements of device memory.
void draw_samples(const ImagesView& images, const SamplerSettings& settings, const std::int64_t* step,
                  SampleDraw* draws, void* stream);

// Cuts and turns them: hr (batch, patch, patch, 3) and lr (batch, patch/scale, patch/scale, 3), RGB bytes, bit for bit
// what the host's loader makes. Either may be null.
void cut_samples(const ImagesView& images, const SamplerSettings& settings, const SampleDraw* draws, std::uint8_t* hr,
                 std::uint8_t* lr, void* stream);

}  // namespace wring::kernels
