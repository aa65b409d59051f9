#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>

#include "wring_train/data/batch_maker.h"
#include "wring_train/data/dataset.h"

namespace wring {

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

  // Epochs that have passed before batch `step`.
  double epochs_before(std::int64_t step) const;
  std::size_t image_count() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace wring
