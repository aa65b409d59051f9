#include "wring/cli/monitor.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "wring/base/parse.h"
#include "wring/cli/command_parser.h"
#include "wring/session/monitor_run.h"

namespace wring {
namespace {

constexpr double kShortestIntervalS = 0.1;
constexpr double kLongestIntervalS = 86400;
constexpr double kShortestMonitorS = 0.001;

std::optional<double> number(const std::string& text) {
  const auto value = parse_c_number(text);
  return value && std::isfinite(*value) ? value : std::nullopt;
}

double seconds_of(const std::string& text) {
  const auto value = number(text);
  if (value && (*value == 0 || *value >= kShortestMonitorS) && *value <= kLongestMonitorS) return *value;
  throw Error(ErrorCode::usage, {"SECONDS: '{}' is not a number of seconds", "SECONDS：“{}”不是秒数", text},
              {"for example: wring monitor 300; 0 or nothing: until Ctrl-C; a command goes after --",
               "例如：wring monitor 300；0 或省略表示直到 Ctrl-C；要运行的命令写在 -- 之后"});
}

// "100M" → bytes.
std::int64_t size_of(const std::string& text) {
  static constexpr std::string_view kUnits = "KMG";
  std::string digits = text;
  double factor = 1;
  if (!digits.empty()) {
    const auto unit = kUnits.find(static_cast<char>(std::toupper(static_cast<unsigned char>(digits.back()))));
    if (unit != std::string_view::npos) {
      factor = std::pow(1024.0, static_cast<double>(unit) + 1);
      digits.pop_back();
    }
  }
  const auto value = number(digits);
  const double bytes = value.value_or(-1) * factor;
  if (bytes == 0 || (bytes >= 1 && bytes < 1e18)) return static_cast<std::int64_t>(bytes);  // 0 is no limit
  throw Error(ErrorCode::usage, {"--log-max-size: '{}' is not a size", "--log-max-size：“{}”不是大小", text},
              {"for example: 100M, 2G, or 0 for no limit", "例如：100M、2G，或 0 表示不限"});
}

TickFormat format_of(const std::string& name) {
  require_choice("--format", name, {"text", "csv", "jsonl"});
  return name == "csv" ? TickFormat::csv : name == "jsonl" ? TickFormat::jsonl : TickFormat::text;
}

// "0,2" and several --gpus are the same.
std::vector<std::string> split_commas(const std::vector<std::string>& lists) {
  std::vector<std::string> parts;
  for (std::string_view list : lists) {
    while (!list.empty()) {
      const auto comma = std::min(list.find(','), list.size());
      if (comma > 0) parts.emplace_back(list.substr(0, comma));
      list.remove_prefix(std::min(comma + 1, list.size()));
    }
  }
  return parts;
}

// What may name a card, here or on another machine: an index, a UUID or its beginning, a PCI bus id or its end.
bool may_name_a_gpu(std::string name) {
  std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const auto only = [&](const char* signs) { return name.find_first_not_of(signs) == std::string::npos; };
  constexpr std::size_t kPrefix = 4;
  if (name.starts_with("gpu-") || name.starts_with("mig-")) return name.size() > kPrefix;
  return only("0123456789") || (name.find(':') != std::string::npos && only("0123456789abcdef:."));
}

// Before anything is asked: without a GPU there is nothing to compare the names with.
std::vector<std::string> gpus_of(const std::vector<std::string>& lists) {
  std::vector<std::string> names = split_commas(lists);
  const auto wrong = std::ranges::find_if_not(names, may_name_a_gpu);
  if (wrong == names.end() && names.empty() == lists.empty()) return names;
  const std::string given = wrong == names.end() ? lists.front() : *wrong;
  throw Error(ErrorCode::usage, {"--gpus: '{}' names no GPU", "--gpus：“{}”不是 GPU", given},
              {"give indices, UUIDs or PCI bus ids with commas between, for example --gpus 0,1",
               "请给出编号、UUID 或 PCI 总线号，以逗号分隔，例如 --gpus 0,1"});
}

void check_server(const MonitorOptions& options) {
  if (options.serve || (!options.allow_remote && !options.token_file)) return;
  const std::string option = options.allow_remote ? "--allow-remote" : "--token-file";
  throw Error(ErrorCode::usage, {"{} needs --serve", "{} 需要 --serve", option},
              {"for example: wring monitor --serve 127.0.0.1:9835", "例如：wring monitor --serve 127.0.0.1:9835"});
}

// Both would write over each other.
void check_files(const MonitorOptions& options) {
  if (!options.log || !options.summary) return;
  std::error_code ignored;
  const auto canonical = [&](const std::filesystem::path& path) {
    return std::filesystem::weakly_canonical(std::filesystem::absolute(path), ignored).string();
  };
  const std::string log = canonical(*options.log), summary = canonical(*options.summary);
  const bool same = log == summary || std::filesystem::equivalent(*options.log, *options.summary, ignored);
  const bool is_older_log = summary.starts_with(log + ".") && summary.size() > log.size() + 1 &&
                            summary.find_first_not_of("0123456789", log.size() + 1) == std::string::npos;
  if (!same && !is_older_log) return;
  throw Error(ErrorCode::usage,
              same ? Text("--log and --summary name the same file", "--log 和 --summary 是同一个文件")
                   : Text("--summary has the name of an older log", "--summary 与旧日志同名"),
              {"give two names", "请使用两个文件名"});
}

void check(const MonitorOptions& options) {
  check_server(options);
  check_files(options);
  if (!(options.interval_s >= kShortestIntervalS && options.interval_s <= kLongestIntervalS)) {
    throw Error(ErrorCode::usage,
                {"--interval: {} s is not between {} and {}", "--interval：{} 秒不在 {} 到 {} 之间", options.interval_s,
                 kShortestIntervalS, kLongestIntervalS},
                {"the driver renews its values every 0.1 to 1 s", "驱动每 0.1 到 1 秒更新一次读数"});
  }
  if (options.rotation.old_files < 0) {
    throw Error(ErrorCode::usage, {"--log-files cannot be negative", "--log-files 不能为负数"});
  }
  if (!options.command.empty() && options.format && !options.log) {
    throw Error(ErrorCode::usage,
                {"--format with a command needs --log FILE: standard output is the command's",
                 "运行命令时 --format 需要 --log FILE：标准输出属于该命令"},
                {"add --log FILE, or leave --format out", "请加上 --log FILE，或去掉 --format"});
  }
}

void add_log_options(CommandParser& parser, MonitorOptions& options, std::string& max_size) {
  parser.option("--log", "FILE", options.log,
                {"append the readings to FILE too (.csv and .jsonl choose the format); SIGHUP opens it anew",
                 "同时把读数追加到 FILE（扩展名 .csv、.jsonl 决定格式）；SIGHUP 重新打开"});
  parser.option("--log-max-size", "SIZE", max_size,
                {"put FILE aside as FILE.1 before it grows beyond (default: 100M; 0: never)",
                 "FILE 超过此大小前改名为 FILE.1（默认：100M；0：从不）"});
  parser.option("--log-files", "N", options.rotation.old_files,
                {"how many of those to keep (default: 5)", "保留的旧日志个数（默认：5）"});
  parser.option("--summary", "FILE", options.summary,
                {"keep the summary here as JSON, renewed every 10 s", "把总结以 JSON 存于此，每 10 秒更新"});
}

void add_server_options(CommandParser& parser, MonitorOptions& options) {
  parser.option("--serve", "ADDR", options.serve,
                {"a web page, /metrics for Prometheus and JSON, for example on 127.0.0.1:9835 (port 0: a free one)",
                 "提供网页、Prometheus 的 /metrics 和 JSON，例如 127.0.0.1:9835（端口 0：任选空闲端口）"});
  parser.flag("--allow-remote", options.allow_remote,
              {"--serve on an address that other computers reach; needs a token",
               "允许 --serve 使用其他计算机可访问的地址；需要令牌"});
  parser.option("--token-file", "FILE", options.token_file,
                {"ask clients of --serve for the token in FILE (else in WRING_MONITOR_TOKEN)",
                 "--serve 的客户端须提供 FILE 中的令牌（否则取自 WRING_MONITOR_TOKEN）"});
}

void add_examples(CommandParser& parser) {
  parser.example("wring monitor", {"the live view, until q or Ctrl-C", "实时界面，直到 q 或 Ctrl-C"});
  parser.example("wring monitor 300 --format csv > readings.csv", {"five minutes as a table", "五分钟的读数表格"});
  parser.example("wring monitor --serve 127.0.0.1:9835",
                 {"a web page, and /metrics for Prometheus", "网页以及供 Prometheus 使用的 /metrics"});
  parser.example(
      "wring monitor --log gpu.jsonl -- python train.py",
      {"watches a training as long as it runs, and keeps its exit code", "在训练运行期间监控，并保留其退出码"});
  parser.example("wring monitor --why -- python train.py",
                 {"the same, and what the steps of a PyTorch program wait for, with places in it",
                  "同上，并说明 PyTorch 程序的每步在等什么，附代码位置"});
}

}  // namespace

std::optional<int> parse_monitor(const Arguments& arguments, MonitorOptions& options) {
  const auto dashes = std::ranges::find(arguments, "--");
  if (dashes != arguments.end()) options.command.assign(dashes + 1, arguments.end());

  CommandParser parser("wring monitor", "[SECONDS] [OPTIONS] [-- COMMAND …]",
                       {"Shows what the GPUs really do, and at the end what to do about it.",
                        "显示 GPU 的真实状态，并在结束时给出建议。"},
                       options.common);
  std::vector<std::string> seconds, gpus;
  std::string format, max_size;
  parser.arguments("SECONDS", seconds,
                   {"how long (0 or none: until Ctrl-C, or as long as COMMAND runs)",
                    "监控时长（0 或省略：直到 Ctrl-C，或 COMMAND 结束）"});
  parser.option("-i,--interval", "S", options.interval_s,
                {"seconds between readings, at least 0.1 (default: 1)", "采样间隔秒数，至少 0.1（默认：1）"});
  parser.repeated("--gpus", "LIST", gpus,
                  {"only these: indices, UUIDs or PCI bus ids, with commas between",
                   "只监控这些卡：序号、UUID 或 PCI 总线号，以逗号分隔"});
  parser.option("--format", "text|csv|jsonl", format,
                {"lines in this format, also on a terminal (default: text; on a terminal the live view)",
                 "按此格式逐行输出，终端上亦然（默认：text；终端上为实时界面）"});
  add_log_options(parser, options, max_size);
  parser.flag("--why", options.why,
              {"with COMMAND: also look into it once, as wring diagnose does, and say what its steps wait for",
               "配合 COMMAND：同时像 wring diagnose 那样从内部观察一次，说明每步在等什么"});
  parser.option("--run", "DIR", options.run,
                {"a run of several ranks, experiments/NAME: name the one that holds the others up",
                 "多进程训练的文件夹 experiments/NAME：指出拖慢其他进程的那一个"});
  add_server_options(parser, options);
  parser.flag("--strict", options.strict,
              {"a missing GPU is exit code 3, one lost on the way 1", "没有 GPU 时退出码为 3，中途丢失时为 1"});
  add_examples(parser);
  if (const auto done = parser.parse(Arguments(arguments.begin(), dashes))) return done;

  if (seconds.size() > 1) {
    throw Error(ErrorCode::usage, {"unexpected argument '{}'", "多余的参数“{}”", seconds[1]},
                {"a command to run goes after --", "要运行的命令写在 -- 之后"});
  }
  if (dashes != arguments.end() && options.command.empty()) {
    throw Error(ErrorCode::usage, {"there is no command after --", "-- 之后没有命令"},
                {"for example: wring monitor -- python train.py", "例如：wring monitor -- python train.py"});
  }
  if (options.why && options.command.empty()) {
    throw Error(ErrorCode::usage, {"--why needs a command to run", "--why 需要要运行的命令"},
                {"wring monitor --why -- python train.py; a program that runs already cannot be looked into",
                 "wring monitor --why -- python train.py；已在运行的程序无法从内部观察"});
  }
  if (!seconds.empty()) options.seconds = seconds_of(seconds[0]);
  if (!max_size.empty()) options.rotation.max_bytes = size_of(max_size);
  if (!format.empty()) options.format = format_of(format);
  options.gpus = gpus_of(gpus);
  check(options);
  return std::nullopt;
}

int monitor_command(const Arguments& arguments, const CommonOptions& common) {
  MonitorOptions options;
  options.common = common;
  if (const auto done = parse_monitor(arguments, options)) return *done;
  return monitor(options);
}

}  // namespace wring
