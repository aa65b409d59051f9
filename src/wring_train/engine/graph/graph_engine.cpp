#include "wring_train/engine/graph/graph_engine.h"

#include <algorithm>
#include <array>
#include <limits>
#include <map>

#include <fmt/format.h>

#include <ATen/ATen.h>
#include <ATen/DeviceAccelerator.h>
#include <ATen/cuda/CUDAContext.h>
#include <ATen/cuda/CUDAEvent.h>
#include <c10/cuda/CUDAGuard.h>

#include "wring/base/error.h"
#include "wring/config/vgg_weights.h"
#include "wring_train/engine/eager/eager_engine.h"
#include "wring_train/engine/graph/autograd.h"
#include "wring_train/engine/graph/capture.h"
#include "wring_train/engine/graph/edsr.h"
#include "wring_train/engine/memory_error.h"

namespace wring {
namespace {

// The ring of inputs is written at most this many steps ahead: the host waits for an event of every 16th step.
constexpr std::int64_t kStepsPerEvent = 16;
constexpr std::int64_t kEvents = kernels::kStepRing / kStepsPerEvent;

class GraphEngine : public StepEngine {
 public:
  GraphEngine(const TrainConfig& config, Edsr model, at::Device device, std::optional<at::ScalarType> low_precision,
              std::function<void(const Text&)> note, Ranks& ranks)
      : config_(config),
        device_(device),
        low_precision_(low_precision),
        note_(std::move(note)),
        ranks_(ranks),
        obstacle_(fused_step_obstacle(config, low_precision)),
        stream_(c10::cuda::getStreamFromPool(false, device.index())) {
    const c10::cuda::CUDAStreamGuard guard(stream_);
    state_ = std::make_unique<GraphState>(config, std::move(model), device, low_precision,
                                          fused() ? FlatOrder::fused : FlatOrder::plain);
    if (config.use_perceptual) {
      perceptual_ = std::make_unique<PerceptualLoss>(find_vgg_weights(config), device, config.channels_last);
      note_(perceptual_->note());
    }
    if (!ranks_.alone()) connect();
    stream_.synchronize();
  }

  ~GraphEngine() override {
    // The buffers of steps that still run must not be given to others.
    cudaStreamSynchronize(stream_.stream());
  }
  GraphEngine(const GraphEngine&) = delete;
  GraphEngine& operator=(const GraphEngine&) = delete;

  std::string name() const override {
    if (fallback_) return fallback_->name();
    return fused() ? "graph, fused" : "graph";
  }

  const std::string& optimizer() const override { return config_.optimizer; }

  void use_images(std::shared_ptr<const DeviceImages> images, const kernels::SamplerSettings& settings) override {
    stream_.synchronize();
    captured_.clear();
    images_ = std::move(images);
    sampler_ = settings;
    if (fallback_) fallback_->use_images(images_, sampler_);
  }

  void step(std::span<const Batch> micro_batches, double lr) override {
    const GraphBatches batches = describe(micro_batches);
    // A smaller micro-batch may be captured where a larger one was not.
    if (fallback_ && batches.size < failed_size_) return_to_graphs();
    if (fallback_) return fallback_->step(micro_batches, lr);
    const c10::cuda::CUDAStreamGuard guard(stream_);
    wait_for_readers();
    try {
      replay(batches, micro_batches, lr);
      ++steps_;
    } catch (const c10::OutOfMemoryError&) {
      stream_.synchronize();
      captured_.clear();
      at::accelerator::emptyCache();
      throw step_out_of_memory(config_, batches.size, device_);
    } catch (const c10::Error& error) {
      if (captured_.contains(batches)) throw;  // it ran before, so capturing is not what failed
      fall_back(batches, error.what_without_backtrace());
      fallback_->step(micro_batches, lr);
    }
  }

  StepReport report() override {
    if (fallback_) return fallback_->report();
    stream_.synchronize();
    const kernels::StepOutputs& outputs = *state_->outputs();
    StepReport report;
    report.steps = steps_ - reported_steps_;
    report.skipped = outputs.skipped - reported_skipped_;
    report.unstable_in_row = outputs.unstable_in_row;
    report.gradient_norm = outputs.gradient_norm;
    if (low_precision_ == at::kHalf) report.loss_scale = outputs.loss_scale;
    const std::int64_t good = report.steps - report.skipped;
    if (good > 0) report.loss = (outputs.loss_sum - reported_loss_) / static_cast<double>(good);
    if (good == 0 && report.steps > 0) report.loss = std::numeric_limits<double>::quiet_NaN();
    reported_loss_ = outputs.loss_sum;
    reported_skipped_ = outputs.skipped;
    reported_steps_ = steps_;
    return report;
  }

