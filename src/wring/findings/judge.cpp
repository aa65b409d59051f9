#include "wring/findings/judge.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <optional>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "wring/base/error.h"
#include "wring/findings/diagnosis.h"
#include "wring/findings/evidence.h"
#include "wring/findings/program.h"
#include "wring/findings/rules/rules.h"

namespace wring {
namespace {

template <typename Function>
struct Rule {
  std::string_view name;
  Function run;
};

// Where two are equally certain, the first one counts.
constexpr std::array<Rule<std::optional<Finding> (*)(const Features&)>, 10> kVerdictRules = {{
    {"idle", rules::idle},
    {"compute_bound", rules::compute_bound},
    {"tensor_cores_unused", rules::tensor_cores_unused},
    {"memory_bandwidth_bound", rules::memory_bandwidth_bound},
    {"launch_bound", rules::launch_bound},
    {"collective_bound", rules::collective_bound},
    {"input_bound", rules::input_bound},
    {"power_throttled", rules::power_throttled},
    {"thermally_throttled", rules::heat_throttled},
    {"memory_nearly_full", rules::memory_nearly_full},
}};

// Those that lose time before the card come first, because what the card itself takes is the rest.
constexpr std::array<Rule<void (*)(Diagnosis&)>, 9> kDiagnosisRules = {{
    {"data_bound", rules::data_bound},
    {"transfer_bound", rules::transfer_bound},
    {"launch_bound", rules::launch_bound},
    {"too_small", rules::too_small},
    {"precision_bound", rules::precision_bound},
    {"throttled", rules::throttled},
    {"memory_bandwidth_bound", rules::memory_bandwidth_bound},
    {"slow_kernels", rules::slow_kernels},
    {"compute_bound", rules::compute_bound},
}};

// compute_bound comes last: it says that the others found nothing worth a change.
constexpr std::array<Rule<void (*)(ProgramDiagnosis&)>, 10> kProgramRules = {{
    {"input_bound", rules::input_bound},
    {"synchronisations", rules::synchronisations},
    {"optimizer", rules::optimizer},
    {"launch_bound", rules::launch_bound},
    {"transfer_bound", rules::transfer_bound},
    {"collective_bound", rules::collective_bound},
    {"tensor_cores_unused", rules::tensor_cores_unused},
    {"layout", rules::layout},
    {"throttled", rules::throttled},
    {"compute_bound", rules::compute_bound},
}};

std::vector<std::string_view> names_of(const auto& table) {
  std::vector<std::string_view> names;
  for (const auto& rule : table) names.push_back(rule.name);
  return names;
}

void run_all(const auto& table, std::span<const std::string> disabled, const auto& run) {
  for (const std::string& name : disabled) {
    const std::vector<std::string_view> names = names_of(table);
    if (std::ranges::find(names, name) != names.end()) continue;
    const std::string list = fmt::format("{}", fmt::join(names, ", "));
    throw Error(ErrorCode::usage, Text("unknown rule '{}'", "未知的规则“{}”", name),
                Text("the rules are: " + list, "规则有：" + list));
  }
  for (const auto& rule : table) {
    if (std::ranges::find(disabled, rule.name) == disabled.end()) run(rule.run);
  }
}

}  // namespace

std::vector<std::string_view> verdict_rules() {
  return names_of(kVerdictRules);
}

std::vector<std::string_view> diagnosis_rules() {
  return names_of(kDiagnosisRules);
}

std::vector<std::string_view> program_rules() {
  return names_of(kProgramRules);
}

std::vector<Finding> verdicts(const Features& features, std::span<const std::string> disabled) {
  std::vector<Finding> found;
  if (features.data_s < kSilentBelowS) return found;
  run_all(kVerdictRules, disabled, [&](auto* rule) {
    if (std::optional<Finding> finding = rule(features)) found.push_back(*std::move(finding));
  });
  std::ranges::stable_sort(found, std::greater{}, &Finding::confidence);
  return found;
}

std::vector<Finding> diagnose(const DiagnosisInput& input, std::span<const std::string> disabled) {
  if (!ran(input.real)) return {};
  Diagnosis diagnosis(input);
  run_all(kDiagnosisRules, disabled, [&](auto* rule) { rule(diagnosis); });
  return std::move(diagnosis).finish();
}

std::vector<ProgramFinding> diagnose_program(const ProgramInput& input, std::span<const std::string> disabled) {
  ProgramDiagnosis diagnosis(input);
  run_all(kProgramRules, disabled, [&](auto* rule) { rule(diagnosis); });
  return std::move(diagnosis).finish();
}

Text why_no_verdict(const Features& f) {
  if (!f.gpu_util && !f.sm_activity) {
    return {"neither GPU-Util nor SM activity could be read", "读不到GPU利用率和SM活跃度"};
  }
  if (f.steady_s < kSilentBelowS) {
    const double lasted_s = std::floor(f.steady_s);
    return {"the steady part lasted {} s, and {} s of it are needed", "稳定阶段只有 {} 秒，判断需要 {} 秒", lasted_s,
            kSilentBelowS};
  }
  if (!rules::waits(f)) {
    return {"the card is in use, and no single limit shows", "显卡在使用中，没有单一的瓶颈"};
  }
  if (!f.program) {
    return {
        "the card waits, and the program that uses it cannot be seen from here (another user's or container's, or one "
        "of several): wring monitor -- COMMAND sees it",
        "显卡在等待，但这里看不到使用它的程序（属于其他用户或容器，或有多个程序）：wring monitor -- COMMAND 可以看到"};
  }
  if (f.program->launching >= rules::limit::kLaunching) {
    return {
        "the card waits for one busy thread of the program, and it cannot be told from outside whether that launches "
        "small kernels or prepares data: py-spy top --pid PID tells",
        "显卡在等程序的一个繁忙线程，从外部无法区分它是在启动小核函数还是在准备数据：可用 py-spy top --pid PID 查看"};
  }
  return {
      "the card waits, but neither the program's readers ({:.0f} at work) nor its launching thread ({:.0f} %) "
      "have all that they can do: it may wait for a network, a lock or another process; py-spy dump --pid "
      "PID tells",
      "显卡在等待，但程序的读取者（{:.0f} 个在工作）和启动线程（{:.0f}%）都不满负荷：它可能在等网络、锁或其他进程，"
      "可用 py-spy dump --pid PID 查看",
      f.program->readers, f.program->launching};
}

}  // namespace wring
