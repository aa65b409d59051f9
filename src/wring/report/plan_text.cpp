#include "wring/report/plan_text.h"

#include <algorithm>

#include <fmt/format.h>

#include "wring/base/message.h"
#include "wring/console/terminal.h"
#include "wring/process/shell_words.h"

namespace wring {
namespace {

void line(const Console& console, const Text& text) {
  print_out("{}\n", console.text(text));
}

std::string_view mark_of(Effect effect, const Console& console) {
  switch (effect) {
    case Effect::model:
      return console.utf8 ? "◆" : "#";
    case Effect::optimisation:
      return console.utf8 ? "▲" : "^";
    case Effect::speed:
    case Effect::none:
      break;
  }
  return " ";
}

Ink ink_of(Effect effect) {
  return effect == Effect::model ? Ink::yellow : effect == Effect::optimisation ? Ink::cyan : Ink::plain;
}

Text describe(const Gpu& gpu) {
  const std::string which = fmt::format("GPU {}{}{}", gpu.index, gpu.name.empty() ? "" : ": ", gpu.name);
  if (!gpu.memory_total_mib) return {which + ", memory unknown", which + "，显存未知"};
  const double gib = static_cast<double>(*gpu.memory_total_mib) / 1024.0;
  return {"{}, {:.1f} GiB", "{}，{:.1f} GiB", which, gib};
}

// A driver that is not installed fails every source with the same cure, which is said once.
void print_problems(const std::vector<GpuProblem>& problems, const Console& console) {
  for (std::size_t i = 0; i < problems.size(); ++i) {
    const bool repeated = i + 1 < problems.size() && problems[i + 1].cure.en == problems[i].cure.en;
    print_warning(problems[i].what, repeated ? Text() : with_doctor(problems[i].cure), console);
  }
}

void print_gpu(const Gpu& gpu, const Console& console) {
  if (!gpu.problem) return line(console, describe(gpu));
  const Text& what = gpu.problem->what;
  print_warning({"GPU {}: {}", "GPU {}：{}", gpu.index, what}, gpu.problem->cure, console);
}

void print_machine(const OptimizeReport& report, const Console& console) {
  const Machine& machine = report.plan.machine;
  if (report.inventory) {
    print_problems(report.inventory->problems, console);
    for (const Gpu& gpu : report.inventory->gpus) print_gpu(gpu, console);
    if (!report.inventory->driver_version.empty()) {
      line(console, {"driver " + report.inventory->driver_version, "驱动 " + report.inventory->driver_version});
    }
  } else if (machine.card) {
    const Card& card = *machine.card;
    line(console,
         {"planned for {} × {}, {:.1f} GiB", "按 {} × {}（{:.1f} GiB）规划", machine.gpus, card.name, card.memory_gib});
  }
  if (report.plan.basic_mode) {
    line(console, {"No GPU could be asked: basic mode, which raises values by rule of thumb.",
                   "无法检测 GPU：使用基础优化模式，按经验规则提升参数。"});
  }
  print_out("\n");
}

struct Columns {
  int key, old_value, new_value;
};

Columns measure(const Plan& plan, const Text& key, const Text& old_value, const Text& new_value,
                const Console& console) {
  Columns widths{display_width(console.text(key)), display_width(console.text(old_value)),
                 display_width(console.text(new_value))};
  for (const Change& change : plan.changes) {
    widths.key = std::max(widths.key, display_width(without_controls(change.key)));
    widths.old_value = std::max(widths.old_value, display_width(console.text(old_value_text(change))));
    widths.new_value = std::max(widths.new_value, display_width(without_controls(change.new_value)));
  }
  return widths;
}

// mark, key, old → new, reason; on a terminal the reason is broken to fit and continues below itself.
void print_row(const Change& change, const Columns& widths, const Console& console) {
  constexpr int kLeastReasonWidth = 24;
  const std::string_view arrow = console.utf8 ? "→" : "->";
  const std::string mark(mark_of(change.effect, console));
  const int indent = 2 + widths.key + 2 + widths.old_value + 1 + display_width(arrow) + 1 + widths.new_value + 2;
  const std::string reason = console.text(change.reason);
  const auto columns = terminal_columns();
  const bool fits = columns && *columns - indent >= kLeastReasonWidth;
  const std::vector<std::string> lines = fits ? wrap(reason, *columns - indent) : std::vector{reason};
  print_painted("{} {}  {} {} {}  {}\n", paint(mark, ink_of(change.effect), console.color_out),
                paint(pad_to(without_controls(change.key), widths.key), ink_of(change.effect), console.color_out),
                pad_to(console.text(old_value_text(change)), widths.old_value), arrow,
                paint(pad_to(without_controls(change.new_value), widths.new_value), Ink::bold, console.color_out),
                lines.front());
  for (std::size_t i = 1; i < lines.size(); ++i) print_out("{}{}\n", pad_to("", indent), lines[i]);
}

void print_changes(const Plan& plan, const Console& console) {
  if (plan.changes.empty()) {
    line(console,
         {"Nothing to change: the config already has what this plan would set.", "无需改动：配置已达到此规划的要求。"});
    return;
  }
  const Text key{"key", "参数"}, old_value{"old", "原值"}, new_value{"new", "新值"}, reason{"reason", "原因"};
  const Columns widths = measure(plan, key, old_value, new_value, console);
  const std::string arrow_gap(console.utf8 ? 1 : 2, ' ');
  const std::string header = fmt::format("  {}  {} {} {}  {}", pad_to(console.text(key), widths.key),
                                         pad_to(console.text(old_value), widths.old_value), arrow_gap,
                                         pad_to(console.text(new_value), widths.new_value), console.text(reason));
  print_painted("{}\n", paint(header, Ink::dim, console.color_out));
  for (const Change& change : plan.changes) print_row(change, widths, console);

  const auto any = [&](Effect effect) {
    return std::any_of(plan.changes.begin(), plan.changes.end(), [&](const Change& c) { return c.effect == effect; });
  };
  if (any(Effect::model) || any(Effect::optimisation)) print_out("\n");
  if (any(Effect::model)) {
    print_out("{} {}\n", mark_of(Effect::model, console),
              console.text({"changes the model: old checkpoints do not fit (wring optimize --keep-model avoids it)",
                            "改变模型：旧检查点不再适用（wring optimize --keep-model 可避免）"}));
  }
  if (any(Effect::optimisation)) {
    print_out("{} {}\n", mark_of(Effect::optimisation, console),
              console.text({"changes the optimisation: compare the loss, not only the speed",
                            "改变优化过程：请比较损失，而不只是速度"}));
  }
}

void print_run(const Plan& plan, const Console& console) {
  const int gpus = plan.machine.gpus;
  const Text text = run_length_text(plan.run_before, plan.run_after);
  const Text on = gpus > 1 ? Text(" on all {} GPUs (wring train --nproc {})",
                                  "（全部 {} 块 GPU，wring train --nproc {}）", gpus, gpus)
                           : Text();
  print_out("\n");
  line(console, {"The whole run{}: {}.", "整个训练{}：{}。", on, text});
}

}  // namespace

std::string next_command(const OptimizeReport& report) {
  return "wring train " + shell_quoted_path(report.output);
}

void print_text(const OptimizeReport& report, const Console& console) {
  if (console.quiet) return;
  print_machine(report, console);
  print_changes(report.plan, console);
  print_run(report.plan, console);
  if (!report.plan.notes.empty()) print_out("\n");
  for (const Text& note : report.plan.notes) {
    print_out("{}{}\n", console.text({"note: ", "说明："}), console.text(note));
  }
  const std::string output = report.output.string();
  print_out("\n");
  if (!report.written) {
    line(console, {"Not written (--dry-run): " + output, "未写入（--dry-run）：" + output});
    return;
  }
  line(console, {"Written: " + output, "已写入：" + output});
  line(console, {"Next:    " + next_command(report), "下一步：" + next_command(report)});
}

}  // namespace wring
