// wring monitor and wring benchmark: what the user typed, as options.
#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wring/base/error.h"
#include "wring/cli/benchmark.h"
#include "wring/cli/monitor.h"

namespace wring {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

MonitorOptions monitored(const Arguments& arguments) {
  MonitorOptions options;
  EXPECT_EQ(parse_monitor(arguments, options), std::nullopt);
  return options;
}

BenchmarkOptions benchmarked(Arguments arguments) {
  arguments.insert(arguments.begin(), "config.yaml");
  BenchmarkOptions options;
  EXPECT_EQ(parse_benchmark(arguments, options), std::nullopt);
  return options;
}

std::string usage_error(const std::function<void()>& parse) {
  try {
    parse();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::usage);
    return error.message().en;
  }
  return "no error";
}

TEST(MonitorArguments, HaveTheirDefaults) {
  const MonitorOptions options = monitored({});
  EXPECT_EQ(options.seconds, 0);
  EXPECT_EQ(options.interval_s, 1);
  EXPECT_THAT(options.gpus, IsEmpty());
  EXPECT_FALSE(options.format || options.log || options.summary || options.serve || options.run || options.token_file);
  EXPECT_FALSE(options.strict || options.allow_remote || options.why);
  EXPECT_EQ(options.rotation.max_bytes, 100 << 20);
  EXPECT_EQ(options.rotation.old_files, 5);
  EXPECT_THAT(options.command, IsEmpty());
}

TEST(MonitorArguments, AreAllTaken) {
  const MonitorOptions options = monitored({"12.5",
                                            "-i",
                                            "0.1",
                                            "--gpus",
                                            "0,,2",
                                            "--gpus",
                                            "GPU-a,",
                                            "--format",
                                            "csv",
                                            "--log",
                                            "a.csv",
                                            "--log-max-size",
                                            "3K",
                                            "--log-files",
                                            "0",
                                            "--summary",
                                            "s.json",
                                            "--run",
                                            "experiments/x",
                                            "--serve",
                                            "127.0.0.1:0",
                                            "--allow-remote",
                                            "--token-file",
                                            "t",
                                            "--strict",
                                            "--why",
                                            "--",
                                            "python",
                                            "--quiet"});
  EXPECT_EQ(options.seconds, 12.5);
  EXPECT_EQ(options.interval_s, 0.1);
  EXPECT_THAT(options.gpus, ElementsAre("0", "2", "GPU-a"));
  EXPECT_EQ(options.format, TickFormat::csv);
  EXPECT_EQ(options.log, "a.csv");
  EXPECT_EQ(options.rotation.max_bytes, 3072);
  EXPECT_EQ(options.rotation.old_files, 0);
  EXPECT_EQ(options.summary, "s.json");
  EXPECT_EQ(options.run, "experiments/x");
  EXPECT_EQ(options.serve, "127.0.0.1:0");
  EXPECT_TRUE(options.allow_remote && options.strict && options.why);
  EXPECT_EQ(options.token_file, "t");
  EXPECT_THAT(options.command, ElementsAre("python", "--quiet"));
  EXPECT_FALSE(options.common.quiet) << "the command's own";
}

TEST(MonitorArguments, WhatRunsAlreadyCannotBeLookedInto) {
  EXPECT_EQ(usage_error([] { monitored({"--why"}); }), "--why needs a command to run");
  EXPECT_EQ(usage_error([] { monitored({"300", "--why", "--", "python"}); }), "no error");
}

TEST(MonitorArguments, ASizeHasAUnitOrIsInBytes) {
  const auto bytes = [](const std::string& size) { return monitored({"--log-max-size", size}).rotation.max_bytes; };
  EXPECT_EQ(bytes("0"), 0);
  EXPECT_EQ(bytes("1500"), 1500);
  EXPECT_EQ(bytes("1.5k"), 1536);
  EXPECT_EQ(bytes("2M"), 2 << 20);
  EXPECT_EQ(bytes("1g"), 1 << 30);
  // What is less than a byte would be none, which is no limit.
  for (const char* wrong : {"", "M", "1T", "-1", "1e300", "nan", "1 M", "0.5", "1e-10G", "1e-320"}) {
    EXPECT_THAT(usage_error([&] { bytes(wrong); }), HasSubstr(*wrong == '\0' ? "the value is empty" : "is not a size"))
        << wrong;
  }
}

