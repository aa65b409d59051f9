#include "wring/cli/doctor.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "wring/base/json_text.h"
#include "wring/base/message.h"
#include "wring/cli/command_parser.h"
#include "wring/console/terminal.h"
#include "wring/doctor/checks.h"
#include "wring/process/find_wring_train.h"

namespace wring {
namespace {

namespace fs = std::filesystem;

constexpr int kNarrowest = 40;
constexpr int kUsualColumns = 100;

struct DoctorOptions {
  CommonOptions common;
  bool json = false;
  std::string device = "auto";
  fs::path experiments = "experiments";
};

Ink ink_of(CheckState state) {
  return state == CheckState::good      ? Ink::green
         : state == CheckState::note    ? Ink::dim
         : state == CheckState::warning ? Ink::yellow
                                        : Ink::red;
}

std::string sign_of(CheckState state, const Console& console) {
  if (!console.utf8) {
    return state == CheckState::good      ? "ok"
           : state == CheckState::note    ? "--"
           : state == CheckState::warning ? "! "
                                          : "X ";
  }
  return state == CheckState::good ? "✓" : state == CheckState::note ? "·" : state == CheckState::warning ? "!" : "✗";
}

// The lines of `text` after a column that the first of them continues.
void print_beside(const std::string& text, int column) {
  const int width = std::max(kNarrowest, terminal_columns().value_or(kUsualColumns) - column);
  bool first = true;
  for (const std::string& line : wrap(without_controls(text), width)) {
    print_out("{}{}\n", first ? "" : std::string(static_cast<std::size_t>(column), ' '), line);
    first = false;
  }
}

void print_check(const Check& check, int name_width, const Console& console) {
  const std::string sign = sign_of(check.state, console);
  const int column = display_width(sign) + 1 + name_width + 2;
  print_painted("{} {}  ", paint(sign, ink_of(check.state), console.color_out),
                pad_to(console.text(check.name), name_width));
  print_beside(console.text(check.found), column);
  const std::string indent(static_cast<std::size_t>(column), ' ');
  if (!check.means.empty()) {
    print_out("{}", indent);
    print_beside(console.text(check.means), column);
  }
  if (!check.cure.empty()) {
    const std::string arrow = console.utf8 ? "→ " : "-> ";
    print_out("{}{}", indent, arrow);
    print_beside(console.text(check.cure), column + display_width(arrow));
  }
}

Text verdict_of(bool trains, bool on_gpu) {
  if (!trains) return {"Training cannot run here; the ✗ lines say why.", "本机无法训练，原因见 ✗ 各行。"};
  if (on_gpu) return {"Training can run, on the GPU.", "可以训练（使用 GPU）。"};
  return {"Training can run, on the CPU.", "可以训练（使用 CPU）。"};
}

void print_text(const std::vector<Check>& checks, bool on_gpu, const Console& console) {
  int width = 0;
  for (const Check& check : checks) width = std::max(width, display_width(console.text(check.name)));
  for (const Check& check : checks) {
    if (!console.quiet || check.state == CheckState::missing) print_check(check, width, console);
  }
  if (!console.quiet) print_out("\n{}\n", console.text(verdict_of(can_train(checks), on_gpu)));
}

void print_json(const std::vector<Check>& checks, bool on_gpu, const Console& console) {
  using Json = nlohmann::ordered_json;
  const auto text = [&](const Text& both) { return both.empty() ? Json() : Json(both.in(console.language)); };
  Json json = {{"schema", 1}, {"can_train", can_train(checks)}, {"on_gpu", on_gpu}, {"checks", Json::array()}};
  for (const Check& check : checks) {
    json["checks"].push_back({{"id", check.id},
                              {"state", state_name(check.state)},
                              {"found", text(check.found)},
                              {"means", text(check.means)},
                              {"cure", text(check.cure)}});
  }
  print_out("{}\n", json_text(json));
}

std::optional<fs::path> wring_train_if_any() {
  try {
    return find_wring_train();
  } catch (const Error&) {
    return std::nullopt;
  }
}

// A missing GPU alone is the exit code that says so.
int exit_code(const std::vector<Check>& checks) {
  if (can_train(checks)) return 0;
  const bool only_gpu = std::ranges::all_of(checks, [](const Check& check) {
    return check.state != CheckState::missing || check.id == "gpu" || check.id == "cuda";
  });
  return static_cast<int>(only_gpu ? ErrorCode::no_gpu : ErrorCode::failed);
}

}  // namespace

int doctor_command(const Arguments& arguments, const CommonOptions& common) {
  DoctorOptions options;
  options.common = common;
  CommandParser parser("wring doctor", "[--device auto|cpu|cuda] [--experiments DIR] [--json]",
                       {"Looks at what training needs of this machine: what is there, what is missing, what that "
                        "means, and the cure. Exit code 0 only if training can run.",
                        "检查训练所需的本机条件：有什么、缺什么、意味着什么、如何解决。仅当可以训练时退出码为 0。"},
                       options.common);
  parser.option("--device", "auto|cpu|cuda", options.device,
                {"where training is to run; with cuda a missing GPU is exit code 3 (default: auto)",
                 "训练所用设备；为 cuda 时缺少 GPU 的退出码为 3（默认：auto）"});
  parser.option("--experiments", "DIR", options.experiments,
                {"the folder whose disk is tried; it is not created (default: experiments)",
                 "要检测其所在磁盘的文件夹，不会创建（默认：experiments）"});
  parser.flag("--json", options.json, {"print one JSON object instead of text", "输出一个 JSON 对象而非文本"});
  parser.example("wring doctor", {"what is there, what is missing, and the cure", "有什么、缺什么、如何解决"});
  parser.example("wring doctor --device cuda && wring train configs/balanced.yaml",
                 {"trains only where a GPU can be used", "仅在可用 GPU 时训练"});
  if (const auto done = parser.parse(arguments)) return *done;
  require_choice("--device", options.device, {"auto", "cpu", "cuda"});

  const MachineFacts facts = gather_facts({wring_train_if_any(), options.experiments, "/"});
  const std::vector<Check> checks = check_machine(facts, options.device == "cuda");
  const bool on_gpu = trains_on_gpu(facts) && options.device != "cpu";
  const Console console = console_for(options.common);
  if (options.json) {
    print_json(checks, on_gpu, console);
  } else {
    print_text(checks, on_gpu, console);
  }
  return exit_code(checks);
}

}  // namespace wring
