// `wring-train trial CONFIG [--set KEY=VALUE] [--device auto|cpu|cuda]`: a worker that speaks the trial protocol
// (docs/trial_protocol.md), started by `wring benchmark` and `wring diagnose`. Ends with its standard input.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <iostream>

#include <fmt/format.h>
#include <unistd.h>

#include "wring/base/error.h"
#include "wring/trial/protocol.h"
#include "wring_train/engine/device.h"
#include "wring_train/run/commands.h"
#include "wring_train/run/trial_worker.h"

namespace wring {
namespace {

// The protocol's own end of standard output. Whatever else is printed, by a library for example, goes to standard
// error.
class EventStream {
 public:
  EventStream() : file_(fdopen(dup(STDOUT_FILENO), "w")) {
    if (file_ == nullptr) throw Error(ErrorCode::failed, "standard output is closed", "start it with a pipe");
    dup2(STDERR_FILENO, STDOUT_FILENO);
  }
  ~EventStream() { std::fclose(file_); }
  EventStream(const EventStream&) = delete;
  EventStream& operator=(const EventStream&) = delete;

  // False when nobody reads any more.
  bool write(const TrialEvent& event) {
    const std::string line = event_line(event) + "\n";
    return std::fwrite(line.data(), 1, line.size(), file_) == line.size() && std::fflush(file_) == 0;
  }

 private:
  std::FILE* file_;
};

struct TrialOptions {
  std::string config;
  std::vector<std::string> set;
  std::string device = "auto";
};

TrialOptions parse(int argc, char** argv) {
  TrialOptions options;
  CLI::App app("Measure training steps on request: the worker's side of the trial protocol");
  app.add_option("config", options.config)->required();
  app.add_option("--set", options.set);
  app.add_option("--device", options.device)->check(CLI::IsMember({"auto", "cpu", "cuda"}));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    throw Error(ErrorCode::usage, error.what(), "see docs/trial_protocol.md");
  }
  return options;
}

}  // namespace

int trial_command(int argc, char** argv) {
  const TrialOptions options = parse(argc, argv);
  EventStream events;
  TrialWorker worker(options.config, options.set,
                     choose_device(options.device == "cpu"    ? Device::cpu
                                   : options.device == "cuda" ? Device::cuda
                                                              : Device::automatic));
  for (std::string line; std::getline(std::cin, line);) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    const NumberedRequest request = parse_request(line);
    const TrialResult result = worker.run(request.request, [&](const std::string& phase) {
      events.write({.id = request.id, .phase = phase, .done = {}});
    });
    const bool heard = events.write({.id = request.id, .phase = "", .done = result});
    // After a failure the device may hold memory that nothing gives back: the supervisor starts another worker.
    if (!heard || result.outcome != TrialOutcome::ok) break;
  }
  return 0;
}

}  // namespace wring
