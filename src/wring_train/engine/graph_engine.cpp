#include "wring_train/engine/graph_engine.h"

#include <array>
#include <cstring>
#include <map>
#include <tuple>

#include <fmt/format.h>

#include <ATen/ATen.h>
#include <ATen/DeviceAccelerator.h>
#include <ATen/cuda/CUDAContext.h>
#include <ATen/cuda/CUDAGraph.h>
#include <c10/core/GradMode.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAGuard.h>

#include "wring/base/error.h"
#include "wring_train/engine/device.h"
#include "wring_train/engine/eager_engine.h"
#include "wring_train/engine/graph_autograd.h"
#include "wring_train/engine/graph_edsr.h"
#include "wring_train/engine/graph_feed.h"
#include "wring_train/engine/saved_state.h"
#include "wring_train/kernels/begin_step.h"
#include "wring_train/kernels/pinned_memory.h"
#include "wring_train/kernels/update.h"

namespace wring {
namespace {

// The ring of inputs is written at most this many steps ahead: the host waits for an event of every 16th step.
constexpr std::int64_t kStepsPerEvent = 16;
constexpr std::int64_t kEvents = kernels::kStepRing / kStepsPerEvent;
constexpr auto kAggregate = static_cast<std::size_t>(at::CachingAllocator::StatType::AGGREGATE);
constexpr float kFirstLossScale = 65536;  // as engine/loss_scaler.cpp

template <typename T>
T* bytes_as(const at::Tensor& bytes) {
  return reinterpret_cast<T*>(bytes.mutable_data_ptr<std::uint8_t>());
}

kernels::UpdateSettings update_settings(const TrainConfig& config) {
  kernels::UpdateSettings settings;
  settings.weight_decay = static_cast<float>(config.weight_decay);
  settings.ema = static_cast<float>(config.ema_decay);
  if (config.optimizer == "adam") settings.rule = kernels::UpdateRule::adam;
  if (config.optimizer == "adan") settings.rule = kernels::UpdateRule::adan;
  const AdamConstants constants = adam_constants(config.optimizer);
  settings.beta1 = static_cast<float>(constants.beta1);
  settings.beta2 = static_cast<float>(constants.beta2);
  settings.beta3 = static_cast<float>(constants.beta3);
  settings.epsilon = static_cast<float>(constants.epsilon);
  return settings;
}

// One captured step: for batches of one shape, from one source.
struct CapturedStep {
  std::unique_ptr<GraphFeed> feed;  // for batches with bytes
  kernels::ImagesView images;
  int batch_size = 0;
  int hr_patch = 0;
  int lr_patch = 0;
  int micro_batches = 1;
  at::Tensor draws;
  std::unique_ptr<GraphWork> work;
  std::vector<at::Tensor> tables;  // each micro-batch's sources and chunks, on the device
  std::vector<at::Tensor> host_tables;
  at::Tensor norm_partials, loss_partials;
  at::cuda::CUDAGraph graph;
  std::int64_t replayed_bytes = 0;  // of activations and gradients, which exist only during replays
  bool ready = false;
};

class GraphEngine : public StepEngine {
 public:
  GraphEngine(const TrainConfig& config, Edsr model, at::Device device, std::optional<at::ScalarType> low_precision,
              std::function<void(const Text&)> note)
      : config_(config),
        device_(device),
        low_precision_(low_precision),
        note_(std::move(note)),
        fused_(fused_step_obstacle(config, low_precision).empty()),
        stream_(c10::cuda::getStreamFromPool(false, device.index())),
        model_(std::move(model)),
        average_(model_) {
    const c10::cuda::CUDAStreamGuard guard(stream_);
    allocate();
    if (config.use_perceptual) {
      perceptual_ = std::make_unique<PerceptualLoss>(config.perceptual_weights_file, device, config.channels_last);
      note_(perceptual_->note());
    }
    stream_.synchronize();
  }

  std::string name() const override {
    if (fallback_) return fallback_->name();
    return fused_ ? "graph, fused" : "graph";
  }

  void use_images(std::shared_ptr<const DeviceImages> images, const kernels::SamplerSettings& settings) override {
    images_ = std::move(images);
    sampler_ = settings;
    captured_.clear();
    if (fallback_) fallback_->use_images(images_, sampler_);
  }

