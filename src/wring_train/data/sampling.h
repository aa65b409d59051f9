#pragma once
#include <cstdint>

#include "wring_train/data/random.h"
#include "wring_train/image/stored_image.h"

// Which samples a training step shows: batches are cut from one endless stream, in which one permutation of the images
// follows the other. Everything here is constexpr, so that the loader on the host and the kernels on a device (nvcc
// --expt-relaxed-constexpr) compute it with the same code and cut the same patches.
namespace wring {

// Of the function from a step to its samples. A state of a run names it: one that was saved under another number goes
// on with other samples.
inline constexpr std::int64_t kSamplingVersion = 2;

// What, beside the images, decides the samples of a step.
struct SamplerSettings {
  std::uint64_t seed = 0;
  std::int32_t batch_size = 0;
  // Micro-batches that share a loader's batch: each has batch_size samples, one after the other.
  std::int32_t parts = 1;
  std::int32_t world_size = 1;
  std::int32_t rank = 0;  // of world_size processes that share each batch of all among them
  std::int32_t scale = 4;
  std::int32_t patch_size = 0;  // HR pixels, a multiple of scale
  bool hflip = true;
  bool rotate = true;  // vertical flip and transpose, each with probability 1/2, as BasicSR's use_rot

  constexpr std::uint64_t whole_batch() const {
    return static_cast<std::uint64_t>(batch_size) * static_cast<std::uint64_t>(parts);
  }
  // Of all processes.
  constexpr std::uint64_t global_batch() const { return whole_batch() * static_cast<std::uint64_t>(world_size); }
  constexpr std::int32_t lr_patch() const { return patch_size / scale; }
};

// Where a training sample is cut and how it is turned: LR pixels, the HR corner is (x, y) × scale. The flips are
// applied to the crop, then the transpose.
struct SampleCrop {
  int x = 0;
  int y = 0;
  bool hflip = false;
  bool vflip = false;
  bool transpose = false;
};

// One sample of a batch as kernels hand it on: the image, the corner in LR pixels, and how the crop is turned.
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

// The number in the stream of sample i of micro-batch `step`. Batch k of all processes is samples k·B … (k+1)·B − 1, of
// which each process takes its share, so that any number of them shows the same samples.
constexpr std::uint64_t sample_number(const SamplerSettings& settings, std::uint64_t step, std::uint64_t i) {
  const auto parts = static_cast<std::uint64_t>(settings.parts);
  i += step % parts * static_cast<std::uint64_t>(settings.batch_size);
  step /= parts;
  return step * settings.global_batch() + static_cast<std::uint64_t>(settings.rank) * settings.whole_batch() + i;
}

// The image of `count` that sample `number` shows: position number % count of permutation number / count. Where
// `usable(index)` is false, the next one of the permutation takes its place. `count` when there is none.
template <class Usable>
constexpr std::uint64_t find_image(std::uint64_t seed, std::uint64_t number, std::uint64_t count,
                                   const Usable& usable) {
  const std::uint64_t permutation = number / count;
  const std::uint64_t position = number % count;
  for (std::uint64_t probe = 0; probe < count; ++probe) {
    const std::uint64_t index = permuted_index(seed, permutation, (position + probe) % count, count);
    if (usable(index)) return index;
  }
  return count;
}

// The top bit keeps these streams apart from those of permuted_index, which are 4 × permutation + round.
constexpr std::uint64_t kCropXStream = 0x8000000000000000ULL;
constexpr std::uint64_t kCropYStream = 0x8000000000000001ULL;
constexpr std::uint64_t kTurnStream = 0x8000000000000002ULL;

// `sample` is its number in the stream, so that an image which stands twice in a batch is cut at two places. columns
// and rows are the numbers of places the corner can have: LR size − LR patch + 1.
constexpr SampleCrop draw_crop(std::uint64_t seed, std::uint64_t sample, std::uint32_t columns, std::uint32_t rows,
                               bool hflip, bool rotate) {
  const std::uint64_t turn = random_bits(seed, kTurnStream, sample);
  SampleCrop crop;
  crop.x = static_cast<int>(random_below(random_bits(seed, kCropXStream, sample), columns));
  crop.y = static_cast<int>(random_below(random_bits(seed, kCropYStream, sample), rows));
  crop.hflip = hflip && (turn & 1) != 0;
  crop.vflip = rotate && (turn & 2) != 0;
  crop.transpose = rotate && (turn & 4) != 0;
  return crop;
}

// Whether patches can be cut from an image of a decoded set.
constexpr bool usable(const StoredImage& image, const SamplerSettings& settings) {
  return image.hr_width >= settings.patch_size && image.hr_height >= settings.patch_size;
}

// How sample `number` is cut from image `index`, of hr_width × hr_height (multiples of the scale).
constexpr SampleDraw draw_from(const SamplerSettings& settings, std::uint64_t number, std::uint64_t index,
                               std::int32_t hr_width, std::int32_t hr_height) {
  const auto columns = static_cast<std::uint32_t>(hr_width / settings.scale - settings.lr_patch() + 1);
  const auto rows = static_cast<std::uint32_t>(hr_height / settings.scale - settings.lr_patch() + 1);
  const SampleCrop crop = draw_crop(settings.seed, number, columns, rows, settings.hflip, settings.rotate);
  SampleDraw draw;
  draw.image = static_cast<std::uint32_t>(index);
  draw.x = crop.x;
  draw.y = crop.y;
  draw.hflip = crop.hflip ? 1 : 0;
  draw.vflip = crop.vflip ? 1 : 0;
  draw.transpose = crop.transpose ? 1 : 0;
  return draw;
}

// Sample i of micro-batch `step` over a decoded set. At least one of the images must be usable.
constexpr SampleDraw draw_sample(const SamplerSettings& settings, const StoredImage* images, std::uint64_t count,
                                 std::uint64_t step, std::uint64_t i) {
  const std::uint64_t number = sample_number(settings, step, i);
  const std::uint64_t index = find_image(settings.seed, number, count,
                                         [&](std::uint64_t candidate) { return usable(images[candidate], settings); });
  return draw_from(settings, number, index, images[index].hr_width, images[index].hr_height);
}

struct PatchPixel {
  int x = 0;
  int y = 0;
};

// The pixel of the crop that stands at (x, y) of the turned patch.
constexpr PatchPixel turned_from(const SampleDraw& turn, int patch, int x, int y) {
  const int across = turn.transpose != 0 ? y : x;
  const int down = turn.transpose != 0 ? x : y;
  return {turn.hflip != 0 ? patch - 1 - across : across, turn.vflip != 0 ? patch - 1 - down : down};
}

}  // namespace wring
