#pragma once
#include <string>

#include "wring/cli/command_parser.h"
#include "wring/session/tuning_session.h"

namespace wring {

// The arguments that `wring benchmark` and `wring diagnose` share.
class TuningArguments {
 public:
  void add_to(CommandParser& parser, TuningOptions& options);
  // All but CONFIG.
  void add_options_to(CommandParser& parser, TuningOptions& options);
  // After the parser has run. Throws Error{usage}.
  void apply(TuningOptions& options) const;
  // One of its options that was given; "" where none was.
  std::string given(const TuningOptions& options) const;

 private:
  std::string device_ = "auto";
  bool no_cache_ = false;
};

}  // namespace wring
