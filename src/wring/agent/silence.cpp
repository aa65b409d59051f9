#include "wring/agent/silence.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <string_view>

#include <fmt/format.h>

#include "wring/agent/words.h"

namespace wring {
namespace {

// They start programs elsewhere, or with an environment of their own.
constexpr std::array<std::string_view, 6> kOtherPlaces = {"docker",      "podman", "apptainer",
                                                          "singularity", "ssh",    "sudo"};

std::string program_name(const std::string& word) {
  return std::filesystem::path(word).filename().string();
}

bool is_python(const std::string& word) {
  std::string_view name = word;
  const std::string_view begin = name.starts_with("pypy") ? "pypy" : "python";
  if (!name.starts_with(begin)) return false;
  name.remove_prefix(begin.size());
  return name.find_first_not_of("0123456789.") == std::string_view::npos;
}

// The letter of the first option that keeps the agent out; '\0' where there is none. Options end at the script, -c or
// -m.
char isolating_option(const std::vector<std::string>& command, std::size_t first) {
  for (std::size_t i = first; i < command.size(); ++i) {
    const std::string& word = command[i];
    if (word.size() < 2 || word[0] != '-') return '\0';
    if (word.starts_with("--")) continue;
    for (std::size_t k = 1; k < word.size(); ++k) {
      const char letter = word[k];
      if (letter == 'I' || letter == 'E' || letter == 'S') return letter;
      if (letter == 'c' || letter == 'm') return '\0';
      if (letter != 'W' && letter != 'X') continue;
      if (k + 1 == word.size()) ++i;  // its value is the next word
      break;
    }
  }
  return '\0';
}

// One of one is no rank to a reader.
Text process_name(const ObservedProcess& process) {
  if (process.world_size > 1) return {"rank {} (pid {})", "rank {} (pid {})", process.rank, process.pid};
  return {"process {}", "进程 {}", process.pid};
}

std::string seconds(double value) {
  return fmt::format("{:.0f}", value);
}

std::optional<Silence> runs_elsewhere(const std::vector<std::string>& command) {
  const std::string name = program_name(command.front());
  const bool emptied = name == "env" && command.size() > 1 && (command[1] == "-i" || command[1] == "-");
  if (!emptied && std::ranges::find(kOtherPlaces, name) == kOtherPlaces.end()) return std::nullopt;
  return Silence{
      {"no process of it stepped a PyTorch optimiser that could be seen: {} does not pass its environment on by "
       "itself, by which the agent comes in",
       "没有观察到执行 PyTorch 优化器 step 的进程：{} 默认不传递环境变量，探针无法进入", name},
      {"run wring diagnose inside of it", "请在其内部运行 wring diagnose"}};
}

// Of a program of which no process has said anything.
Silence of_program(const ObservedProgram& program) {
  const std::string waited = seconds(program.waited_s);
  if (program.how == EndOfProgram::timed_out) {
    return {{"no process of it stepped a PyTorch optimiser within {} s", "{} 秒内没有进程执行过 PyTorch 优化器的 step",
             waited},
            {"--timeout waits longer", "--timeout 可延长等待"}};
  }
  if (program.how == EndOfProgram::interrupted) {
    return {{"interrupted before a process of it stepped a PyTorch optimiser",
             "中断时还没有进程执行过 PyTorch 优化器的 step"},
            {}};
  }
  if (program.end.signal) {
    return {{"signal {} ended it before a process of it stepped a PyTorch optimiser",
             "它被信号 {} 终止，此前没有进程执行过 PyTorch 优化器的 step", *program.end.signal},
            {}};
  }
  if (program.end.exit_status.value_or(0) != 0) {
    return {{"it ended with exit code {} before a process of it stepped a PyTorch optimiser",
             "它以退出码 {} 结束，此前没有进程执行过 PyTorch 优化器的 step", *program.end.exit_status},
            {}};
  }
  return {
      {"it ended, and no process of it stepped a PyTorch optimiser", "它已结束，没有进程执行过 PyTorch 优化器的 step"},
      {"what it leaves in the background ends with it: give the command that stays until the training is over",
       "它留在后台的进程会随之结束：请给出在训练结束前一直运行的命令"}};
}

}  // namespace

Silence why_silent(const ObservedProgram& program, const AgentClient& client) {
  const Text process = process_name(client.process);
  if (client.failure && client.process.pid == 0) return {*client.failure, {}};
  if (client.failure) {
    const bool too_early = program.how == EndOfProgram::by_itself && client.phase == "warmup";
    return {{"{}: {}", "{}：{}", process, *client.failure},
            too_early ? Text("a verdict needs some 45 steps: --after 5 --steps 30",
                             "得出结论约需 45 步：--after 5 --steps 30")
                      : Text()};
  }
  const Text phase = window_text(client.phase);
  if (client.gone && program.how == EndOfProgram::by_itself) {
    return {{"{} ended during {}, before all was measured", "{} 在“{}”阶段结束，尚未测完", process, phase},
            {"let it run longer, or measure less: --after 5 --steps 30",
             "请让它运行更久，或减少测量：--after 5 --steps 30"}};
  }
  const std::string waited = seconds(program.waited_s);
  if (program.how == EndOfProgram::interrupted) {
    return {
        {"interrupted during {} of {}, before all was measured", "中断时 {1} 处于“{0}”阶段，尚未测完", phase, process},
        {}};
  }
  return {{"after {} s {} was still at {}", "{} 秒后，{} 仍处于“{}”阶段", waited, process, phase},
          {"--timeout waits longer, --steps and --after measure less",
           "--timeout 可延长等待，--steps 和 --after 可减少测量"}};
}

std::optional<Silence> isolated_python(const std::vector<std::string>& command) {
  const auto python =
      std::ranges::find_if(command, [](const std::string& word) { return is_python(program_name(word)); });
  if (python == command.end()) return std::nullopt;
  const char letter = isolating_option(command, static_cast<std::size_t>(python - command.begin()) + 1);
  if (letter == '\0') return std::nullopt;
  const std::string name = program_name(*python), option = std::string("-") + letter;
  return Silence{{"{} {} takes no notice of PYTHONPATH or sitecustomize, by which the agent comes in",
                  "{} {} 会忽略 PYTHONPATH 和 sitecustomize，wring 的探针因此无法进入", name, option},
                 {"run it without {}", "请去掉 {} 再运行", option}};
}

std::optional<Silence> why_silent(const ObservedProgram& program, const std::vector<std::string>& command) {
  if (!program.observations.empty()) return std::nullopt;
  // What the agent itself says is worth more than that a process is gone.
  const auto failed =
      std::ranges::find_if(program.silent, [](const AgentClient& one) { return one.failure.has_value(); });
  if (failed != program.silent.end()) return why_silent(program, *failed);
  if (!program.silent.empty()) return why_silent(program, program.silent.front());
  if (program.agent_removed) {
    return Silence{
        {"the agent's files were removed while the program ran", "程序运行期间探针的文件被删除"},
        {"leave its folder alone, or set TMPDIR to another place", "请勿删除其文件夹，或把 TMPDIR 设为别处"}};
  }
  if (auto isolated = isolated_python(command)) return isolated;
  if (auto elsewhere = runs_elsewhere(command)) return elsewhere;
  return of_program(program);
}

std::vector<SilentProcess> silent_processes(const ObservedProgram& program) {
  std::vector<SilentProcess> silent;
  for (const AgentClient& client : program.silent) {
    silent.push_back({client.process.pid, client.process.rank, client.phase, why_silent(program, client).why});
  }
  return silent;
}

}  // namespace wring
