#pragma once

// wring monitor on a machine played back by a stand-in for nvidia-smi.

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "fixtures/programs.h"
#include "fixtures/running_program.h"
#include "fixtures/scripted_smi.h"

namespace wring::testing_support {

inline constexpr const char* kOneCard =
    "index=0\nuuid=GPU-4070\nname=NVIDIA GeForce RTX 4070\ndriver_version=550.54.15\nmemory.total=12288\n"
    "memory.used=9584\nmemory.reserved=420\nutilization.gpu=87\nutilization.memory=31\npower.draw=151.25\n"
    "enforced.power.limit=200.00\ntemperature.gpu=61\n";
inline constexpr const char* kSecondCard =
    "\nindex=1\nuuid=GPU-second\nname=NVIDIA GeForce RTX 4070\ndriver_version=550.54.15\nmemory.total=12288\n"
    "memory.used=0\nutilization.gpu=0\n";
inline const std::string kChineseLine = "🎯 GPU利用率:  87% | 显存使用:  78% (9.4GB)\n";
inline const std::string kEnglishLine = "🎯 GPU-Util:  87% | Memory:  78% (9.4GB)\n";

inline std::vector<std::string> split(std::string_view text, std::string_view separator) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const auto at = text.find(separator);
    parts.emplace_back(text.substr(0, at));
    text.remove_prefix(at == std::string_view::npos ? text.size() : at + separator.size());
  }
  return parts;
}

class Monitor : public testing::Test {
 protected:
  void SetUp() override {
    programs_.set("WRING_NVIDIA_SMI", write_scripted_smi(programs_.folder(), kOneCard));
    programs_.set("XDG_STATE_HOME", (programs_.folder().path() / "state").string());
  }
  // In one step, so that a monitor that runs sees either the old machine or the new one.
  void use_machine(const std::string& machine) {
    std::filesystem::rename(programs_.folder().write("machine.new", machine), programs_.folder().path() / "machine");
  }

  static std::vector<std::string> with_monitor(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"monitor", "--interval", "0.1"});
    return arguments;
  }
  ChildResult run(std::vector<std::string> arguments) const {
    return programs_.wring(with_monitor(std::move(arguments)));
  }
  // Runs until the test ends it.
  std::unique_ptr<RunningProgram> start(std::vector<std::string> arguments,
                                        std::optional<int> standard_output = std::nullopt) const {
    arguments = with_monitor(std::move(arguments));
    arguments.insert(arguments.begin(), Programs::binary("wring"));
    return std::make_unique<RunningProgram>(programs_, arguments, standard_output);
  }

  Programs programs_;
};

}  // namespace wring::testing_support
