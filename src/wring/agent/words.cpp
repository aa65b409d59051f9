#include "wring/agent/words.h"

#include <algorithm>
#include <array>
#include <limits>

#include <fmt/format.h>

namespace wring {
namespace {

struct PhaseRow {
  std::string_view phase;
  Text name;
};
const std::array<PhaseRow, 7> kPhases = {{
    {"", {"the start", "启动"}},
    {"warmup", {"the warm-up", "预热"}},
    {"steps", {"the timing of steps", "逐步计时"}},
    {"trace", {"the profile of a few steps", "性能分析"}},
    {"export", {"the writing of the profile", "写出性能分析记录"}},
    {"syncs", {"the search for synchronisations", "查找同步调用"}},
    {"rate", {"the timing of a large matrix product", "大矩阵乘计时"}},
}};

// Empty where what the key needs is missing.
struct ReasonRow {
  std::string_view key;
  Text (*text)(const AgentReason& reason);
};
const std::array<ReasonRow, 9> kReasons = {{
    {"ended_early",
     [](const AgentReason& reason) {
       if (!reason.steps) return Text();
       return Text("the program ended after {} steps, before the ones to measure", "程序在 {} 步后结束，尚未开始测量",
                   *reason.steps);
     }},
    {"own_profiler",
     [](const AgentReason&) {
       return Text("the program runs a profiler of its own", "程序自身正在使用性能分析器（profiler）");
     }},
    {"profiler_in_between",
     [](const AgentReason&) {
       return Text("the program started a profiler of its own, or forked, within the first step",
                   "程序在第一步内启动了自己的性能分析器，或创建了子进程（fork）");
     }},
    {"no_profiler",
     [](const AgentReason& reason) {
       return Text("torch's profiler did not start: {}", "torch 的性能分析器未能启动：{}", reason.error);
     }},
    {"unwritten",
     [](const AgentReason& reason) {
       return Text("the profile could not be written: {}", "性能分析记录未能写入：{}", reason.error);
     }},
    {"ended_in_profile",
     [](const AgentReason&) {
       return Text("the program ended before torch had written the profile", "程序在 torch 写出性能分析记录之前结束");
     }},
    {"profile_not_begun",
     [](const AgentReason&) {
       return Text("torch's profiler did not begin: the program may run a profiler of its own",
                   "torch 的性能分析器未开始记录：程序自身可能正在使用性能分析器（profiler）");
     }},
    {"profile_damaged",
     [](const AgentReason& reason) {
       return Text("the profile cannot be used: {}", "性能分析记录无法使用：{}", reason.error);
     }},
    {"agent_error",
     [](const AgentReason& reason) {
       return Text("an error in wring's agent, which then switched itself off: {}", "wring 的探针出错并已自行关闭：{}",
                   reason.error);
     }},
}};

}  // namespace

Text window_text(std::string_view phase) {
  const auto row = std::ranges::find(kPhases, phase, &PhaseRow::phase);
  return row == kPhases.end() ? Text(std::string(phase)) : row->name;
}

Text reason_text(const AgentReason& reason) {
  const auto row = std::ranges::find(kReasons, reason.key, &ReasonRow::key);
  Text known = row == kReasons.end() ? Text() : row->text(reason);
  if (!known.empty()) return known;
  return reason.words.empty() ? Text("the agent gave up", "探针已放弃") : Text(reason.words);
}

AgentReason read_reason(const JsonFields& fields, const char* words) {
  AgentReason reason;
  reason.words = fields.text(words).value_or("");
  const auto keyed = fields.object("reason");
  if (!keyed) return reason;
  reason.key = keyed->text("key").value_or("");
  reason.steps = keyed->integer("steps", 0, std::numeric_limits<std::int64_t>::max());
  reason.error = keyed->text("error").value_or("");
  return reason;
}

const Text& on_off(bool value) {
  static const Text on{"on", "开"}, off{"off", "关"};
  return value ? on : off;
}

}  // namespace wring
