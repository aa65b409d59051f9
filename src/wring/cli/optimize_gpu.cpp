#include <optional>

#include <fmt/format.h>

#include "wring/base/message.h"
#include "wring/cli/benchmark.h"
#include "wring/cli/command_parser.h"
#include "wring/cli/optimize.h"
#include "wring/cli/program.h"
#include "wring/console/paths.h"
#include "wring/console/tell_waits.h"
#include "wring/process/early_stop.h"
#include "wring/process/shell_words.h"
#include "wring/session/monitor_run.h"

namespace wring {
namespace {

namespace fs = std::filesystem;

struct Request {
  CommonOptions common;
  std::optional<fs::path> config;
  std::optional<fs::path> output;
  bool benchmark = false;
  std::optional<double> monitor_seconds;  // 0: until interrupted
  bool skip_optimization = false;
};

bool is_optimized(const fs::path& config) {
  return config.stem().string().ends_with("_gpu_optimized");
}

// Optimised already, asked not to, or asked only to monitor: then the config stays as it is.
bool wants_optimization(const Request& request, const fs::path& config) {
  if (request.skip_optimization) return false;
  if (request.benchmark) return !is_optimized(config);
  return request.config.has_value() || request.output.has_value() || !request.monitor_seconds;
}

std::optional<int> parse(const Arguments& arguments, Request& request) {
  CommandParser parser("optimize_gpu",
                       "[--config PATH] [--output PATH] [--skip-optimization] [--benchmark] [--monitor SECONDS]",
                       {"Writes a configuration that fits the GPU. The same as wring optimize, with other flags.",
                        "生成适合 GPU 的配置。与 wring optimize 相同，只是选项不同。"},
                       request.common);
  parser.option("--config", "PATH", request.config,
                {"the training configuration (default: configs/lightweight_config.yaml)",
                 "训练配置（默认：configs/lightweight_config.yaml）"});
  parser.option("--output", "PATH", request.output,
                {"the file to write (default: beside the config, named …_gpu_optimized.yaml)",
                 "要写入的文件（默认：与配置同目录的 …_gpu_optimized.yaml）"});
  parser.flag("--skip-optimization", request.skip_optimization, {"leave the config as it is", "不改动配置"});
  parser.flag("--benchmark", request.benchmark,
              {"then search the batch size and the settings by measuring, as wring benchmark does",
               "随后通过实测搜索批大小和设置，同 wring benchmark"});
  parser.option("--monitor", "SECONDS", request.monitor_seconds,
                {"watch the GPU (0: until Ctrl-C); alone only that, with --config after the work",
                 "监控 GPU（0 表示直到 Ctrl-C）；单独使用时只监控，与 --config 同用时在其后进行"});
  parser.example("optimize_gpu --config configs/lightweight_config.yaml",
                 {"writes configs/lightweight_gpu_optimized.yaml", "写出 configs/lightweight_gpu_optimized.yaml"});
  parser.example("optimize_gpu --config configs/lightweight_gpu_optimized.yaml --benchmark",
                 {"searches its batch size by measuring", "通过实测搜索其批大小"});
  parser.example("optimize_gpu --monitor 300", {"watches the GPU for five minutes", "监控 GPU 五分钟"});
  if (const auto done = parser.parse(arguments)) return done;
  if (request.monitor_seconds && !(*request.monitor_seconds >= 0 && *request.monitor_seconds <= kLongestMonitorS)) {
    throw Error(ErrorCode::usage, {"--monitor takes seconds, or 0 for no end", "--monitor 的值为秒数，0 表示持续监控"});
  }
  return std::nullopt;
}

int run(const Arguments& arguments, const CommonOptions& early) {
  Request request;
  request.common = early;
  if (const auto done = parse(arguments, request)) return *done;
  const fs::path config = request.config.value_or("configs/lightweight_config.yaml");
  const bool only_monitor = request.monitor_seconds && !request.config && !request.benchmark;
  if (!only_monitor) require_config(config);
  fs::path benchmarked = config;
  if (wants_optimization(request, config)) {
    OptimizeOptions options;
    options.common = request.common;
    options.config = config;
    options.output = request.output;
    options.perceptual = PerceptualChoice::as_tier;  // the guide's own command
    benchmarked = optimize(options);
  } else if (!only_monitor && !request.common.quiet) {
    const Console console = console_for(request.common);
    print_out("{}\n",
              console.text({"The config stays as it is: " + config.string(), "配置保持不变：" + config.string()}));
  }
  if (request.benchmark) {
    BenchmarkOptions options;
    options.tuning.common = request.common;
    options.tuning.command_line = "optimize_gpu " + shell_line(arguments);
    options.tuning.config = benchmarked;
    if (benchmarked == config) options.output = request.output;  // else it named the optimised config
    if (const int code = benchmark(options); code != 0) return code;
  }
  if (!request.monitor_seconds) return 0;
  MonitorOptions options;
  options.common = request.common;
  options.seconds = *request.monitor_seconds;
  return monitor(options);
}

}  // namespace

int run_optimize_gpu(int argc, char** argv) {
  const Arguments arguments(argv + 1, argv + argc);
  const CommonOptions early = early_options(arguments);
  end_on_stop_signals(early);
  tell_waits(early);
  return run_guarded(early, [&] { return run(arguments, early); });
}

}  // namespace wring