  void step(std::span<const Batch> micro_batches, double lr) override {
    if (fallback_) return fallback_->step(micro_batches, lr);
    const c10::cuda::CUDAStreamGuard guard(stream_);
    wait_for_readers();
    try {
      enqueue_step(micro_batches, lr);
    } catch (const c10::OutOfMemoryError&) {
      captured_.clear();
      throw out_of_memory(micro_batches.front().size);
    }
    ++steps_;
  }

  StepReport report() override {
    if (fallback_) return fallback_->report();
    stream_.synchronize();
    StepReport report;
    report.steps = steps_ - reported_steps_;
    if (report.steps > 0) {
      report.loss = (outputs()->loss_sum - reported_loss_) / static_cast<double>(report.steps);
      report.gradient_norm = outputs()->gradient_norm;
    }
    reported_loss_ = outputs()->loss_sum;
    reported_steps_ = steps_;
    return report;
  }

  std::int64_t replayed_memory_bytes() const override {
    if (fallback_) return fallback_->replayed_memory_bytes();
    std::int64_t bytes = 0;
    for (const auto& [shape, step] : captured_) bytes = std::max(bytes, step->replayed_bytes);
    return bytes;
  }

  const Edsr& model() const override {
    if (fallback_) return fallback_->model();
    let_others_read();
    return model_;
  }
  const Edsr& averaged() const override {
    if (fallback_) return fallback_->averaged();
    let_others_read();
    return config_.ema_decay > 0 ? average_ : model_;
  }

  std::vector<NamedTensor> state() const override {
    if (fallback_) return fallback_->state();
    let_others_read();
    std::vector<NamedTensor> state;
    for (const Saved& saved : saved_vectors()) {
      const std::vector<at::Tensor> views = vectors_.layout.views(saved.flat);
      for (std::size_t i = 0; i < views.size(); ++i) {
        state.push_back({saved.prefix + model_.parameters()[i].name, views[i]});
      }
    }
    const kernels::StepState now = read_state();
    if (low_precision_ == at::kHalf) {
      state.push_back({"scaler.scale", at::scalar_tensor(now.loss_scale, at::kFloat)});
      state.push_back({"scaler.growth_tracker", at::scalar_tensor(now.growth, at::kInt)});
    }
    state.push_back({"optimizer.step", at::scalar_tensor(now.updates, at::kLong)});
    return state;
  }

  void load_state(const LoadedTensors& loaded, const std::filesystem::path& source) override {
    if (fallback_) return fallback_->load_state(loaded, source);
    let_others_read();
    const c10::NoGradGuard no_grad;
    const SavedState saved_state(loaded, source);
    for (const Saved& saved : saved_vectors()) {
      const std::vector<at::Tensor> views = vectors_.layout.views(saved.flat);
      for (std::size_t i = 0; i < views.size(); ++i) {
        saved_state.restore(views[i], saved.prefix + model_.parameters()[i].name);
      }
    }
    kernels::StepState state = read_state();
    if (low_precision_ == at::kHalf) {
      state.loss_scale = saved_state.find("scaler.scale").item<float>();
      state.growth = saved_state.find("scaler.growth_tracker").item<std::int32_t>();
    }
    state.updates = saved_state.find("optimizer.step").item<std::int64_t>();
    write_state(state);
    if (vectors_.low.defined()) vectors_.low.copy_(vectors_.parameters);
    at::cuda::device_synchronize();
  }