TEST(MonitorArguments, WhatCanNameNoGpuIsRefusedBeforeAnyIsAskedFor) {
  const auto error = [](const char* gpus) { return usage_error([&] { monitored({"--gpus", gpus}); }); };
  for (const char* good : {"0", "1,2", "GPU-4070", "gpu-a", "MIG-1", "00000000:19:00.0", "19:00.0", "0000:AF:00.0"}) {
    EXPECT_EQ(error(good), "no error") << good;
  }
  for (const char* wrong : {"nonsense", "-1", "1.5", "nan", "cuda:0", "H200", "GPU-"}) {
    EXPECT_EQ(error(wrong), std::string("--gpus: '") + wrong + "' names no GPU");
  }
  EXPECT_EQ(error(","), "--gpus: ',' names no GPU") << "which is not all of them";
}

TEST(MonitorArguments, BeyondTheirBoundsAreRefused) {
  const auto error = [](const Arguments& arguments) { return usage_error([&] { monitored(arguments); }); };
  EXPECT_EQ(error({"--interval", "0.1"}), "no error");
  EXPECT_EQ(error({"--interval", "86400"}), "no error");
  EXPECT_EQ(error({"--interval", "0.09"}), "--interval: 0.09 s is not between 0.1 and 86400");
  EXPECT_EQ(error({"--interval", "86401"}), "--interval: 86401 s is not between 0.1 and 86400");
  EXPECT_EQ(error({"1e9"}), "no error");
  EXPECT_EQ(error({"1000000001"}), "SECONDS: '1000000001' is not a number of seconds");
  EXPECT_EQ(error({"1e-9"}), "SECONDS: '1e-9' is not a number of seconds");
  EXPECT_EQ(error({"5s"}), "SECONDS: '5s' is not a number of seconds");
  EXPECT_EQ(error({"inf"}), "SECONDS: 'inf' is not a number of seconds");
  EXPECT_EQ(error({"--log-files", "-1"}), "--log-files cannot be negative");
  EXPECT_EQ(error({"1", "2"}), "unexpected argument '2'");
  EXPECT_EQ(error({"--"}), "there is no command after --");
}

TEST(MonitorArguments, ThatNeedOneAnotherSaySo) {
  const auto error = [](const Arguments& arguments) { return usage_error([&] { monitored(arguments); }); };
  EXPECT_EQ(error({"--allow-remote"}), "--allow-remote needs --serve");
  EXPECT_EQ(error({"--token-file", "t"}), "--token-file needs --serve");
  EXPECT_EQ(error({"--serve", "127.0.0.1:1"}), "no error");
  EXPECT_THAT(error({"--format", "csv", "--", "x"}), HasSubstr("--format with a command needs --log FILE"));
  EXPECT_EQ(error({"--format", "csv", "--log", "a", "--", "x"}), "no error");
  EXPECT_EQ(error({"--log", "a", "--summary", "./b/../a"}), "--log and --summary name the same file");
  EXPECT_EQ(error({"--log", "a", "--summary", "b"}), "no error");
}

TEST(BenchmarkArguments, HaveTheirDefaults) {
  const BenchmarkOptions options = benchmarked({});
  EXPECT_EQ(options.tuning.config, "config.yaml");
  EXPECT_EQ(options.budget_s, 60);
  EXPECT_EQ(options.target_gpu_util, 85);
  EXPECT_TRUE(options.tuning.use_cache);
  EXPECT_EQ(options.tuning.device, Device::automatic);
  EXPECT_THAT(options.disabled_knobs, IsEmpty());
  EXPECT_FALSE(options.output || options.tuning.command || options.tuning.nproc);
  EXPECT_FALSE(options.scale_lr || options.keep_effective_batch || options.dry_run || options.json);
}

TEST(BenchmarkArguments, ATimeIsInSecondsMinutesOrHours) {
  const auto budget = [](const std::string& time) { return benchmarked({"--budget", time}).budget_s; };
  EXPECT_EQ(budget("45"), 45);
  EXPECT_EQ(budget("45s"), 45);
  EXPECT_EQ(budget("2m"), 120);
  EXPECT_EQ(budget("1.5min"), 90);
  EXPECT_EQ(budget("2h"), 7200);
  EXPECT_EQ(budget("168h"), 604800);
  for (const char* wrong : {"soon", "0", "-3", "5d", "s", "nan"}) {
    EXPECT_EQ(usage_error([&] { budget(wrong); }), std::string("--budget: '") + wrong + "' is no duration");
  }
  EXPECT_EQ(usage_error([&] { budget("169h"); }), "--budget: '169h' is longer than a week");
}