  std::int64_t unstable_in_row() const override {
    if (fallback_) return fallback_->unstable_in_row();
    // The device may be writing it: what is read is this step's number or an earlier one's.
    return static_cast<const volatile kernels::StepOutputs*>(state_->outputs())->unstable_in_row;
  }

  std::int64_t replayed_memory_bytes() const override {
    std::int64_t bytes = 0;
    for (const auto& [batches, step] : captured_) bytes = std::max(bytes, step->replayed_bytes());
    return bytes;
  }

  const Edsr& model() const override {
    if (fallback_) return fallback_->model();
    let_others_read();
    return state_->model();
  }
  const Edsr& averaged() const override {
    if (fallback_) return fallback_->averaged();
    let_others_read();
    return state_->average();
  }
  std::vector<NamedTensor> state() const override {
    if (fallback_) return fallback_->state();
    let_others_read();
    return state_->save();
  }
  void load_state(const LoadedTensors& loaded, const std::filesystem::path& source) override {
    if (fallback_) return fallback_->load_state(loaded, source);
    let_others_read();
    state_->load(loaded, source);
    at::cuda::device_synchronize();
  }

 private:
  bool fused() const { return obstacle_.empty(); }

  // NCCL connects at the first message of a size, which should not be a captured one: it waits for all ranks.
  void connect() {
    const at::Tensor& all = state_->vectors().gradients_and_loss;
    const std::int64_t early = fused() ? early_gradients_from(state_->vectors().layout, config_.num_blocks) : 0;
    ranks_.mean(all.narrow(0, early, all.numel() - early));
    if (early > 0) ranks_.mean(all.narrow(0, 0, early));
  }

  // Others use the tensors on their streams: what they see is finished, and the next step waits for what they enqueue.
  void let_others_read() const {
    stream_.synchronize();
    read_by_others_ = true;
  }
  void wait_for_readers() {
    if (!read_by_others_) return;
    at::cuda::CUDAEvent done;
    done.record(at::cuda::getDefaultCUDAStream(device_.index()));
    done.block(stream_);
    read_by_others_ = false;
  }

  GraphBatches describe(std::span<const Batch> micro_batches) const {
    const Batch& first = micro_batches.front();
    GraphBatches batches;
    batches.drawn = first.hr == nullptr;
    batches.micro_batches = static_cast<int>(micro_batches.size());
    batches.size = batches.drawn ? sampler_.batch_size : first.size;
    batches.hr_patch = batches.drawn ? sampler_.patch_size : first.hr_patch;
    batches.lr_patch = batches.hr_patch / static_cast<int>(config_.scale_factor);
    return batches;
  }

  std::unique_ptr<CapturedStep> new_step(const GraphBatches& batches) {
    auto source = make_graph_source(batches, *state_, images_.get(), sampler_);
    const auto type = low_precision_ == at::kHalf ? kernels::LowType::fp16 : kernels::LowType::bf16;
    auto work =
        fused() ? make_fused_work(config_, state_->vectors(), type, batches.size, batches.lr_patch)
                : make_autograd_work(config_, state_->model(), state_->vectors(), low_precision_, perceptual_.get());
    return std::make_unique<CapturedStep>(config_, *state_, batches, std::move(source), std::move(work), ranks_);
  }

  // Every rank captures at the same step, and goes on with the outcome of the one where it went worst: a rank that
  // replayed alone would wait for the others' gradients for ever.
  void capture(const GraphBatches& batches, std::span<const Batch> micro_batches) {
    enum Outcome { captured, out_of_memory, impossible };
    Outcome outcome = captured;
    std::string why = "another rank cannot capture it";
    std::unique_ptr<CapturedStep> step;
    try {
      step = new_step(batches);
      step->source().before(micro_batches, steps_);
      step->capture();
    } catch (const c10::OutOfMemoryError&) {
      outcome = out_of_memory;
    } catch (const c10::Error& error) {
      outcome = impossible;
      why = error.what_without_backtrace();
    }
    const auto worst = static_cast<Outcome>(ranks_.highest(outcome));
    if (worst == captured) {
      captured_[batches] = std::move(step);
      return;
    }
    stream_.synchronize();
    step.reset();
    TORCH_CHECK_WITH(OutOfMemoryError, worst != out_of_memory, "the step does not fit");
    TORCH_CHECK(false, why);
  }

