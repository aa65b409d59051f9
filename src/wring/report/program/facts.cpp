#include "wring/report/program/facts.h"

#include <filesystem>
#include <utility>

#include <fmt/format.h>

namespace wring {
namespace {

const Text& yes_no(bool value) {
  static const Text yes{"yes", "是"}, no{"no", "否"};
  return value ? yes : no;
}

const Text& on_off(bool value) {
  static const Text on{"on", "开"}, off{"off", "关"};
  return value ? on : off;
}

// Three figures, whatever the size.
std::string figure(double value) {
  return value >= 100  ? fmt::format("{:.0f}", value)
         : value >= 10 ? fmt::format("{:.1f}", value)
                       : fmt::format("{:.2f}", value);
}

void add(std::vector<Text>& lines, Text line) {
  lines.push_back(std::move(line));
}

Text process_line(const Observation& seen) {
  const ObservedProcess& process = seen.process;
  if (seen.without_agent) {
    const Text unknown{"device unknown", "设备未知"};
    const Text card = !process.device_name.empty() ? Text(process.device_name)
                      : process.device.empty()     ? unknown
                                                   : Text(process.device);
    return {"rank {} of {}, pid {}: {}, seen without the agent",
            "rank {}（共 {} 个），pid {}：{}，未使用探针",
            process.rank,
            process.world_size,
            process.pid,
            card};
  }
  const std::string device =
      process.device_name.empty() ? process.device : fmt::format("{} ({})", process.device_name, process.device);
  return {"rank {} of {}, pid {}: {}, torch {}, Python {}",
          "rank {}（共 {} 个），pid {}：{}，torch {}，Python {}",
          process.rank,
          process.world_size,
          process.pid,
          device,
          process.torch,
          process.python};
}

void add_steps(const Observation& seen, std::vector<Text>& lines) {
  const ObservedSteps& steps = seen.steps;
  if (steps.n == 0) {
    add(lines, {"no steps were measured", "没有测到任何步"});
    return;
  }
  if (seen.without_agent) {
    add(lines, {"these steps ran under torch's profiler, which slows the host down: without it they are shorter",
                "这些步在 torch 性能分析器下运行，主机因此变慢：不分析时耗时更短"});
  }
  add(lines, {"step: mean {} ms; median {} ms ± {} (half of the steps), 95 % below {} ms, of {} steps",
              "每步：均值 {} ms；中位数 {} ms ± {}（半数在内），95% 低于 {} ms，共 {} 步", figure(steps.mean_ms),
              figure(steps.step_ms.median), figure(steps.step_ms.mad), figure(steps.step_ms.p95), steps.n});
  if (steps.samples_per_step && steps.mean_ms > 0) {
    add(lines, {"speed: {} samples/s, {} samples a step", "速度：{} 样本/秒，每步 {} 个样本",
                figure(*steps.samples_per_step * 1000 / steps.mean_ms), figure(*steps.samples_per_step)});
  }
  const double share = steps.mean_ms > 0 ? 100 * steps.loader_wait_ms / steps.mean_ms : 0;
  add(lines, {"waits for the loader: {} ms a step, {} % of the mean", "等待数据加载：每步 {} ms，占 {}%",
              figure(steps.loader_wait_ms), fmt::format("{:.0f}", share)});
}

Text loader_line(const ObservedLoader& loader, const ObservedProcess& process) {
  const std::string batch = loader.batch_size ? fmt::to_string(*loader.batch_size) : "–";
  const std::string ahead = loader.prefetch_factor ? fmt::to_string(*loader.prefetch_factor) : "–";
  Text line{
      "{}  DataLoader of {}: batch_size {}, num_workers {}, pin_memory {}, persistent_workers {}, "
      "prefetch_factor {}, {} ms a step",
      "{}  {} 的 DataLoader：batch_size {}，num_workers {}，pin_memory {}，persistent_workers {}，"
      "prefetch_factor {}，每步 {} ms",
      place_text(loader.place, process),
      loader.dataset,
      batch,
      loader.num_workers,
      yes_no(loader.pin_memory),
      yes_no(loader.persistent_workers),
      ahead,
      figure(loader.wait_ms)};
  if (!loader.in_stepping_thread) line += {", in a thread of its own", "，在另一线程中"};
  return line;
}

// Which of its implementations steps, where the program chose one.
Text implementation_of(const ObservedOptimizer& optimizer) {
  if (optimizer.fused.value_or(false)) return {"fused", "fused"};
  if (optimizer.foreach_.value_or(false)) return {"foreach", "foreach"};
  if (optimizer.fused || optimizer.foreach_) return {"single-tensor", "逐张量"};
  return {"torch's choice of implementation", "由 torch 选择实现"};
}

Text optimizer_line(const ObservedOptimizer& optimizer, const Observation& seen) {
  if (seen.without_agent) {
    return optimizer.fused.value_or(false)
               ? Text("optimiser: {}, fused, {} steps", "优化器：{}，fused，{} 步", optimizer.type, optimizer.steps)
               : Text("optimiser: {}, {} steps", "优化器：{}，{} 步", optimizer.type, optimizer.steps);
  }
  return {"{}  {}: {} tensors, {} elements, {}, {} steps",
          "{}  {}：{} 个张量，{} 个元素，{}，{} 步",
          place_text(optimizer.place, seen.process),
          optimizer.type,
          optimizer.tensors,
          optimizer.elements,
          implementation_of(optimizer),
          optimizer.steps};
}

Text precision_line(const Observation& seen) {
  std::string types;
  for (const ParameterType& type : seen.precision.parameters) types += (types.empty() ? "" : ", ") + type.type;
  const Text none{"none", "无"};
  return {"precision: parameters {}, autocast {}, TF32 {} in matrix products, {} in cuDNN",
          "精度：参数 {}，autocast {}，矩阵乘法的 TF32 {}，cuDNN 的 TF32 {}",
          types.empty() ? none : Text(types),
          seen.precision.autocast.empty() ? none : Text(seen.precision.autocast),
          on_off(seen.precision.tf32_matmul),
          on_off(seen.precision.tf32_cudnn)};
}

void add_settings(const Observation& seen, std::vector<Text>& lines) {
  if (seen.loads_in_step) {
    add(lines, {"DataLoader without workers: the thread that steps prepares its batches itself",
                "DataLoader 没有 worker：训练线程自己准备批次"});
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
  add(lines, {"compiled modules: {}; cudnn.benchmark {}; deterministic {}",
              "已编译模块：{}；cudnn.benchmark {}；确定性算法 {}", seen.compiled_modules, on_off(seen.cudnn_benchmark),
              on_off(seen.deterministic)});
  if (seen.memory && seen.memory->peak_allocated_mib && seen.memory->device_total_mib) {
    add(lines, {"memory: {} MiB at most in tensors, {} MiB reserved, of {} MiB",
                "显存：张量最多 {} MiB，预留 {} MiB，共 {} MiB", *seen.memory->peak_allocated_mib,
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
    add(lines, {"{}  waits for the GPU {} × a step", "{}  每步 {} 次等待 GPU", place_text(sync.place, seen.process),
                figure(sync.per_step)});
  }
  if (!seen.no_trace.empty()) add(lines, {"no trace: {}", "没有性能记录：{}", seen.no_trace});
  if (seen.steps.n == 0 || seen.without_agent) return;
  add(lines, {"the agent's hooks took {} µs a step, its start {} ms", "探针每步耗时 {} µs，启动耗时 {} ms",
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
