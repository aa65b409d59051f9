#include <fmt/format.h>

#include "wring/findings/diagnosis.h"
#include "wring/findings/program.h"
#include "wring/findings/rules/rules.h"
#include "wring/tune/search/words.h"

namespace wring::rules {
namespace {

constexpr double kMib = 1 << 20;

}  // namespace

// By the difference of three rates, each with its noise: hence kClearGap, and not a program's kWorthAChange.
void transfer_bound(Diagnosis& diagnosis) {
  const DiagnosisInput& in = diagnosis.input();
  const auto headroom = in.headroom_percent();
  if (!headroom || *headroom < kLoaderHeadroom || in.lost_percent() < kClearGap) return;
  Finding& found = diagnosis.add("transfer_bound",
                                 {"transfer-bound: loader and step are fast enough alone, not together",
                                  "受传输限制：加载与计算单独都够快，合在一起不够"},
                                 in.lost_percent(), confidence_of(in.lost_percent(), kClearGap, 40), in.three_rates(),
                                 {"loader and step alone are both at least {:.0f} % faster than together",
                                  "加载与计算单独都比合在一起快 {:.0f}% 以上", kClearGap},
                                 {});
  if (!in.config.pin_memory) found.fix.push_back({"pin_memory", "true"});
  if (in.config.data_cache == "host" || in.config.data_cache == "none") found.fix.push_back({"data_cache", "auto"});
  found.next_step = found.fix.empty()
                        ? Text("look at the link's generation and width (wring doctor) and at what else uses it",
                               "请检查 PCIe 的代数与宽度（wring doctor），以及还有谁在占用它")
                        : Text("shorter ways for the batch: " + assignments_text(found.fix),
                               "缩短批次的传输路径：" + assignments_text(found.fix));
}

// Of a program: copies that nothing else runs beside.
void transfer_bound(ProgramDiagnosis& diagnosis) {
  const ProgramInput& in = diagnosis.input();
  const double lost = diagnosis.percent_of_step(in.shares.copy_ms);
  if (lost < kWorthAChange) return;
  const CopyWork &pageable = in.work.pageable_to_device, &pinned = in.work.pinned_to_device;
  ProgramFinding& found = diagnosis.add(
      "transfer_bound",
      {"the GPU only copies, or waits for a copy, {:.0f} % of a step", "每步有 {:.0f}% 的时间 GPU 只在拷贝或等待拷贝",
       lost},
      in.shares.copy_ms, confidence_of(lost, kWorthAChange, 30),
      {"each step copies {:.1f} MiB from pageable memory in {:.2f} ms, {:.1f} MiB from pinned memory in {:.2f} ms",
       "每步从普通（可分页）内存拷贝 {:.1f} MiB，用 {:.2f} ms；从锁页内存拷贝 {:.1f} MiB，用 {:.2f} ms",
       pageable.bytes / kMib, pageable.ms, pinned.bytes / kMib, pinned.ms},
      {"no kernel runs while data is copied ≥ {:.0f} % of a step", "拷贝期间没有核函数运行的时间 ≥ 每步的 {:.0f}%",
       kWorthAChange});
  const ObservedLoader* loader = diagnosis.waited_for();
  if (pageable.ms > pinned.ms && loader && !loader->pin_memory) {
    found.finding.next_step = {"copy from pinned memory, and let the copies run beside the step: non_blocking=True",
                               "从锁页内存拷贝，并让拷贝与计算重叠：non_blocking=True"};
    found.changes.push_back({loader->place, "DataLoader(…, pin_memory=False)", "pin_memory=True"});
    found.changes.push_back({{}, ".to(device)", ".to(device, non_blocking=True)"});
  } else if (pageable.ms > pinned.ms) {
    found.finding.next_step = {"copy from pinned memory (tensor.pin_memory()), with non_blocking=True",
                               "从锁页内存拷贝（tensor.pin_memory()），并使用 non_blocking=True"};
  } else {
    found.finding.next_step = {
        "send less: 8-bit images, converted on the GPU; or copy the next batch in a stream of its own",
        "减少传输量：传 8 位图像并在 GPU 上转换；或在单独的流中拷贝下一批"};
  }
}

}  // namespace wring::rules
