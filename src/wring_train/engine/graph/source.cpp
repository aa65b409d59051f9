#include "wring_train/engine/graph/source.h"

#include <ATen/ATen.h>
#include <ATen/cuda/CUDAContext.h>

#include "wring/base/error.h"
#include "wring_train/kernels/step/begin_step.h"

namespace wring {
namespace {

void* stream() {
  return at::cuda::getCurrentCUDAStream().stream();
}

at::Device device_of(const GraphState& state) {
  return state.vectors().parameters.device();
}

// A step's micro-batches follow each other, or the device would draw others than the host asked for.
void check_consecutive(std::span<const Batch> micro_batches) {
  for (std::size_t i = 1; i < micro_batches.size(); ++i) {
    if (micro_batches[i].step != micro_batches[0].step + static_cast<std::int64_t>(i)) {
      throw Error(ErrorCode::failed, "the micro-batches of a step are not consecutive");
    }
  }
}

class CopiedSource : public GraphSource {
 public:
  CopiedSource(const GraphBatches& batches, const GraphState& state)
      : GraphSource(batches, state),
        feed_(batches.size, batches.micro_batches, batches.hr_patch, batches.lr_patch, device_of(state)) {}

  void before(std::span<const Batch> micro_batches, std::int64_t step) override {
    feed_.copy(micro_batches, step, at::cuda::getCurrentCUDAStream());
  }
  void begin() override {
    kernels::begin_step_of_copies(state_.inputs(), state_.step_state(), batches_.samples(), GraphFeed::kSets,
                                  all_draws(), stream());
  }
  void after(std::int64_t step) override { feed_.used(step, at::cuda::getCurrentCUDAStream()); }
  kernels::ImagesView view() const override { return feed_.view(); }

 private:
  GraphFeed feed_;
};

class ResidentSource : public GraphSource {
 public:
  ResidentSource(const GraphBatches& batches, const GraphState& state, const DeviceImages& images,
                 const kernels::SamplerSettings& settings)
      : GraphSource(batches, state), images_(images.view()), settings_(settings) {}

  void before(std::span<const Batch> micro_batches, std::int64_t) override { check_consecutive(micro_batches); }
  void begin() override {
    kernels::begin_step(state_.inputs(), state_.step_state(), images_, settings_, batches_.micro_batches, 0,
                        all_draws(), stream());
  }
  kernels::ImagesView view() const override { return images_; }

 private:
  kernels::ImagesView images_;
  kernels::SamplerSettings settings_;
};

// Kernels that read single pixels over the bus would wait for it all the time. So each step cuts the next one's patches
// in one go, beside its own work; they move to their places when the step has done with its own.
class CutAheadSource : public GraphSource {
 public:
  CutAheadSource(const GraphBatches& batches, const GraphState& state, const DeviceImages& images,
                 const kernels::SamplerSettings& settings)
      : GraphSource(batches, state),
        images_(images.view()),
        settings_(settings),
        places_(batches.samples(), batches.hr_patch, batches.lr_patch, device_of(state)),
        ahead_(at::zeros_like(places_.bytes())),
        ahead_draws_(at::zeros_like(draws_)),
        beside_(device_of(state).index()) {}

  void before(std::span<const Batch> micro_batches, std::int64_t) override {
    check_consecutive(micro_batches);
    const std::int64_t first = micro_batches.front().step;
    if (expected_ != first) {  // the first step, or one after a jump
      cut(0, places_.bytes());
    }
    expected_ = first + batches_.micro_batches;
  }
  void begin() override {
    beside_.run([&] { cut(batches_.micro_batches, ahead_); });
    kernels::begin_step_of_copies(state_.inputs(), state_.step_state(), batches_.samples(), 1, all_draws(), stream());
  }
  void end() override {
    beside_.join();
    places_.bytes().copy_(ahead_);
  }
  void rewind() override { cut(0, places_.bytes()); }
  kernels::ImagesView view() const override { return places_.view(); }

 private:
  // The samples of the step that begins `later` micro-batches after the current one.
  void cut(int later, const at::Tensor& bytes) const {
    kernels::begin_step(state_.inputs(), state_.step_state(), images_, settings_, batches_.micro_batches, later,
                        draws_of(ahead_draws_), stream());
    kernels::SamplerSettings all = settings_;
    all.batch_size = batches_.samples();
    auto* base = bytes.mutable_data_ptr<std::uint8_t>();
    kernels::cut_samples(images_, all, draws_of(ahead_draws_), base, base + places_.lr_start(), stream());
  }

  kernels::ImagesView images_;
  kernels::SamplerSettings settings_;
  GraphPlaces places_;
  at::Tensor ahead_;
  at::Tensor ahead_draws_;
  SideStream beside_;
  std::int64_t expected_ = -1;
};

}  // namespace

GraphSource::GraphSource(const GraphBatches& batches, const GraphState& state)
    : batches_(batches),
      state_(state),
      draws_(at::zeros({batches.samples(), static_cast<std::int64_t>(sizeof(SampleDraw))},
                       at::TensorOptions(device_of(state)).dtype(at::kByte))) {}

SampleDraw* GraphSource::draws_of(const at::Tensor& draws) {
  return reinterpret_cast<SampleDraw*>(draws.mutable_data_ptr<std::uint8_t>());
}

const SampleDraw* GraphSource::draws(int micro_batch) const {
  return all_draws() + std::int64_t{micro_batch} * batches_.size;
}

std::unique_ptr<GraphSource> make_graph_source(const GraphBatches& batches, const GraphState& state,
                                               const DeviceImages* images, const kernels::SamplerSettings& settings) {
  if (!batches.drawn) return std::make_unique<CopiedSource>(batches, state);
  if (images == nullptr) {
    throw Error(ErrorCode::failed, "a batch without bytes, but no images on the device to cut it from");
  }
  if (images->place() == DeviceImages::Place::device) {
    return std::make_unique<ResidentSource>(batches, state, *images, settings);
  }
  return std::make_unique<CutAheadSource>(batches, state, *images, settings);
}

}  // namespace wring
