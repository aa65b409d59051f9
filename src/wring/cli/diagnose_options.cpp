#include "wring/cli/command_parser.h"
#include "wring/cli/diagnose.h"
#include "wring/cli/tuning_options.h"
#include "wring/console/assignments.h"

namespace wring {

std::optional<int> parse_diagnose(const Arguments& arguments, DiagnoseOptions& options) {
  CommandParser parser("wring diagnose", "CONFIG [--fix] [-o OUT] [--json]",
                       {"Measures why the GPU waits during training, and says what to change.",
                        "实测训练时 GPU 为何空等，并给出应做的改动。"},
                       options.tuning.common);
  TuningArguments common;
  common.add_to(parser, options.tuning);
  parser.flag(
      "--fix", options.fix,
      {"measure with the change and without it in turns, and write it (…_optimized.yaml beside CONFIG) where it "
       "is faster",
       "交替测量改动前后，确有提速才写入改动（与 CONFIG 同目录的 …_optimized.yaml）"});
  parser.option(
      "-o,--output", "OUT", options.output,
      {"the file that --fix writes, with OUT.json and OUT.html", "--fix 要写入的文件，另有 OUT.json 和 OUT.html"});
  parser.flag("--json", options.json, {"print one JSON object instead of text", "输出一个 JSON 对象而非文本"});
  parser.example("wring diagnose configs/lightweight_config.yaml",
                 {"what the GPU waits for, with numbers", "GPU 在等什么，附数据"});
  parser.example("wring diagnose configs/lightweight_config.yaml --fix",
                 {"measures the cure, and writes it where it is faster", "实测解决办法，确有提速才写入"});
  if (const auto done = parser.parse(separate_assignments(arguments))) return done;
  common.apply(options.tuning);
  if (options.output && !options.fix) {
    throw Error(ErrorCode::usage, {"-o belongs to --fix", "-o 只用于 --fix"});
  }
  return std::nullopt;
}

}  // namespace wring
