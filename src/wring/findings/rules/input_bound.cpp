#include <algorithm>
#include <cmath>
#include <optional>

#include <fmt/format.h>

#include "wring/findings/diagnosis.h"
#include "wring/findings/evidence.h"
#include "wring/findings/program.h"
#include "wring/findings/rules/rules.h"
#include "wring/tune/host_memory.h"
#include "wring/tune/search/words.h"

namespace wring::rules {
namespace {

constexpr double kAtDisk = 40;  // of the readers

// What a monitor and a trace both say of the card; trials of a config may run on the CPU, and say it of the step.
const Text& waits_for_data() {
  static const Text text{"the GPU waits for data", "GPU 在等数据"};
  return text;
}

// The computer's I/O wait may be another program's, and a thread that is busy waits for no disk.
bool waits_for_disk(const Features& f) {
  return f.program && readers_full(f) && f.program->readers_at_disk >= kAtDisk;
}

bool copies_all_the_time(const Features& f) {
  return only_copies(f) && at_least(f.pcie_rx_mib_s, limit::kPcieBusyMibS);
}

Text input_next(const Features& f) {
  if (copies_all_the_time(f)) {
    return {"copies over PCIe are the limit: send 8-bit data and convert it on the GPU, pin_memory: true",
            "瓶颈在 PCIe 拷贝：传输 8 位数据并在 GPU 上转换，pin_memory: true"};
  }
  if (waits_for_disk(f)) {
    return {"the disk is the limit: keep the decoded data in memory (data_cache: auto), or move it to an SSD",
            "瓶颈在磁盘：把解码后的数据放进内存（data_cache: auto），或移到 SSD"};
  }
  if (main_thread_reads(f)) {
    return {
        "the training thread loads its data itself: num_workers of 1 and more (DataLoader), persistent_workers, or "
        "data_cache: auto",
        "训练线程自己在加载数据：num_workers 设为 1 或更大（DataLoader），persistent_workers，或 data_cache: auto"};
  }
  if (at_least(f.host_cpu, limit::kHostBusy)) {
    return {"all cores are busy preparing data: decode once (data_cache: auto), or do the augmentation on the GPU",
            "所有核心都在准备数据：只解码一次（data_cache: auto），或把数据增强放到 GPU 上"};
  }
  return {
      "raise num_workers, up to the cores that there are; then prepare less for each sample (data_cache: auto, "
      "augmentation on the GPU)",
      "增大 num_workers，但不超过核心数；再减少每个样本的准备工作（data_cache: auto，在 GPU 上做数据增强）"};
}

Text input_rule(const Features& f) {
  if (copies_all_the_time(f)) {
    return {"copies over PCIe ≥ {} GiB/s while SM activity < {} %", "PCIe 拷贝 ≥ {} GiB/s，而 SM活跃度 < {}%",
            limit::kPcieBusyMibS / 1024, limit::kCopyingSm};
  }
  const Text low = waits_rule(f);
  if (readers_full(f)) {
    return {"{} while the program's readers are at work ≥ {} % of the time, or one of them ≥ {} %",
            "{}，而程序的数据读取者有 ≥ {}% 的时间在工作，或其中之一 ≥ {}%", low, kReaderFull, kCoreBusy};
  }
  return {
      "{} while the program's main thread is busy ≥ {} %, nobody else reads, and it reads ≥ {} MiB/s "
      "or launches large kernels rarely",
      "{}，而程序主线程占用 ≥ {}%，没有其他读取者，且它读取 ≥ {} MiB/s 或很少启动大的核函数", low, limit::kLaunching,
      limit::kReadingMibS};
}

// More workers as far as there are cores and memory; else images decoded once.
void feed_the_step(const DiagnosisInput& in, Finding& found, double headroom) {
  const TrainConfig& config = in.config;
  if (config.data_cache == "none") found.fix.push_back({"data_cache", "auto"});
  const double factor = 1.25 * 100 / std::max(10.0, 100 + headroom);
  std::int64_t workers =
      std::llround(std::ceil(factor * static_cast<double>(std::max<std::int64_t>(1, config.num_workers))));
  if (in.cpu_cores > 0) workers = std::min<std::int64_t>(workers, in.cpu_cores);
  const std::int64_t prefetch = std::max<std::int64_t>(4, config.prefetch_factor);
  const auto room = host_memory_limit({workers, prefetch, in.sample_bytes}, in.host_available_bytes);
  const bool fits = !room || *room >= config.batch_size;
  if (fits && workers > config.num_workers) {
    found.fix.push_back({"num_workers", std::to_string(workers)});
    if (prefetch != config.prefetch_factor) found.fix.push_back({"prefetch_factor", std::to_string(prefetch)});
    if (!config.persistent_workers) found.fix.push_back({"persistent_workers", "true"});
  }
  if (!found.fix.empty()) {
    found.next_step = {"more workers or a cache of decoded images: " + assignments_text(found.fix),
                       "增加 worker 或缓存已解码的图像：" + assignments_text(found.fix)};
  } else {
    found.next_step = {
        "all cores decode already: convert the images to a faster format or smaller files, or put them "
        "on a faster disk",
        "所有核心都已在解码：请改用解码更快的格式、更小的文件或更快的磁盘"};
  }
}

// What n workers would leave of the wait for batches, by the time that a batch takes to prepare.
struct MoreWorkers {
  std::int64_t workers = 0;
  double give_back_ms = 0;
};

// A worker beside the main process has a core; a quarter more than what suffices covers that batches differ.
MoreWorkers more_workers(const ProgramDiagnosis& diagnosis, const ObservedLoader& loader) {
  const Observation& seen = diagnosis.input().seen;
  const double wait_ms = diagnosis.input().shares.loader_ms;
  const double rest_ms = std::max(diagnosis.step_ms() - wait_ms, 1e-3);
  const double prepare_ms = loader.num_workers == 0 ? std::max(loader.wait_ms, wait_ms)
                                                    : static_cast<double>(loader.num_workers) * diagnosis.step_ms();
  const auto cores = seen.cpu_cores.value_or(loader.num_workers);
  const auto wanted = static_cast<std::int64_t>(std::ceil(1.25 * prepare_ms / rest_ms));
  const auto workers = std::clamp<std::int64_t>(wanted, 1, std::max<std::int64_t>(1, cores));
  if (workers <= loader.num_workers) return {};
  const double step_ms = std::max(rest_ms, prepare_ms / static_cast<double>(workers));
  return {workers, diagnosis.step_ms() - step_ms};
}

// "num_workers=8, persistent_workers=True, pin_memory=True": what the loader does not have yet.
std::string loader_arguments(const ObservedLoader& loader, std::int64_t workers, bool on_gpu) {
  std::string arguments = fmt::format("num_workers={}", workers);
  if (!loader.persistent_workers) arguments += ", persistent_workers=True";
  if (!loader.pin_memory && on_gpu) arguments += ", pin_memory=True";
  return arguments;
}

}  // namespace

std::optional<Finding> input_bound(const Features& f) {
  const bool copies = copies_all_the_time(f);
  if (!copies && (!waits(f) || (!readers_full(f) && !main_thread_reads(f)))) return std::nullopt;
  double confidence = copies || readers_full(f) ? 0.75 : 0.65;
  if (const Value ratio = sm_while_busy(f); ratio && !copies) {
    confidence += *ratio >= limit::kSmWhileBusy ? 0.1 : -0.1;
  }
  Measured numbers = activity(f);
  numbers.add("time under 10 %", "低于10%的时间", f.gpu_util_under_10)
      .add("PCIe received", "PCIe接收", f.pcie_rx_mib_s, " MiB/s");
  return Finding{"input_bound",
                 {"input-bound: {}", "输入受限：{}", waits_for_data()},
                 host_numbers(f, numbers),
                 input_rule(f),
                 confidence,
                 input_next(f),
                 {}};
}

void data_bound(Diagnosis& diagnosis) {
  const DiagnosisInput& in = diagnosis.input();
  const double lost = std::max(in.lost_percent(), in.wait_percent());
  const auto headroom = in.headroom_percent();
  // Without the loader's own rate, its wait in the step is the evidence.
  const bool slow_loader = headroom ? *headroom < kLoaderHeadroom : in.wait_percent() >= kWorthAChange;
  if (!slow_loader || lost < kWorthAChange) return;
  double sure = confidence_of(lost, kWorthAChange, 40);
  if (!headroom) sure = std::min(sure, 0.8);
  Finding& found = diagnosis.add(
      "data_bound", {"data-bound: the step waits for the loader", "受数据限制：训练步在等待数据加载"}, lost, sure,
      in.three_rates(),
      {"the step loses {:.0f} % or more to waiting, and the loader alone makes less than {:.0f} % more "
       "than the step",
       "每步等待数据的损失不低于 {:.0f}%，且加载速率高出计算不足 {:.0f}%", kWorthAChange, kLoaderHeadroom},
      {});
  feed_the_step(in, found, headroom.value_or(-lost));
}

void input_bound(ProgramDiagnosis& diagnosis) {
  const ProgramInput& in = diagnosis.input();
  const double wait_ms = in.shares.loader_ms;
  const double wait = diagnosis.percent_of_step(wait_ms);
  if (wait < kWorthAChange) return;
  const ObservedLoader* loader = diagnosis.waited_for();
  const MoreWorkers more = loader ? more_workers(diagnosis, *loader) : MoreWorkers{};
  ProgramFinding& found = diagnosis.add(
      "input_bound", {"{} {:.0f} % of a step", "每步有 {1:.0f}% 的时间 {0}", waits_for_data(), wait},
      more.workers > 0 ? more.give_back_ms : wait_ms, confidence_of(wait, kWorthAChange, 40),
      {"the training loop waits {:.2f} ms of {:.2f} for its next batch; the GPU is idle for {:.2f} ms of that",
       "每步 {1:.2f} ms 中训练循环等待下一批次 {0:.2f} ms，其间 GPU 空闲 {2:.2f} ms", in.seen.steps.loader_wait_ms,
       diagnosis.step_ms(), wait_ms},
      {"the GPU is idle ≥ {:.0f} % of a step while the training loop waits for its next batch",
       "训练循环等待下一批次期间，GPU 空闲 ≥ 每步的 {:.0f}%", kWorthAChange});
  if (!loader && in.seen.loads_in_step) {
    found.finding.next_step = {"worker processes prepare the batches", "用 worker 进程准备批次"};
    found.changes.push_back({{},
                             "DataLoader(…)",
                             "num_workers=…, persistent_workers=True",
                             ResultsEffect::exact,
                             {"num_workers: 1 or more", "num_workers 至少为 1"}});
  } else if (!loader) {
    found.finding.next_step = {"prepare the batches in other processes, ahead of the step", "用其他进程提前准备批次"};
  } else if (more.workers > 0) {
    found.finding.next_step = {"more worker processes prepare the batches", "用更多 worker 进程准备批次"};
    found.changes.push_back({loader->place,
                             fmt::format("DataLoader(…, num_workers={})", loader->num_workers),
                             loader_arguments(*loader, more.workers, diagnosis.on_gpu()),
                             ResultsEffect::exact,
                             {"{:.0f} % of a step waits here", "每步有 {:.0f}% 的时间在此等待", wait}});
  } else {
    found.finding.next_step = {
        "{} workers use all {} cores: make a sample cheaper (smaller or decoded files, augmentation on the GPU)",
        "{} 个 worker 已用满 {} 个核心：请降低每个样本的开销（更小或已解码的文件，在 GPU 上做数据增强）",
        loader->num_workers, in.seen.cpu_cores.value_or(loader->num_workers)};
  }
}

}  // namespace wring::rules
