// wring monitor as a user runs it, on a machine played back by a stand-in for nvidia-smi.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/monitor_fixture.h"

namespace wring {
namespace {

using namespace testing_support;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

TEST_F(Monitor, PrintsTheGuidesLinesCharacterForCharacter) {
  const ChildResult result = run({"0.3", "--lang", "zh"});
  EXPECT_EQ(result.exit_status, 0) << result.err;
  EXPECT_THAT(result.out, StartsWith(kChineseLine + kChineseLine));
  EXPECT_THAT(result.out, HasSubstr("(9.4GB)\n\n"
                                    "📊 监控总结:\n"
                                    "平均GPU利用率: 87.0%\n"
                                    "平均显存使用: 78.0%\n"
                                    "峰值显存使用: 9.4GB\n"
                                    "✅ GPU利用率良好!\n"));
}

TEST_F(Monitor, PrintsThemInEnglish) {
  const ChildResult result = run({"0.3"});
  EXPECT_THAT(result.out, StartsWith(kEnglishLine + kEnglishLine));
  EXPECT_THAT(result.out, HasSubstr("(9.4GB)\n\n📊 Monitor summary:\nAverage GPU-Util: 87.0%\n"
                                    "Average memory use: 78.0%\nPeak memory use: 9.4GB\n✅ The GPU is well used!\n"));
}

TEST_F(Monitor, WithoutUtf8TheLinesAreAscii) {
  programs_.set("LC_ALL", "C");
  const ChildResult result = run({"0.2"});
  EXPECT_THAT(result.out, StartsWith("GPU-Util:  87% | Memory:  78% (9.4GB)\n"));
  const auto beyond_ascii = [](const std::string& text) {
    return std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
  };
  EXPECT_FALSE(beyond_ascii(result.out)) << result.out;
  EXPECT_FALSE(beyond_ascii(result.err)) << result.err;
}

TEST_F(Monitor, NumbersTheLinesOfSeveralCards) {
  use_machine(std::string(kOneCard) + kSecondCard);
  const ChildResult result = run({"0.2"});
  EXPECT_THAT(result.out, StartsWith("🎯 [0] GPU-Util:  87% | Memory:  78% (9.4GB)\n"
                                     "🎯 [1] GPU-Util:   0% | Memory:   0% (0.0GB)\n"));
  EXPECT_THAT(result.out, HasSubstr("Average GPU-Util: 43.5%\n"));
  EXPECT_THAT(run({"0.2", "--gpus", "1"}).out, StartsWith("🎯 GPU-Util:   0% | Memory:   0% (0.0GB)\n"));
  EXPECT_THAT(run({"0.2", "--gpus", "1,GPU-4070"}).out, HasSubstr("Average GPU-Util: 43.5%\n"));
}

TEST_F(Monitor, SaysWhatIsMissingAndNeverZero) {
  use_machine("index=0\nuuid=GPU-old\nname=Old\nmemory.total=[N/A]\n");
  const ChildResult result = run({"0.2"});
  EXPECT_THAT(result.out, StartsWith("🎯 GPU-Util:  N/A | Memory:  N/A\n"));
  EXPECT_THAT(result.out, HasSubstr("Average GPU-Util: N/A\n"));
}

TEST_F(Monitor, AReadingAboveAHundredPerCentIsLeftOut) {
  use_machine("index=0\nuuid=GPU-a\nname=A\nutilization.gpu=4294967295\n");
  const ChildResult result = run({"0.2"});
  EXPECT_THAT(result.out, StartsWith("🎯 GPU-Util:  N/A"));
  EXPECT_THAT(result.out, HasSubstr("impossible readings left out"));
}

TEST_F(Monitor, AnOddLineOfNvidiaSmiIsAWarningAndNoCard) {
  for (const char* status : {"0", "14"}) {
    const auto smi = programs_.folder().write_script("odd-nvidia-smi",
                                                     "\"$(dirname \"$0\")/nvidia-smi\" \"$@\"\n"
                                                     "echo 'WARNING: infoROM is corrupted at gpu 0000:B3:00.0'\nexit " +
                                                         std::string(status) + "\n");
    programs_.set("WRING_NVIDIA_SMI", smi.string());
    const ChildResult result = run({"0.2"});
    EXPECT_THAT(result.out, StartsWith(kEnglishLine + kEnglishLine)) << status;
    EXPECT_THAT(result.err, HasSubstr("warning: nvidia-smi: WARNING: infoROM is corrupted at gpu 0000:B3:00.0"));
    EXPECT_THAT(result.err, Not(HasSubstr("4070"))) << "a healthy row is no warning";
  }
}

TEST_F(Monitor, MemoryAboveItsTotalIsLeftOut) {
  use_machine("index=0\nuuid=GPU-a\nname=A\nmemory.total=1000\nmemory.used=2000\nutilization.gpu=50\n");
  const ChildResult result = run({"0.2"});
  EXPECT_THAT(result.out, StartsWith("🎯 GPU-Util:  50% | Memory:  N/A\n"));
  EXPECT_THAT(result.out, HasSubstr("impossible readings left out"));
}

TEST_F(Monitor, AGpuUtilThatIsNotAvailableHasItsReasonOnce) {
  programs_.use_machine("mig");
  const ChildResult result = run({"0.5", "--gpus", "GPU-h100aaaa"});
  EXPECT_THAT(result.out, StartsWith("🎯 GPU-Util:  N/A"));
  EXPECT_EQ(split(result.err, "GPU-Util is N/A: MIG is on").size(), 2u) << result.err;
  EXPECT_THAT(result.out, HasSubstr("❔ GPU-Util could not be read: MIG is on"));
  EXPECT_THAT(run({"0.3", "--quiet"}).err, IsEmpty());
}

TEST_F(Monitor, InAChineseLocaleThatIsNotUtf8ItWritesEnglishInAscii) {
  const auto beyond_ascii = [](const std::string& text) {
    return std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
  };
  for (const char* locale : {"zh_CN.GBK", "zh_CN.GB18030", "zh_CN"}) {
    programs_.set("LC_ALL", locale);
    for (const std::vector<std::string>& arguments : {std::vector<std::string>{"0.2"}, {"0.2", "--lang", "zh"}}) {
      const ChildResult result = run(arguments);
      EXPECT_THAT(result.out, StartsWith("GPU-Util:  87% | Memory:  78% (9.4GB)\n")) << locale;
      EXPECT_FALSE(beyond_ascii(result.out + result.err)) << locale;
    }
    for (const std::vector<std::string>& command : {std::vector<std::string>{"doctor"},
                                                    {"--help"},
                                                    {"optimize", "--help"},
                                                    {"monitor", "--help"},
                                                    {"train", "no.yaml"},
                                                    {"cache"},
                                                    {"nonsense"},
                                                    {}}) {
      const ChildResult result = programs_.wring(command);
      EXPECT_FALSE(beyond_ascii(result.out + result.err)) << locale << ": " << result.out << result.err;
    }
  }
}

TEST_F(Monitor, CsvIsThatOfNvidiaSmi) {
  const ChildResult result = run({"0.2", "--format", "csv"});
  EXPECT_EQ(result.exit_status, 0);
  const auto lines = split(result.out, "\n");
  ASSERT_GE(lines.size(), 3u);
  const auto names = split(lines[0], ", ");
  const auto first = split(lines[1], ", ");
  const auto value = [&](const std::string& name) {
    const auto at = std::ranges::find(names, name);
    return at != names.end() ? first.at(static_cast<std::size_t>(at - names.begin())) : "no column " + name;
  };
  EXPECT_THAT(lines[0], StartsWith("timestamp, index, uuid, utilization.gpu [%], "));
  for (const std::string& line : lines) EXPECT_EQ(split(line, ", ").size(), names.size());
  EXPECT_THAT(value("timestamp"),
              testing::MatchesRegex("[0-9]{4}/[0-9]{2}/[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}"));
  EXPECT_EQ(value("index"), "0");
  EXPECT_EQ(value("uuid"), "GPU-4070");
  EXPECT_EQ(value("utilization.gpu [%]"), "87");
  EXPECT_EQ(value("memory.used [MiB]"), "9584");
  EXPECT_EQ(value("power.draw [W]"), "151.25");
  EXPECT_EQ(value("temperature.memory"), "[N/A]");
  EXPECT_THAT(result.err, HasSubstr("📊 Monitor summary:")) << "beside the data, not in it";
}

TEST_F(Monitor, JsonLinesAreObjectsWithNumbersAndNulls) {
  const ChildResult result = run({"0.2", "--format", "jsonl"});
  EXPECT_EQ(result.exit_status, 0);
  const auto lines = split(result.out, "\n");
  ASSERT_GE(lines.size(), 2u);
  for (const std::string& line : lines) {
    const auto tick = nlohmann::json::parse(line);
    EXPECT_EQ(tick.at("schema"), "wring.monitor.tick/1");
    const auto& gpu = tick.at("gpus").at(0);
    EXPECT_EQ(gpu.at("uuid"), "GPU-4070");
    EXPECT_TRUE(gpu.at("gpu_util").is_number());
    EXPECT_EQ(gpu.at("gpu_util"), 87);
    EXPECT_EQ(gpu.at("power_w"), 151.25);
    EXPECT_TRUE(gpu.at("tensor_activity").is_null());
    EXPECT_TRUE(tick.at("host").at("memory_total_mib").is_number());
  }
}

TEST_F(Monitor, InterruptAndTerminateStopItWithASummaryAndExitCodeZero) {
  for (const int signal : {SIGINT, SIGTERM}) {
    const auto program = start({});
    ASSERT_TRUE(program->wait_for_output(kEnglishLine));
    program->send(signal);
    EXPECT_EQ(program->wait(), 0) << signal;
    EXPECT_THAT(program->out(), HasSubstr("📊 Monitor summary:")) << signal;
    EXPECT_THAT(program->err(), Not(HasSubstr("error"))) << signal;
  }
}

TEST_F(Monitor, ASecondInterruptEndsItAtOnceThoughNobodyReadsItsOutput) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  ::fcntl(ends[1], F_SETPIPE_SZ, 4096);
  const auto program = start({"--format", "csv"}, ends[1]);
  // Fills the pipe, so that the monitor's last words find no room either.
  ::fcntl(ends[1], F_SETFL, O_NONBLOCK);
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  const std::string filling(256, ' ');
  while (::write(ends[1], filling.data(), filling.size()) > 0) {
  }
  while (::write(ends[1], filling.data(), 1) > 0) {
  }
  ::fcntl(ends[1], F_SETFL, 0);
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  program->send(SIGINT);
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  program->send(SIGINT);
  EXPECT_EQ(program->wait(), 128 + SIGINT);
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST_F(Monitor, AReaderThatLeavesIsAQuietEnd) {
  const ChildResult result = programs_.run(
      "/bin/sh", {"-c", "('" + Programs::binary("wring") + "' monitor --interval 0.1; echo $? > code) | head -n 1"});
  EXPECT_EQ(result.out, kEnglishLine);
  EXPECT_EQ(programs_.read("code"), "0\n");
  EXPECT_THAT(result.err, Not(HasSubstr("error")));
  EXPECT_THAT(result.err, Not(HasSubstr("summary")));
}

TEST_F(Monitor, OfARunItNamesTheRankThatHoldsTheOthersUp) {
  const std::string line = R"({"step":1,"data_wait_share":0.25,"ranks":2,"slowest_rank":1,"data_wait_spread":0.2})";
  programs_.folder().write("experiments/two/metrics.jsonl", line + "\n" + line + "\n" + line + "\n");
  EXPECT_THAT(run({"0.2", "--run", "experiments/two"}).out, HasSubstr("all wait for rank 1"));
  EXPECT_THAT(run({"0.2", "--run", "experiments/none"}).out, HasSubstr("no lines of several ranks"));
}

TEST_F(Monitor, WithoutAGpuTheComputerIsWatchedAndTheReasonIsGivenOnce) {
  programs_.set("WRING_NVIDIA_SMI", kMissingNvidiaSmi);
  const ChildResult result = run({"0.3"});
  EXPECT_EQ(result.exit_status, 0);
  EXPECT_THAT(result.out, StartsWith("💻 CPU: "));
  EXPECT_THAT(result.err, HasSubstr("(code 12) → install the NVIDIA driver"));
  const auto lines = split(result.err, "\n");
  for (const std::string& line : lines) EXPECT_THAT(line, StartsWith("warning: "));
  EXPECT_EQ(std::set<std::string>(lines.begin(), lines.end()).size(), lines.size());
}

TEST_F(Monitor, StrictNeedsAGpu) {
  programs_.set("WRING_NVIDIA_SMI", kMissingNvidiaSmi);
  const ChildResult result = run({"0.3", "--strict", "--", "/bin/echo", "started"});
  EXPECT_EQ(result.exit_status, 3);
  EXPECT_THAT(result.out, IsEmpty()) << "the command is not started";
}

TEST_F(Monitor, ACardThatIsLostIsMarkedAndTheOthersGoOn) {
  use_machine(std::string(kOneCard) + kSecondCard);
  for (const bool strict : {false, true}) {
    use_machine(std::string(kOneCard) + kSecondCard);
    const auto program = start(strict ? std::vector<std::string>{"--strict"} : std::vector<std::string>{});
    ASSERT_TRUE(program->wait_for_output("🎯 [1] GPU-Util:   0%"));
    use_machine(std::string(kOneCard) + "\nindex=1\nuuid=GPU-second\nmemory.used=[GPU is lost]\n");
    ASSERT_TRUE(program->wait_for_output("❌ [1] "));
    const std::size_t then = program->out().size();
    ASSERT_TRUE(RunningProgram::wait_until(
        [&] { return program->out().find("🎯 [0] GPU-Util:  87%", then) != std::string::npos; }));
    program->send(SIGINT);
    EXPECT_EQ(program->wait(), strict ? 1 : 0);
    EXPECT_THAT(program->out(), HasSubstr("📊 Monitor summary:"));
    EXPECT_THAT(program->err(), HasSubstr("warning: GPU 1: "));
    EXPECT_EQ(split(program->err(), "warning: GPU 1: ").size(), 2u) << "told once";
  }
}

TEST_F(Monitor, ADriverCallThatHangsStopsNeitherTheOtherCardsNorTheEnd) {
  programs_.set("WRING_NVML_LIBRARY", fake_nvml());
  programs_.set("WRING_FAKE_NVML", programs_.folder()
                                       .write("hanging.txt",
                                              "card\nname A\nuuid GPU-a\ngpu_util 87\n"
                                              "card\nname B\nuuid GPU-b\ngpu_util 50\n"
                                              "tick 300\nhang nvmlDeviceGetUtilizationRates\n")
                                       .string());
  for (const bool strict : {false, true}) {
    const auto program = start(strict ? std::vector<std::string>{"--strict"} : std::vector<std::string>{});
    ASSERT_TRUE(program->wait_for_output("⏳ [1] GPU 1: driver call stuck 4 s"));
    const std::size_t then = program->out().size();
    EXPECT_TRUE(RunningProgram::wait_until(
        [&] { return program->out().find("🎯 [0] GPU-Util:  87%", then) != std::string::npos; }));
    program->send(SIGINT);
    EXPECT_EQ(program->wait(), strict ? 1 : 0);
    EXPECT_THAT(program->out(), HasSubstr("📊 Monitor summary:"));
    EXPECT_THAT(program->out(), HasSubstr("driver call stuck for "));
    EXPECT_THAT(program->err(), HasSubstr("warning: GPU 1: a driver call does not come back"));
  }
}

TEST_F(Monitor, QuietPrintsNothing) {
  const ChildResult result = run({"0.2", "--quiet"});
  EXPECT_EQ(result.exit_status, 0);
  EXPECT_THAT(result.out, IsEmpty());
  EXPECT_THAT(result.err, IsEmpty());
}

TEST_F(Monitor, WrongUsageIsExitCodeTwo) {
  const auto message = [&](const std::vector<std::string>& arguments) {
    const ChildResult result = programs_.wring(arguments);
    EXPECT_EQ(result.exit_status, 2) << result.err;
    return result.err;
  };
  EXPECT_THAT(message({"monitor", "--interval", "0.05"}), HasSubstr("--interval: 0.05 s is not between 0.1"));
  EXPECT_THAT(message({"monitor", "soon"}), HasSubstr("SECONDS: 'soon' is not a number of seconds"));
  EXPECT_THAT(message({"monitor", "-5"}), HasSubstr("error: "));
  EXPECT_THAT(message({"monitor", "nan"}), HasSubstr("SECONDS"));
  EXPECT_THAT(message({"monitor", "5", "python"}), HasSubstr("a command to run goes after --"));
  EXPECT_THAT(message({"monitor", "--"}), HasSubstr("no command after --"));
  EXPECT_THAT(message({"monitor", "--format", "xml"}), HasSubstr("text, csv, jsonl"));
  EXPECT_THAT(message({"monitor", "--log-max-size", "big"}), HasSubstr("--log-max-size"));
  EXPECT_THAT(message({"monitor", "--gpus", "7"}), HasSubstr("7"));
}

// Where messages cannot be shown, the exit code and the files still tell.
TEST_F(Monitor, AFullOrClosedStandardErrorChangesNothing) {
  const std::string wring = Programs::binary("wring");
  EXPECT_EQ(programs_.run("sh", {"-c", wring + " --nonsense 2>/dev/full"}).exit_status, 2);
  EXPECT_EQ(programs_.run("sh", {"-c", wring + " --nonsense 2>&-"}).exit_status, 2);
  const ChildResult watched = programs_.run("sh", {"-c", wring + " monitor -- sh -c 'exit 3' 2>/dev/full"});
  EXPECT_EQ(watched.exit_status, 3);
}

}  // namespace
}  // namespace wring
