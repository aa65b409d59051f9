#include "wring_train/data/loader.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <limits>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace wring {

// Worker threads each make whole batches. They claim steps in order, at most prefetch_factor × num_workers
// ahead of the consumer, and put what they made (or what went wrong) into `made`, from which next() takes in
// order.
struct Loader::State {
  struct Made {
    std::optional<Batch> batch;
    std::exception_ptr error;
  };

  State(ImageSet images, const LoaderOptions& options)
      : maker(std::move(images), options),
        workers(options.without_bytes ? 0 : options.num_workers),
        window(std::int64_t{options.prefetch_factor} * workers),
        persistent(options.persistent_workers),
        next_step(options.first_step),
        unclaimed(options.first_step) {}

  ~State() { end_workers(); }

  BatchMaker maker;
  const int workers;
  const std::int64_t window;
  const bool persistent;

  std::atomic<bool> stop{false};
  std::mutex mutex;
  std::condition_variable room;    // for workers: the window moved, or stop
  std::condition_variable result;  // for next(): something was made
  std::int64_t next_step;          // the batch that next() gives
  std::int64_t unclaimed;          // the first batch that no worker has begun
  std::int64_t end = 0;            // workers end before this batch
  std::map<std::int64_t, Made> made;
  std::vector<std::jthread> threads;

  Batch next();
  void seek(std::int64_t step);
  void start_workers();
  void end_workers();
  void work();
  std::optional<std::int64_t> claim();
  Made make(std::int64_t step);
};

Batch Loader::State::next() {
  if (workers == 0) {
    Batch batch = *maker.make(next_step, stop);
    ++next_step;
    return batch;
  }
  if (next_step >= end) start_workers();
  std::unique_lock lock(mutex);
  result.wait(lock, [&] { return made.contains(next_step); });
  Made& front = made.at(next_step);
  if (front.error) std::rethrow_exception(front.error);  // stays: a broken loader says so each time it is asked
  Batch batch = std::move(*front.batch);
  made.erase(next_step);
  ++next_step;
  lock.unlock();
  room.notify_one();
  return batch;
}

void Loader::State::seek(std::int64_t step) {
  end_workers();
  stop = false;
  made.clear();
  next_step = unclaimed = step;
  end = step;  // next() starts workers
}

void Loader::State::start_workers() {
  room.notify_all();  // one may still wait for room, though the epoch's last batch is claimed
  threads.clear();    // joins the last epoch's
  end = persistent ? std::numeric_limits<std::int64_t>::max() : maker.next_epoch(next_step);
  for (int i = 0; i < workers; ++i) threads.emplace_back([this] { work(); });
}

void Loader::State::end_workers() {
  {
    const std::lock_guard lock(mutex);
    stop = true;
  }
  room.notify_all();
  threads.clear();
}

void Loader::State::work() {
  while (const auto step = claim()) {
    Made result_of_step = make(*step);
    {
      const std::lock_guard lock(mutex);
      made.emplace(*step, std::move(result_of_step));
    }
    result.notify_one();
  }
}

std::optional<std::int64_t> Loader::State::claim() {
  std::unique_lock lock(mutex);
  room.wait(lock, [&] { return stop || unclaimed >= end || unclaimed < next_step + window; });
  if (stop || unclaimed >= end) return std::nullopt;
  return unclaimed++;
}

Loader::State::Made Loader::State::make(std::int64_t step) {
  try {
    return {maker.make(step, stop), nullptr};
  } catch (...) {
    return {std::nullopt, std::current_exception()};
  }
}

Loader::Loader(ImageSet images, const LoaderOptions& options)
    : state_(std::make_unique<State>(std::move(images), options)) {}
Loader::~Loader() = default;

Batch Loader::next() {
  return state_->next();
}
void Loader::seek(std::int64_t step) {
  state_->seek(step);
}
double Loader::epochs_before(std::int64_t step) const {
  return state_->maker.epochs_before(step);
}
std::size_t Loader::image_count() const {
  return state_->maker.image_count();
}

}  // namespace wring
