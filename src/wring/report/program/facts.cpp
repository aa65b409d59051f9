#include "wring/report/program/facts.h"

#include <filesystem>
#include <utility>

#include <fmt/format.h>

#include "wring/agent/words.h"

namespace wring {
namespace {

// Three figures, whatever the size.
std::string figure(double value) {
  return value >= 100  ? fmt::format("{:.0f}", value)
         : value >= 10 ? fmt::format("{:.1f}", value)
                       : fmt::format("{:.2f}", value);
}

void add(std::vector<Text>& lines, Text line) {
  lines.push_back(std::move(line));
}

// 124439808 → "124.4 M"
std::string amount(std::int64_t value) {
  const auto number = static_cast<double>(value);
  return value >= 1'000'000'000 ? fmt::format("{:.1f} G", number / 1e9)
         : value >= 1'000'000   ? fmt::format("{:.1f} M", number / 1e6)
                                : fmt::to_string(value);
}

// What it computes on, as far as that is known.
Text device_text(const ObservedProcess& process) {
  if (process.device_name.empty()) {
    return process.device.empty() ? Text("device unknown", "设备未知") : Text(process.device);
  }
  return process.device.empty() ? process.device_name : fmt::format("{} ({})", process.device_name, process.device);
}

// The rank where there are several.
Text process_line(const Observation& seen) {
  const ObservedProcess& process = seen.process;
  Text line;
  if (process.world_size > 1) line = {"rank {} of {}: ", "rank {}（共 {} 个）：", process.rank, process.world_size};
  if (seen.without_agent) {
    line += {"{}, seen without the agent, process {}", "{}，未使用探针，进程 {}",
             process.device_name.empty() ? device_text(process) : Text(process.device_name), process.pid};
    return line;
  }
  line += {"{}, torch {}, Python {}, process {}",
           "{}，torch {}，Python {}，进程 {}",
           device_text(process),
           process.torch,
           process.python,
           process.pid};
  return line;
}

void add_data(const Observation& seen, std::vector<Text>& lines) {
  if (seen.loaders.empty() && !seen.without_agent) {  // without it loaders are not known one by one
    add(lines, {"data: no DataLoader gave a batch in these steps", "数据：这些步中没有 DataLoader 给出批次"});
    return;
  }
  const ObservedSteps& steps = seen.steps;
  const double share = steps.mean_ms > 0 ? 100 * steps.loader_wait_ms / steps.mean_ms : 0;
  add(lines, {"waits for the DataLoader: {} ms of each step, {:.0f} %", "等待 DataLoader：每步 {} ms（{:.0f}%）",
              figure(steps.loader_wait_ms), share});
}

void add_steps(const Observation& seen, std::vector<Text>& lines) {
  const ObservedSteps& steps = seen.steps;
  if (steps.n == 0) {
    add(lines, {"no steps were measured", "没有测到任何步"});
    return;
  }
  if (seen.without_agent) {
    add(lines, {"these steps ran under torch's profiler, which slows the CPU down: without it they are shorter",
                "这些步在 torch 的性能分析器下运行，CPU 因此变慢：不分析时耗时更短"});
  }
  add(lines, {"step: mean {} ms, median {} ms (half of the steps within ± {} ms of it), 95 % below {} ms; {} steps",
              "每步：均值 {} ms，中位数 {} ms（半数的步与之相差不超过 {} ms），95% 低于 {} ms；共 {} 步",
              figure(steps.mean_ms), figure(steps.step_ms.median), figure(steps.step_ms.mad), figure(steps.step_ms.p95),
              steps.n});
  if (steps.samples_per_step && steps.mean_ms > 0) {
    add(lines,
        {"speed: {} samples/s, {} samples a step", "速度：{} 样本/秒，每步 {} 个样本",
         figure(*steps.samples_per_step * 1000 / steps.mean_ms), fmt::format("{:.4g}", *steps.samples_per_step)});
  }
  add_data(seen, lines);
}

// As it would stand in the program, without what is not known.
std::string loader_call(const ObservedLoader& loader) {
  const auto flag = [](bool value) { return value ? "True" : "False"; };
  std::string call = fmt::format("DataLoader({}", loader.dataset);
  if (loader.batch_size) call += fmt::format(", batch_size={}", *loader.batch_size);
  call += fmt::format(", num_workers={}, pin_memory={}, persistent_workers={}", loader.num_workers,
                      flag(loader.pin_memory), flag(loader.persistent_workers));
  if (loader.prefetch_factor) call += fmt::format(", prefetch_factor={}", *loader.prefetch_factor);
  return call + ")";
}

Text loader_line(const ObservedLoader& loader, const ObservedProcess& process) {
  const std::string place = place_text(loader.place, process), call = loader_call(loader);
  if (!loader.in_stepping_thread) {
    return {"{}  {}: read ahead by another thread, which waits {} ms a step",
            "{}  {}：由另一线程预取，该线程每步等待 {} ms", place, call, figure(loader.wait_ms)};
  }
  return {"{}  {}: {} ms a step", "{}  {}：每步 {} ms", place, call, figure(loader.wait_ms)};
}

// In PyTorch's words.
Text implementation_of(const ObservedOptimizer& optimizer) {
  if (optimizer.fused.value_or(false)) return "fused";
  if (optimizer.foreach_.value_or(false)) return "foreach";
  if (optimizer.fused || optimizer.foreach_) return {"one tensor after the other", "逐个张量更新（for-loop）"};
  return {"default implementation (foreach on a GPU)", "默认实现（GPU 上为 foreach）"};
}

Text optimizer_line(const ObservedOptimizer& optimizer, const Observation& seen) {
  if (seen.without_agent) {
    return optimizer.fused.value_or(false)
               ? Text("optimiser: {}, fused, {} steps", "优化器：{}，fused，{} 步", optimizer.type, optimizer.steps)
               : Text("optimiser: {}, {} steps", "优化器：{}，{} 步", optimizer.type, optimizer.steps);
  }
  Text line{"{}  {}, {}: {} tensors, {} parameters",
            "{}  {}，{}：{} 个张量，{} 个参数",
            place_text(optimizer.place, seen.process),
            optimizer.type,
            implementation_of(optimizer),
            optimizer.tensors,
            amount(optimizer.elements)};
  if (seen.optimizers.size() < 2) return line;
  line += {", {} steps", "，{} 步", optimizer.steps};
  if (optimizer.counted) line += {"; its steps are what is called a step here", "；此处的“步”指它的 step"};
  return line;
}

Text precision_line(const Observation& seen) {
  std::string types;
  for (const ParameterType& type : seen.precision.parameters) types += (types.empty() ? "" : ", ") + type.type;
  const Text unknown{"of unknown type", "类型未知"};
  const std::string& autocast = seen.precision.autocast;
  return {
      "precision: parameters {}, {}, TF32 {} in matrix products and {} in cuDNN",
      "精度：参数 {}，{}，TF32：矩阵乘法 {}，cuDNN {}",
      types.empty() ? unknown : Text(types),
      autocast.empty() ? Text("no autocast", "未使用 autocast") : Text("autocast to {}", "autocast 为 {}", autocast),
      on_off(seen.precision.tf32_matmul),
      on_off(seen.precision.tf32_cudnn)};
}

void add_settings(const Observation& seen, std::vector<Text>& lines) {
  if (seen.loads_in_step) {
    add(lines, {"DataLoader without workers: the training loop prepares its batches itself",
                "DataLoader 没有 worker：训练循环自己准备批次"});
  }
  if (seen.without_agent) {
    add(lines, {"not known without the agent: places in the code, settings of loaders, precision and layout, memory",
                "没有探针时无法得知：代码位置、数据加载设置、精度与布局、显存"});
    return;
  }
  add(lines, precision_line(seen));
  if (seen.conv_weights > 0) {
    add(lines, {"layout: {} of {} convolution weights are channels-last",
                "布局：{1} 个卷积权重中 {0} 个为 channels-last", seen.channels_last, seen.conv_weights});
  }
  const Text compiled =
      seen.compiled_modules > 0 ? Text("{} modules", "{} 个模块", seen.compiled_modules) : Text("not used", "未使用");
  add(lines, {"torch.compile {}; cudnn.benchmark {}; deterministic algorithms {}",
              "torch.compile {}；cudnn.benchmark {}；确定性算法 {}", compiled, on_off(seen.cudnn_benchmark),
              on_off(seen.deterministic)});
  if (seen.memory && seen.memory->peak_allocated_mib && seen.memory->device_total_mib) {
    add(lines, {"GPU memory: {} MiB at most in tensors, {} MiB reserved by PyTorch, {} MiB in all",
                "显存：张量峰值 {} MiB，PyTorch 预留 {} MiB，总共 {} MiB", *seen.memory->peak_allocated_mib,
                seen.memory->peak_reserved_mib.value_or(0), *seen.memory->device_total_mib});
  }
}

// "its card in these steps: SM activity 61 %, …"; what the driver does not tell is left out.
void add_card(const Observation& seen, std::vector<Text>& lines) {
  if (!seen.card) return;
  Text parts;
  const auto add_part = [&](const Text& name, const std::optional<double>& value, const char* unit) {
    if (value) parts.append({", ", "，"}, {"{} {:.0f} {}", "{} {:.0f} {}", name, *value, unit});
  };
  add_part({"SM activity", "SM活跃度"}, seen.card->sm_activity, "%");
  add_part({"tensor activity", "张量核心活跃度"}, seen.card->tensor_activity, "%");
  add_part({"DRAM activity", "显存带宽利用率"}, seen.card->dram_activity, "%");
  add_part({"power", "功耗"}, seen.card->power_w, "W");
  add_part({"SM clock", "SM频率"}, seen.card->sm_clock_mhz, "MHz");
  add_part({"held down by power", "功耗降频"}, seen.card->throttled_by_power, "%");
  add_part({"held down by heat", "过热降频"}, seen.card->throttled_by_heat, "%");
  if (!parts.empty()) add(lines, {"its card in these steps: {}", "这些步中的显卡：{}", parts});
}

void add_windows(const Observation& seen, std::vector<Text>& lines) {
  for (const ObservedSync& sync : seen.syncs.value_or(std::vector<ObservedSync>())) {
    add(lines, {"{}  makes the CPU wait for the GPU, {:.3g} × a step", "{}  让 CPU 等待 GPU，每步 {:.3g} 次",
                place_text(sync.place, seen.process), sync.per_step});
  }
  if (seen.steps.n == 0 || seen.without_agent) return;
  add(lines, {"what measuring cost: {} µs a step, {} ms at the start", "测量本身的开销：每步 {} µs，启动 {} ms",
              figure(seen.steps.hook_us), figure(seen.process.startup_ms)});
}

}  // namespace

std::string place_text(const CodePlace& place, const ObservedProcess& process) {
  if (place.file.empty()) return "";
  const std::filesystem::path file = place.file, below = file.lexically_relative(process.cwd);
  const bool inside = file.is_absolute() && !below.empty() && *below.begin() != "..";
  return fmt::format("{}:{}", inside ? below.string() : place.file, place.line);
}

std::vector<Text> observed_facts(const Observation& observation) {
  std::vector<Text> lines{process_line(observation)};
  add_steps(observation, lines);
  for (const ObservedLoader& loader : observation.loaders) lines.push_back(loader_line(loader, observation.process));
  for (const ObservedOptimizer& one : observation.optimizers) lines.push_back(optimizer_line(one, observation));
  add_settings(observation, lines);
  add_card(observation, lines);
  add_windows(observation, lines);
  return lines;
}

}  // namespace wring