  void replay(const GraphBatches& batches, std::span<const Batch> micro_batches, double lr) {
    write_inputs(micro_batches, lr);
    auto found = captured_.find(batches);
    if (found != captured_.end()) {
      found->second->source().before(micro_batches, steps_);
    } else {
      capture(batches, micro_batches);
      found = captured_.find(batches);
    }
    found->second->replay();
    found->second->source().after(steps_);
  }

  void write_inputs(std::span<const Batch> micro_batches, double lr) {
    if (steps_ % kStepsPerEvent == 0) {
      const std::int64_t block = steps_ / kStepsPerEvent;
      events_[static_cast<std::size_t>(block % kEvents)].record(stream_);
      if (block >= 2) events_[static_cast<std::size_t>((block - 2) % kEvents)].synchronize();
    }
    state_->inputs()[steps_ % kernels::kStepRing] = {lr, micro_batches.front().step};
  }

  // From here on the eager engine goes on, from the state before this step.
  void fall_back(const GraphBatches& batches, const std::string& reason) {
    failed_size_ = batches.size;
    const std::string first_line = reason.substr(0, reason.find('\n'));
    note_({"the training step cannot be captured as a CUDA graph ({}); it goes on in the eager engine",
           "训练步无法捕获为 CUDA graph（{}），改用 eager 引擎", first_line});
    stream_.synchronize();
    const LoadedTensors now = on_host(state_->save());
    captured_.clear();
    fallback_ = std::make_unique<EagerEngine>(config_, state_->model(), device_, low_precision_, ranks_);
    fallback_->load_state(now, "the state before this step");
    if (images_) fallback_->use_images(images_, sampler_);
  }

  void return_to_graphs() {
    const LoadedTensors now = on_host(fallback_->state());
    fallback_.reset();
    state_->load(now, "the state before this step");
    at::cuda::device_synchronize();
  }

  static LoadedTensors on_host(const std::vector<NamedTensor>& state) {
    LoadedTensors copies;
    for (const NamedTensor& saved : state) copies.tensors[saved.name] = saved.tensor.to(at::kCPU, false, /*copy=*/true);
    return copies;
  }

  TrainConfig config_;
  at::Device device_;
  std::optional<at::ScalarType> low_precision_;
  std::function<void(const Text&)> note_;
  Ranks& ranks_;
  std::string obstacle_;  // why the fused step does not apply, or empty
  c10::cuda::CUDAStream stream_;
  std::unique_ptr<GraphState> state_;
  std::unique_ptr<PerceptualLoss> perceptual_;
  std::shared_ptr<const DeviceImages> images_;
  kernels::SamplerSettings sampler_;
  std::map<GraphBatches, std::unique_ptr<CapturedStep>> captured_;
  std::array<at::cuda::CUDAEvent, kEvents> events_;
  std::unique_ptr<EagerEngine> fallback_;
  int failed_size_ = 0;  // of the micro-batch that could not be captured
  mutable bool read_by_others_ = false;
  std::int64_t steps_ = 0;
  std::int64_t reported_steps_ = 0;
  std::int64_t reported_skipped_ = 0;
  double reported_loss_ = 0;
};

}  // namespace

std::unique_ptr<StepEngine> make_graph_engine(const TrainConfig& config, Edsr model, at::Device device,
                                              std::optional<at::ScalarType> low_precision,
                                              const std::function<void(const Text&)>& note, Ranks& ranks) {
  const std::string obstacle = fused_step_obstacle(config, low_precision);
  if (!obstacle.empty()) {
    note({"the step is captured as LibTorch computes it, without the fused kernels: " + obstacle,
          "训练步按 LibTorch 的算子捕获，不使用融合核：" + obstacle});
  }
  return std::make_unique<GraphEngine>(config, std::move(model), device, low_precision, note, ranks);
}

void release_workspaces() {
  at::cuda::clearCublasWorkspaces();
}

}  // namespace wring
