#include "wring_train/engine/faulty_engine.h"

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <utility>

#include <ATen/ATen.h>
#include <c10/core/CPUAllocator.h>

#include "wring/base/environment.h"

namespace wring {
namespace {

// Has no room, and says so as a GPU's allocator does.
class FullAllocator : public c10::Allocator {
 public:
  c10::DataPtr allocate(std::size_t /*bytes*/) override {
    C10_THROW_ERROR(OutOfMemoryError, "a test wants this step to find no memory");
  }
  void copy_data(void* dest, const void* src, std::size_t count) const override { default_copy_data(dest, src, count); }
};

// LibTorch finds no memory on the CPU while this lives.
class FullMemory {
 public:
  FullMemory() : before_(c10::GetCPUAllocator()) { c10::SetCPUAllocator(&full_); }
  ~FullMemory() { c10::SetCPUAllocator(before_); }
  FullMemory(const FullMemory&) = delete;
  FullMemory& operator=(const FullMemory&) = delete;

 private:
  FullAllocator full_;
  c10::Allocator* before_;
};

// The first convolution is NaN while this lives, and with it the loss and the gradients. A skipped step leaves the
// weights alone, so the old ones are the right ones afterwards.
class NanWeight {
 public:
  explicit NanWeight(const StepEngine& engine)
      : weight_(engine.model().parameters().front().tensor.detach()), before_(weight_.clone()) {
    weight_.fill_(std::numeric_limits<float>::quiet_NaN());
  }
  ~NanWeight() { weight_.copy_(before_); }
  NanWeight(const NanWeight&) = delete;
  NanWeight& operator=(const NanWeight&) = delete;

 private:
  at::Tensor weight_;
  at::Tensor before_;
};

std::int64_t steps_done(const StepEngine& engine) {
  const std::vector<NamedTensor> state = engine.state();
  return std::ranges::find(state, "optimizer.step", &NamedTensor::name)->tensor.item<std::int64_t>();
}

}  // namespace

Faults read_faults(const std::string& memory_limit, const std::string& nan_loss) {
  Faults faults;
  char* end = nullptr;
  if (!memory_limit.empty()) {
    Faults::MemoryLimit limit;
    limit.largest = std::strtoll(memory_limit.c_str(), &end, 10);
    if (*end == '@') limit.from_step = std::strtoll(end + 1, &end, 10);
    if (*end == '/') limit.rank = static_cast<int>(std::strtol(end + 1, nullptr, 10));
    faults.memory_limit = limit;
  }
  if (!nan_loss.empty()) {
    Faults::NanLoss nan;
    nan.first = std::strtoll(nan_loss.c_str(), &end, 10);
    nan.last = *end == '-' ? std::strtoll(end + 1, &end, 10) : nan.first;
    if (*end == ':') nan.above_lr = std::strtod(end + 1, nullptr);
    faults.nan_loss = nan;
  }
  return faults;
}

Faults faults_of_environment() {
  return read_faults(std::string(environment("WRING_TEST_OOM_ABOVE_BATCH").value_or("")),
                     std::string(environment("WRING_TEST_NAN_LOSS").value_or("")));
}

FaultyEngine::FaultyEngine(std::unique_ptr<StepEngine> engine, const Faults& faults, int rank)
    : engine_(std::move(engine)), faults_(faults), rank_(rank) {}

void FaultyEngine::step(std::span<const Batch> micro_batches, double lr) {
  const bool full = finds_no_memory(micro_batches);
  std::optional<NanWeight> nan;
  if (has_nan_loss(micro_batches, lr)) nan.emplace(*engine_);
  std::optional<FullMemory> memory;
  if (full) memory.emplace();
  engine_->step(micro_batches, lr);
}

bool FaultyEngine::finds_no_memory(std::span<const Batch> micro_batches) const {
  const auto& limit = faults_.memory_limit;
  if (!limit || (limit->rank && *limit->rank != rank_)) return false;
  return micro_batches.front().size > limit->largest && steps_done(*engine_) >= limit->from_step;
}

bool FaultyEngine::has_nan_loss(std::span<const Batch> micro_batches, double lr) const {
  const auto& nan = faults_.nan_loss;
  if (!nan || lr <= nan->above_lr) return false;
  return std::ranges::any_of(micro_batches,
                             [&](const Batch& batch) { return batch.step >= nan->first && batch.step <= nan->last; });
}

}  // namespace wring
