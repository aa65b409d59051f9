#include "wring/cli/tuning_options.h"

#include "wring/console/assignments.h"

namespace wring {

void TuningArguments::add_to(CommandParser& parser, TuningOptions& options) {
  parser.argument("CONFIG", options.config, {"the training configuration (YAML)", "训练配置（YAML）"});
  add_options_to(parser, options);
}

void TuningArguments::add_options_to(CommandParser& parser, TuningOptions& options) {
  parser.repeated("--set", "KEY=VALUE", options.set,
                  {"measure with this value instead of the config's, and write it; several can follow",
                   "用此值代替配置中的值来测量，并写入结果，可给出多个"});
  parser.option("--device", "auto|cpu|cuda", device_,
                {"where to measure (default: the GPU when there is one)", "测量所用的设备（默认：有 GPU 则用 GPU）"});
  parser.flag("--no-cache", no_cache_,
              {"measure everything anew, also what an earlier run measured", "全部重新测量，不沿用先前的结果"});
}

std::string TuningArguments::given(const TuningOptions& options) const {
  return !options.set.empty() ? "--set" : device_ != "auto" ? "--device" : no_cache_ ? "--no-cache" : "";
}

void TuningArguments::apply(TuningOptions& options) const {
  require_choice("--device", device_, {"auto", "cpu", "cuda"});
  options.device = device_ == "cpu" ? Device::cpu : device_ == "cuda" ? Device::cuda : Device::automatic;
  options.use_cache = !no_cache_;
  for (const std::string& pair : options.set) require_pair(pair);
}

}  // namespace wring
