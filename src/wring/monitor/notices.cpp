#include "wring/monitor/notices.h"

#include <cstdio>

#include <fmt/format.h>

#include "wring/base/message.h"
#include "wring/console/terminal.h"
#include "wring/gpu/nvml/missing_util.h"

namespace wring {

void MonitorNotices::say(const Text& what, const Text& cure) {
  if (!console_.quiet) say_even_if_quiet(what, cure);
}

void MonitorNotices::say_even_if_quiet(const Text& what, const Text& cure) {
  std::string line = paint(console_.text({"warning: ", "警告："}), Ink::yellow, console_.color_err) +
                     without_controls(console_.text(what));
  if (!cure.empty()) {
    line += fmt::format(" {} {}", console_.utf8 ? "→" : "->", without_controls(console_.text(cure)));
  }
  const std::scoped_lock lock(mutex_);
  if (held_) {
    waiting_.push_back(std::move(line));
  } else {
    write_painted_message(fmt::format("{}\n", line));
  }
}

void MonitorNotices::say_once(const std::string& key, const Text& what, const Text& cure) {
  if (said_.insert(key).second) say(what, cure);
}

void MonitorNotices::on_tick(const Tick& tick) {
  for (std::size_t i = 0; i < gpus_.size() && i < tick.gpus.size(); ++i) {
    const int index = gpus_[i].index;
    const GpuTick& gpu = tick.gpus[i];
    if (gpu.stuck_for_s) {
      say_once(fmt::format("{} stuck", i),
               {"GPU {}: a driver call does not come back", "GPU {}：驱动调用没有返回", index},
               {"the others go on; look for Xid in dmesg, and reset the card or reboot",
                "其他卡继续监控；请在 dmesg 中查找 Xid，并重置该卡或重启"});
    }
    if (!gpu.sample) continue;
    for (const std::int64_t xid : gpu.sample->xids) {
      say_once(fmt::format("{} xid {}", i, xid),
               {"GPU {}: the driver reported Xid {}", "GPU {}：驱动报告 Xid {}", index, xid},
               {"its meaning is in NVIDIA's Xid catalogue, more in dmesg", "含义见 NVIDIA 的 Xid 目录，详情见 dmesg"});
    }
    if (const Reading& util = (*gpu.sample)[Metric::gpu_util];
        !gpu.sample->problem && util.state == Reading::State::not_supported) {
      const GpuProblem why = why_no_gpu_util(gpus_[i], util);
      say_once(why.what.en,  // once for all the cards that it holds for
               {"GPU {}: GPU-Util is N/A: {}", "GPU {}：GPU利用率为 N/A：{}", index, why.what}, why.cure);
    }
    if (gpu.sample->problem) {
      const GpuProblem& problem = *gpu.sample->problem;
      say_once(fmt::format("{} {}", i, problem.what.en), {"GPU {}: {}", "GPU {}：{}", index, problem.what},
               problem.cure);
    }
  }
}

void MonitorNotices::hold() {
  const std::scoped_lock lock(mutex_);
  held_ = true;
}

void MonitorNotices::release() {
  const std::scoped_lock lock(mutex_);
  held_ = false;
  for (const std::string& line : waiting_) write_painted_message(fmt::format("{}\n", line));
  waiting_.clear();
}

}  // namespace wring
