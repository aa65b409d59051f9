#pragma once
#include <cstdint>

#include "wring_train/data/sampling.h"
#include "wring_train/image/stored_image.h"

namespace wring::kernels {

using wring::SampleDraw;
using wring::SamplerSettings;

// A decoded set that the device can read: its own memory, or page-locked host memory over the bus. `bytes` is aligned
// to 4, and up to 3 bytes behind the last image can be read.
struct ImagesView {
  const std::uint8_t* bytes = nullptr;
  const StoredImage* images = nullptr;
  std::uint32_t count = 0;
};

// Draws the samples of micro-batch *step (device memory, so that a captured graph follows it): the same images, corners
// and turns as BatchMaker on the host. `draws`: batch_size elements of device memory. At least one image must be
// usable.
void draw_samples(const ImagesView& images, const SamplerSettings& settings, const std::int64_t* step,
                  SampleDraw* draws, void* stream);

// Cuts and turns them: hr (batch, patch, patch, 3) and lr (batch, patch/scale, patch/scale, 3), RGB bytes, bit for bit
// what the host's loader makes. Either may be null.
void cut_samples(const ImagesView& images, const SamplerSettings& settings, const SampleDraw* draws, std::uint8_t* hr,
                 std::uint8_t* lr, void* stream);

}  // namespace wring::kernels