 private:
  void allocate() {
    const auto fp32 = at::TensorOptions(device_).dtype(at::kFloat);
    FlatVectors& v = vectors_;
    v.layout = flat_layout(model_.shape(), fused_ ? FlatOrder::fused : FlatOrder::plain, config_.channels_last);
    const auto vector = [&] { return at::zeros({v.layout.size}, fp32); };
    v.parameters = vector();
    v.gradients = vector();
    v.exp_avg = vector();
    v.exp_avg_sq = vector();
    if (config_.optimizer == "adan") {
      v.exp_avg_diff = vector();
      v.previous_gradients = vector();
    }
    model_.to(device_, config_.channels_last);
    place(model_, v.parameters);
    if (config_.ema_decay > 0) {
      average_.to(device_, config_.channels_last);
      v.averages = vector();
      place(average_, v.averages);
    }
    model_.requires_grad(!fused_);
    if (fused_) {
      v.low = v.parameters.to(*low_precision_);
    }
    state_ = at::zeros({static_cast<std::int64_t>(sizeof(kernels::StepState))}, fp32.dtype(at::kByte));
    kernels::StepState state;
    if (low_precision_ == at::kHalf) state.loss_scale = kFirstLossScale;
    write_state(state);
    inputs_ = kernels::pinned_memory(sizeof(kernels::StepInputs) * kernels::kStepRing);
    outputs_ = kernels::pinned_memory(sizeof(kernels::StepOutputs));
    if (inputs_ == nullptr || outputs_ == nullptr) {
      throw Error(ErrorCode::failed, "the system lets this program page-lock no memory", "see `ulimit -l`");
    }
    new (inputs_.get()) kernels::StepInputs[kernels::kStepRing];
    new (outputs_.get()) kernels::StepOutputs;
  }

  // Moves the parameters into the flat vector, of which they become views.
  void place(Edsr& model, const at::Tensor& flat) {
    const std::vector<at::Tensor> views = vectors_.layout.views(flat);
    for (std::size_t i = 0; i < views.size(); ++i) {
      at::Tensor& parameter = model.parameters()[i].tensor;
      views[i].copy_(parameter.detach());
      parameter = views[i].detach();
    }
  }

  struct Saved {
    const char* prefix;
    at::Tensor flat;
  };
  std::vector<Saved> saved_vectors() const {
    std::vector<Saved> saved{{"model.", vectors_.parameters},
                             {"exp_avg.", vectors_.exp_avg},
                             {"exp_avg_sq.", vectors_.exp_avg_sq}};
    if (config_.ema_decay > 0) saved.push_back({"ema.", vectors_.averages});
    if (vectors_.exp_avg_diff.defined()) {
      saved.push_back({"exp_avg_diff.", vectors_.exp_avg_diff});
      saved.push_back({"previous_gradient.", vectors_.previous_gradients});
    }
    return saved;
  }

  kernels::StepState* device_state() const { return bytes_as<kernels::StepState>(state_); }
  kernels::StepOutputs* outputs() const { return reinterpret_cast<kernels::StepOutputs*>(outputs_.get()); }
  kernels::StepInputs* inputs() const { return reinterpret_cast<kernels::StepInputs*>(inputs_.get()); }

