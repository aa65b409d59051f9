#include "wring_train/measure/module_runner.h"

#include <optional>
#include <utility>

#include <fmt/format.h>

#include <ATen/ATen.h>
#include <ATen/DeviceAccelerator.h>
#include <ATen/core/grad_mode.h>

#include "wring/base/clock.h"
#include "wring/base/error.h"
#include "wring/base/parse.h"
#include "wring_train/engine/device.h"
#include "wring_train/engine/eager/optimizer.h"
#include "wring_train/measure/guarded_trial.h"
#include "wring_train/measure/timing.h"

namespace wring {
namespace {

// Copies in the host's memory, where they do not count as the trial's, put back when the trial has ended.
class KeptValues {
 public:
  explicit KeptValues(const TrainedModule& model) {
    const at::NoGradGuard no_grad;
    for (const auto* tensors : {&model.parameters, &model.buffers}) {
      for (const at::Tensor& tensor : *tensors) kept_.emplace_back(tensor, tensor.detach().to(at::kCPU, false, true));
    }
  }
  void put_back() const {
    const at::NoGradGuard no_grad;
    for (const auto& [tensor, value] : kept_) at::Tensor(tensor).copy_(value);
  }

 private:
  std::vector<std::pair<at::Tensor, at::Tensor>> kept_;
};

std::optional<std::int64_t> batch_of(const TrialRequest& request) {
  std::optional<std::int64_t> batch;
  for (const Assignment& assignment : request.set) {
    if (assignment.key != "batch_size") continue;
    const std::string& text = assignment.value;
    batch = parse_number<std::int64_t>(text);
    if (!batch || *batch < 1) {
      throw Error(ErrorCode::usage,
                  {"batch_size: '{}' is no number from 1 on", "batch_size：“{}”不是大于等于 1 的数", text});
    }
  }
  return batch;
}

class ModuleRunner : public TrialRunner {
 public:
  ModuleRunner(TrainedModule model, at::Tensor sample, TrainConfig config, ModuleLoss loss)
      : model_(std::move(model)), sample_(std::move(sample)), config_(std::move(config)), loss_(std::move(loss)) {
    const auto refuse = [](const Text& what, const Text& cure) { throw Error(ErrorCode::usage, what, cure); };
    std::erase_if(model_.parameters, [](const at::Tensor& parameter) { return !parameter.requires_grad(); });
    if (model_.parameters.empty()) {
      refuse({"the model has no parameters that require gradients", "模型没有需要梯度的参数"},
             {"a batch size for training is measured by training steps", "训练的 batch 大小要靠训练步来测量"});
    }
    for (const at::Tensor& parameter : model_.parameters) {
      if (parameter.device() == device()) continue;
      refuse({"the model's parameters lie on several devices", "模型的参数分布在多个设备上"},
             {"move the whole model to one device first", "请先将整个模型移到一个设备上"});
    }
    if (!sample_.defined() || sample_.dim() < 1 || sample_.size(0) < 1) {
      refuse(
          {"the sample has no first dimension to count samples by", "样本张量缺少表示样本数的第一维"},
          {"give a tensor of N × …, for example sample.unsqueeze(0)", "请给出 N × … 的张量，例如 sample.unsqueeze(0)"});
    }
  }

  TrialResult run(const TrialRequest& request) override {
    const auto began = SteadyClock::now();
    const KeptValues kept(model_);
    TrialResult result = guarded_trial([&] { return measured(request); });
    // Whatever the trial held is gone by now but the gradients.
    for (const at::Tensor& parameter : model_.parameters) parameter.mutable_grad() = at::Tensor();
    kept.put_back();
    if (!device().is_cpu()) at::accelerator::emptyCache();
    result.seconds = seconds_since(began);
    return result;
  }

 private:
  at::Device device() const { return model_.parameters.front().device(); }

  at::Tensor batch(std::int64_t size) const {
    std::vector<std::int64_t> repeats(static_cast<std::size_t>(sample_.dim()), 1);
    repeats[0] = (size + sample_.size(0) - 1) / sample_.size(0);
    return sample_.detach().to(device()).repeat(repeats).narrow(0, 0, size).contiguous();
  }

  at::Tensor loss_of(const at::Tensor& output) const {
    return loss_ ? loss_(output) : output.to(at::kFloat).square().mean();
  }

  TrialResult measured(const TrialRequest& request) const {
    if (request.measure.data == TrialData::loader) {
      return failed_trial(TrialOutcome::error, "a module has no loader to measure");
    }
    const at::AutoGradMode with_gradients(true);
    const std::int64_t size = batch_of(request).value_or(sample_.size(0));
    if (!device().is_cpu()) {
      at::accelerator::emptyCache();
      reset_peak_memory(device());
    }
    const std::int64_t retries_before = allocator_memory(device()).alloc_retries.value_or(0);
    const at::Tensor input = batch(size);
    Optimizer optimizer(config_, model_.parameters);
    at::Tensor last_loss;
    const auto timed = [&](int steps) {
      return timed_ms(
          steps,
          [&](int n) {
            for (int i = 0; i < n; ++i) last_loss = step(input, optimizer);
          },
          [this] { synchronize(device()); });
    };
    TrialResult result;
    const auto warming = SteadyClock::now();
    const double about_ms = warm_up(request.measure, timed);
    result.warmup_s = seconds_since(warming);
    if (request.measure.validate) {
      const at::NoGradGuard no_grad;
      model_.forward(input);
    }
    result.step_ms = measure_steps(request.measure, about_ms, timed);
    result.samples_per_s = 1000.0 * static_cast<double>(size) / result.step_ms.median;
    result.loss = last_loss.item<double>();
    result.memory = allocator_memory(device());
    // Counted since the process began, and a trial that ran out of memory asked again before it did.
    if (result.memory.alloc_retries) *result.memory.alloc_retries -= retries_before;
    return result;
  }

  at::Tensor step(const at::Tensor& input, Optimizer& optimizer) const {
    const at::Tensor loss = loss_of(model_.forward(input));
    loss.backward();
    for (const at::Tensor& parameter : model_.parameters) {  // one that forward() does not use
      if (!parameter.grad().defined()) parameter.mutable_grad() = at::zeros_like(parameter);
    }
    if (config_.grad_clip > 0) clip_gradients(model_.parameters, config_.grad_clip);
    optimizer.step(config_.lr);
    return loss.detach();
  }

  TrainedModule model_;
  at::Tensor sample_;
  TrainConfig config_;
  ModuleLoss loss_;
};

}  // namespace

std::unique_ptr<TrialRunner> module_runner(TrainedModule model, at::Tensor sample, const TrainConfig& config,
                                           ModuleLoss loss) {
  return std::make_unique<ModuleRunner>(std::move(model), std::move(sample), config, std::move(loss));
}

}  // namespace wring
