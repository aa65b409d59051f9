#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "wring/base/text.h"
#include "wring_train/data/dataset.h"
#include "wring_train/data/decoded_set.h"
#include "wring_train/data/sampling.h"

namespace wring {

struct LoaderOptions {
  int batch_size = 1;
  int patch_size = 0;  // HR pixels, a multiple of scale
  int scale = 4;
  int num_workers = 0;             // 0: batches are made in next(), in the caller's thread
  int prefetch_factor = 2;         // finished batches kept ready per worker
  bool persistent_workers = true;  // false: worker threads end where an epoch begins, and start anew
  bool hflip = true;
  bool rotate = true;     // vertical flip and transpose, each with probability 1/2, as BasicSR's use_rot
  int enlarge_ratio = 1;  // every image counts this often in an epoch
  std::uint64_t seed = 0;
  std::int64_t first_step = 0;  // resume: the batch that next() gives first
  int rank = 0;                 // of world_size processes that share each batch of all among them
  int world_size = 1;
  // The images, decoded (the caller decides whether they fit). Without it, cache_decoded says whether the loader
  // decodes them itself before the first batch, or each file anew for every sample.
  std::shared_ptr<const DecodedSet> decoded;
  bool cache_decoded = true;
  // Batches have no bytes: the device cuts them by their step. Needs no workers.
  bool without_bytes = false;
  // Where batches live, for example pinned memory; the deleter travels with the pointer. Empty: ordinary
  // memory.
  std::function<std::shared_ptr<std::uint8_t>(std::size_t bytes)> allocate;
  // Called once per image that turns out corrupt or truncated while training, from any thread.
  std::function<void(const SkippedImage&)> on_skip;
  // What else the user should know, from any thread.
  std::function<void(const Text&)> note;
};

// One batch: RGB bytes, shape (batch, patch, patch, 3), the LR patches cut from the same places; null with
// without_bytes. A buffer is
// used again once its last owner lets go, so hold it until an asynchronous copy out of it has ended.
struct Batch {
  std::int64_t step = 0;  // counts batches since the start of training
  int size = 0;
  int hr_patch = 0;
  int lr_patch = 0;
  std::shared_ptr<std::uint8_t> hr;
  std::shared_ptr<std::uint8_t> lr;
};

// The same samples in `parts` micro-batches, in order, without a copy: where a whole batch does not fit into the
// memory. Micro-batch j of batch k is step k × parts + j. `parts` divides the batch's size.
std::vector<Batch> split(const Batch& batch, int parts);

// Random crops of an image set, for ever: batches cut from an endless stream of permutations of the images
// (sampling.h), of which one may begin in the middle of a batch. So any number of images fills any batch, and at any
// moment the images have been shown equally often, up to one. Batch k is a function of (seed, k) and the files alone:
// the number of workers changes only the speed. An image that turns out unusable is replaced by the next usable one of
// the permutation. An epoch is images × enlarge_ratio samples.
class Loader {
 public:
  // Throws Error{usage} when an option is out of range, or there is no image.
  Loader(ImageSet images, const LoaderOptions& options);
  ~Loader();
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  // The next batch; waits for the workers. Throws Error{failed} when no usable image is left. What a worker
  // throws is thrown here, in its batch's turn. For one thread at a time.
  Batch next();

  // Goes on with batch `step`, as a loader made with that first_step does: when training goes back to a checkpoint.
  void seek(std::int64_t step);

  // What decides the samples, for a device that cuts them.
  SamplerSettings sampler() const;
  // Epochs that have passed before batch `step`.
  double epochs_before(std::int64_t step) const;
  std::size_t image_count() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace wring