  kernels::StepState read_state() const {
    kernels::StepState state;
    C10_CUDA_CHECK(cudaMemcpy(&state, device_state(), sizeof(state), cudaMemcpyDeviceToHost));
    return state;
  }
  void write_state(const kernels::StepState& state) {
    C10_CUDA_CHECK(cudaMemcpy(device_state(), &state, sizeof(state), cudaMemcpyHostToDevice));
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

  void enqueue_step(std::span<const Batch> micro_batches, double lr) {
    CapturedStep& step = step_for(micro_batches);
    write_inputs(micro_batches, lr);
    if (step.feed) step.feed->copy(micro_batches, steps_, stream_);
    if (step.ready) {
      step.graph.replay();
    } else if (!capture(step, micro_batches, lr)) {
      return;
    }
    if (step.feed) step.feed->used(steps_, stream_);
  }

  CapturedStep& step_for(std::span<const Batch> micro_batches) {
    const Batch& first = micro_batches.front();
    const bool on_device = first.hr == nullptr;
    if (on_device && images_ == nullptr) {
      throw Error(ErrorCode::failed, "a batch without bytes, but no images on the device to cut it from");
    }
    const auto count = static_cast<int>(micro_batches.size());
    const int size = on_device ? sampler_.batch_size : first.size;
    const int hr_patch = on_device ? sampler_.patch_size : first.hr_patch;
    auto& step = captured_[{on_device, count, size, hr_patch}];
    if (step) return *step;
    step = std::make_unique<CapturedStep>();
    step->batch_size = size;
    step->hr_patch = hr_patch;
    step->lr_patch = hr_patch / static_cast<int>(config_.scale_factor);
    step->micro_batches = count;
    if (on_device) {
      step->images = images_->view();
    } else {
      step->feed = std::make_unique<GraphFeed>(size, count, hr_patch, step->lr_patch, device_);
      step->images = step->feed->view();
    }
    const auto bytes = at::TensorOptions(device_).dtype(at::kByte);
    step->draws = at::zeros({count, size, static_cast<std::int64_t>(sizeof(SampleDraw))}, bytes);
    if (fused_) {
      const auto type = low_precision_ == at::kHalf ? kernels::LowType::fp16 : kernels::LowType::bf16;
      step->work = make_fused_work(config_, vectors_, type, size, step->lr_patch);
    } else {
      step->work = make_autograd_work(config_, model_, vectors_, low_precision_, perceptual_.get());
    }
    return *step;
  }

  void write_inputs(std::span<const Batch> micro_batches, double lr) {
    if (steps_ % kStepsPerEvent == 0) {
      const std::int64_t block = steps_ / kStepsPerEvent;
      events_[static_cast<std::size_t>(block % kEvents)].record(stream_);
      if (block >= 2) events_[static_cast<std::size_t>((block - 2) % kEvents)].synchronize();
    }
    inputs()[steps_ % kernels::kStepRing] = {lr, micro_batches.front().step};
  }

  // Runs the step once as it is, so that libraries choose their algorithms, takes it back, and captures it. False when
  // that failed, and the step was done by the eager engine instead.
  bool capture(CapturedStep& step, std::span<const Batch> micro_batches, double lr) {
    try {
      const std::vector<at::Tensor> before = snapshot();
      record(step, /*capturing=*/false);
      stream_.synchronize();
      restore(before);
      const c10::cuda::CUDAStreamGuard guard(stream_);
      const std::int64_t before_bytes = allocated_bytes();
      reset_peak_memory(device_);
      step.graph.capture_begin({0, 0}, cudaStreamCaptureModeThreadLocal);
      try {
        record(step, /*capturing=*/true);
      } catch (...) {
        try {
          step.graph.capture_end();
        } catch (const c10::Error&) {
          cudaGetLastError();  // the first error is the one to report
        }
        throw;
      }
      step.graph.capture_end();
      step.replayed_bytes = peak_allocated_bytes() - std::min(before_bytes, allocated_bytes());
    } catch (const c10::OutOfMemoryError&) {
      throw;
    } catch (const c10::Error& error) {
      return fall_back(error.what_without_backtrace(), micro_batches, lr);
    }
    upload_tables(step);
    step.ready = true;
    step.graph.replay();
    return true;
  }

  std::int64_t allocated_bytes() const {
    return memory_stats().allocated_bytes[kAggregate].current;
  }
  std::int64_t peak_allocated_bytes() const {
    return memory_stats().allocated_bytes[kAggregate].peak;
  }
  c10::CachingDeviceAllocator::DeviceStats memory_stats() const {
    return at::accelerator::getDeviceStats(device_.index());
  }

  bool fall_back(const std::string& reason, std::span<const Batch> micro_batches, double lr) {
    const std::string first_line = reason.substr(0, reason.find('\n'));
    note_({fmt::format("the training step cannot be captured as a CUDA graph ({}); it goes on in the eager engine",
                       first_line),
           fmt::format("训练步无法捕获为 CUDA graph（{}），改用 eager 引擎", first_line)});
    LoadedTensors now;
    for (NamedTensor& saved : state()) now.tensors[saved.name] = saved.tensor.to(at::kCPU);
    captured_.clear();
    fallback_ = std::make_unique<EagerEngine>(config_, model_, device_, low_precision_);
    fallback_->load_state(now, "the state before this step");
    if (images_) fallback_->use_images(images_, sampler_);
    fallback_->step(micro_batches, lr);
    return false;
  }

  std::vector<at::Tensor> snapshot() const {
    std::vector<at::Tensor> copies{state_.clone()};
    for (const Saved& saved : saved_vectors()) copies.push_back(saved.flat.clone());
    return copies;
  }
  void restore(const std::vector<at::Tensor>& copies) {
    const c10::NoGradGuard no_grad;
    state_.copy_(copies.front());
    const std::vector<Saved> saved = saved_vectors();
    for (std::size_t i = 0; i < saved.size(); ++i) saved[i].flat.copy_(copies[i + 1]);
    if (vectors_.low.defined()) vectors_.low.copy_(vectors_.parameters);
  }

  // Enqueues the whole step.
  void record(CapturedStep& step, bool capturing) {
    auto* draws = bytes_as<SampleDraw>(step.draws);
    void* stream = stream_.stream();
    if (step.feed) {
      kernels::begin_step_of_copies(inputs(), device_state(), step.batch_size, step.micro_batches, draws, stream);
    } else {
      kernels::begin_step(inputs(), device_state(), step.images, sampler_, step.micro_batches, draws, stream);
    }
    step.tables.resize(static_cast<std::size_t>(step.micro_batches));
    step.host_tables.resize(step.tables.size());
    for (int m = 0; m < step.micro_batches; ++m) {
      const MicroBatch batch{step.images,  draws + std::int64_t{m} * step.batch_size, step.batch_size, step.lr_patch,
                             step.hr_patch, 1.0F / static_cast<float>(step.micro_batches)};
      const MicroBatchResult result = step.work->enqueue(batch, device_state());
      collect(step, m, result, capturing);
    }
    kernels::update_parameters(update_vectors(), vectors_.layout.size, update_settings(config_), device_state(), stream);
  }

  // Sums the micro-batch's gradients up; after the last one everything that the update needs is decided.
  void collect(CapturedStep& step, int m, const MicroBatchResult& result, bool capturing) {
    const kernels::GradientSources sources = place_tables(step, m, result, capturing);
    auto* gradients = vectors_.gradients.mutable_data_ptr<float>();
    if (!step.norm_partials.defined()) {
      step.norm_partials = at::zeros({sources.chunk_count}, vectors_.parameters.options());
      step.loss_partials = at::zeros({step.micro_batches, result.loss_partials.numel()}, vectors_.parameters.options());
    }
    at::Tensor losses = result.loss_partials;
    if (step.micro_batches > 1) {
      step.loss_partials[m].copy_(losses);
      losses = step.loss_partials;
    }
    if (m + 1 < step.micro_batches) {
      kernels::collect_gradients(sources, gradients, m > 0, stream_.stream());
      return;
    }
    const AdamConstants constants = adam_constants(config_.optimizer);
    kernels::FinishSettings settings;
    settings.clip = config_.grad_clip;
    settings.beta1 = constants.beta1;
    settings.beta2 = constants.beta2;
    settings.beta3 = constants.beta3;
    settings.scaled = low_precision_ == at::kHalf;
    kernels::finish_gradients(sources, gradients, m > 0, step.norm_partials.mutable_data_ptr<float>(),
                              losses.const_data_ptr<float>(), static_cast<int>(losses.numel()), settings, device_state(), outputs(),
                              stream_.stream());
  }

  // The list of gradients in device memory. While capturing it is only written down; upload_tables() sends it.
  kernels::GradientSources place_tables(CapturedStep& step, int m, const MicroBatchResult& result, bool capturing) {
    std::vector<kernels::GradientChunk> chunks;
    for (std::size_t s = 0; s < result.sources.size(); ++s) {
      const kernels::GradientSource& source = result.sources[s];
      const std::int32_t size = kernels::chunk_size(source.slabs);
      for (int first = 0; first < source.count; first += size) chunks.push_back({static_cast<std::int32_t>(s), first});
    }
    const std::size_t source_bytes = sizeof(kernels::GradientSource) * result.sources.size();
    const std::size_t chunk_bytes = sizeof(kernels::GradientChunk) * chunks.size();
    const auto index = static_cast<std::size_t>(m);
    at::Tensor host = at::empty({static_cast<std::int64_t>(source_bytes + chunk_bytes)}, at::kByte);
    std::memcpy(host.mutable_data_ptr(), result.sources.data(), source_bytes);
    std::memcpy(host.mutable_data_ptr<std::uint8_t>() + source_bytes, chunks.data(), chunk_bytes);
    if (!step.tables[index].defined()) step.tables[index] = at::empty(host.sizes(), state_.options());
    step.host_tables[index] = host;
    if (!capturing) step.tables[index].copy_(host);
    const auto* base = step.tables[index].const_data_ptr<std::uint8_t>();
    return {reinterpret_cast<const kernels::GradientSource*>(base),
            reinterpret_cast<const kernels::GradientChunk*>(base + source_bytes),
            static_cast<std::int32_t>(chunks.size())};
  }
  void upload_tables(CapturedStep& step) {
    for (std::size_t m = 0; m < step.tables.size(); ++m) step.tables[m].copy_(step.host_tables[m]);
    stream_.synchronize();
  }

  kernels::UpdateVectors update_vectors() const {
    const auto pointer = [](const at::Tensor& vector) {
      return vector.defined() ? vector.mutable_data_ptr<float>() : nullptr;
    };
    kernels::UpdateVectors v;
    v.parameters = pointer(vectors_.parameters);
    v.gradients = pointer(vectors_.gradients);
    v.exp_avg = pointer(vectors_.exp_avg);
    v.exp_avg_sq = pointer(vectors_.exp_avg_sq);
    v.exp_avg_diff = pointer(vectors_.exp_avg_diff);
    v.previous_gradients = pointer(vectors_.previous_gradients);
    v.averages = pointer(vectors_.averages);
    v.low = vectors_.low.defined() ? vectors_.low.mutable_data_ptr() : nullptr;
    v.low_type = low_precision_ == at::kHalf ? kernels::LowType::fp16 : kernels::LowType::bf16;
    return v;
  }

  Error out_of_memory(int batch_size) const {
    const auto memory = [&] {
      std::size_t free = 0;
      std::size_t total = 0;
      cudaMemGetInfo(&free, &total);
      return total >> 20;
    }();
    return {ErrorCode::failed,
            {fmt::format("a training step with batch_size {} and patch_size {} needs more than this GPU's {} MiB of memory",
                         batch_size, config_.patch_size, memory),
             fmt::format("batch_size {}、patch_size {} 的训练步超出了本 GPU 的 {} MiB 显存", batch_size,
                         config_.patch_size, memory)},
            {fmt::format("set batch_size to {} and gradient_accumulation_steps to {} (the same effective batch), or "
                         "lower patch_size",
                         std::max(1, batch_size / 2), 2 * config_.gradient_accumulation_steps),
             fmt::format("把 batch_size 设为 {}、gradient_accumulation_steps 设为 {}（等效批量不变），或减小 patch_size",
                         std::max(1, batch_size / 2), 2 * config_.gradient_accumulation_steps)}};
  }

  using Shape = std::tuple<bool, int, int, int>;  // drawn on the device, micro-batches, batch size, HR patch

  TrainConfig config_;
  at::Device device_;
  std::optional<at::ScalarType> low_precision_;
  std::function<void(const Text&)> note_;
  bool fused_;
  c10::cuda::CUDAStream stream_;
  Edsr model_;
  Edsr average_;
  FlatVectors vectors_;
  at::Tensor state_;
  std::shared_ptr<std::uint8_t> inputs_;
  std::shared_ptr<std::uint8_t> outputs_;
  std::unique_ptr<PerceptualLoss> perceptual_;
  std::shared_ptr<const DeviceImages> images_;
  kernels::SamplerSettings sampler_;
  std::map<Shape, std::unique_ptr<CapturedStep>> captured_;
  std::array<at::cuda::CUDAEvent, kEvents> events_;
  std::unique_ptr<EagerEngine> fallback_;
  mutable bool read_by_others_ = false;
  std::int64_t steps_ = 0;
  std::int64_t reported_steps_ = 0;
  double reported_loss_ = 0;
};

}  // namespace

std::unique_ptr<StepEngine> make_graph_engine(const TrainConfig& config, Edsr model, at::Device device,
                                              std::optional<at::ScalarType> low_precision,
                                              const std::function<void(const Text&)>& note) {
  return std::make_unique<GraphEngine>(config, std::move(model), device, low_precision, note);
}

}  // namespace wring
