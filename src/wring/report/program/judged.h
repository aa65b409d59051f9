#pragma once
#include <array>
#include <optional>
#include <string_view>
#include <vector>

#include "wring/agent/observation.h"
#include "wring/findings/program.h"
#include "wring/trace/step_shares.h"
#include "wring/trace/step_work.h"
#include "wring/trace/timeline.h"

namespace wring {

// One process of a program: what was measured, and what it says.
struct JudgedProcess {
  Observation seen;
  std::optional<StepShares> shares;
  std::optional<StepWork> work;
  Text no_shares;  // why they are absent
  std::vector<ProgramFinding> findings;
  Text no_finding;                       // why there is none; "" beside findings
  std::optional<StepTimeline> timeline;  // of one step; where it is absent so are the shares
};

// One row a share, in the order in which they are shown.
struct ShareRow {
  std::string_view key;  // "loader": in JSON
  Text name;             // "waits for data": of the GPU
  double StepShares::*ms;
};
inline const std::array<ShareRow, 7> kShareRows = {{
    {"computing", {"GPU computes", "GPU 计算"}, &StepShares::computing_ms},
    {"loader", {"waits for data", "等待数据"}, &StepShares::loader_ms},
    {"synchronisation", {"idles after a synchronisation", "同步后空闲"}, &StepShares::sync_ms},
    {"launch", {"waits for kernel launches", "等待启动核函数"}, &StepShares::launch_ms},
    {"copy", {"only copies", "仅拷贝"}, &StepShares::copy_ms},
    {"collective", {"only communicates with other ranks", "仅与其他 rank 通信"}, &StepShares::collective_ms},
    {"optimizer", {"waits for the optimiser on the CPU", "等待 CPU 执行优化器"}, &StepShares::optimizer_ms},
}};

}  // namespace wring