TEST(BenchmarkArguments, TheSettingsThatAreNotNamedAreLeftAlone) {
  const auto disabled = [](const std::string& knobs) { return benchmarked({"--knobs", knobs}).disabled_knobs; };
  EXPECT_THAT(disabled("all"), IsEmpty());
  EXPECT_THAT(disabled("none"), ElementsAre("precision", "compile", "channels_last", "workers", "data_cache"));
  EXPECT_THAT(disabled("workers,precision"), ElementsAre("compile", "channels_last", "data_cache"));
  EXPECT_THAT(usage_error([&] { disabled("workers,speed"); }), HasSubstr("'speed' is not one of its values"));
  EXPECT_THAT(usage_error([&] { disabled("workers,"); }), HasSubstr("'' is not one of its values"));
}

TEST(BenchmarkArguments, OfAnotherProgramsTrialsThirtyFitIntoABudget) {
  const BenchmarkOptions options = benchmarked({"--command", "x {config}"});
  EXPECT_EQ(options.tuning.command->command, "x {config}");
  EXPECT_EQ(options.tuning.command->trial_seconds, 20);
  EXPECT_EQ(options.budget_s, 600);
  EXPECT_EQ(benchmarked({"--command", "x {config}", "--trial-seconds", "1"}).budget_s, 60) << "not less than usual";
  EXPECT_EQ(benchmarked({"--command", "x {config}", "--budget", "50s"}).budget_s, 50) << "as asked for";
}

TEST(BenchmarkArguments, ThatBelongToACommandNeedOne) {
  for (const Arguments& arguments :
       {Arguments{"--batch-key", "bs"}, {"--rate-regex", "(x)"}, {"--trial-seconds", "5"}}) {
    EXPECT_THAT(usage_error([&] { benchmarked(arguments); }), HasSubstr("belong to --command")) << arguments[0];
  }
  EXPECT_THAT(usage_error([] {
                benchmarked({"--command", "x {config}", "--nproc", "2"});
              }),
              HasSubstr("cannot be given together"));
  EXPECT_THAT(usage_error([] {
                benchmarked({"--scale-lr", "--keep-effective-batch"});
              }),
              HasSubstr("cannot be given together"));
}

TEST(BenchmarkArguments, BeyondTheirBoundsAreRefused) {
  const auto error = [](const Arguments& arguments) { return usage_error([&] { benchmarked(arguments); }); };
  EXPECT_EQ(error({"--target-gpu-util", "100"}), "no error");
  for (const char* wrong : {"0", "101", "-5", "nan", "1e-9"}) {
    EXPECT_THAT(error({"--target-gpu-util", wrong}), HasSubstr("takes per cent")) << wrong;
  }
  for (const char* option : {"--budget", "--trial-seconds"}) {
    for (const char* wrong : {"1e-9", "1e-320h", "0.01s"}) {
      EXPECT_THAT(error({"--command", "x {config}", option, wrong}), HasSubstr("is shorter than 0.1 s")) << wrong;
    }
  }
  EXPECT_EQ(error({"--nproc", "1024"}), "no error");
  for (const char* wrong : {"0", "-1", "1025"}) {
    EXPECT_EQ(error({"--nproc", wrong}), std::string("--nproc: ") + wrong + " is not a number of GPUs");
  }
}

TEST(BenchmarkArguments, ADryRunLeavesTheCacheAlone) {
  EXPECT_FALSE(benchmarked({"--dry-run"}).tuning.use_cache);
  EXPECT_FALSE(benchmarked({"--no-cache"}).tuning.use_cache);
  EXPECT_EQ(benchmarked({"--device", "cpu"}).tuning.device, Device::cpu);
  EXPECT_EQ(benchmarked({"--device", "cuda"}).tuning.device, Device::cuda);
}

TEST(BenchmarkedPath, StandsBesideTheConfig) {
  EXPECT_EQ(benchmarked_path("configs/mine.yaml"), "configs/mine_optimized.yaml");
  EXPECT_EQ(benchmarked_path("mine_config.yml"), "mine_config_optimized.yaml");
}

}  // namespace
}  // namespace wring
