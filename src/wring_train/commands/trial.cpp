// `wring-train trial CONFIG [--set KEY=VALUE] [--device auto|cpu|cuda] [--nproc N]`: a worker that speaks the trial
// protocol (docs/trial_protocol.md), started by `wring benchmark` and `wring diagnose`. Ends with its standard input.
// With --nproc it is N ranks that run every request together; rank 0 speaks for them.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <optional>

#include <fmt/format.h>
#include <unistd.h>

#include "wring/base/environment.h"
#include "wring/base/error.h"
#include "wring/files/files.h"
#include "wring/process/launch_ranks.h"
#include "wring/trial/protocol.h"
#include "wring_train/commands/commands.h"
#include "wring_train/commands/program.h"
#include "wring_train/engine/device.h"
#include "wring_train/measure/trial_worker.h"
#include "wring_train/train/training_ranks.h"

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
  std::optional<int> nproc;
};

TrialOptions parse(int argc, char** argv) {
  TrialOptions options;
  CLI::App app("Measure training steps on request: the worker's side of the trial protocol");
  app.add_option("config", options.config)->required();
  app.add_option("--set", options.set);
  app.add_option("--device", options.device)->check(CLI::IsMember({"auto", "cpu", "cuda"}));
  app.add_option("--nproc", options.nproc);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    throw Error(ErrorCode::usage, error.what(), "see docs/trial_protocol.md");
  }
  return options;
}

Device wanted_device(const TrialOptions& options) {
  return options.device == "cpu" ? Device::cpu : options.device == "cuda" ? Device::cuda : Device::automatic;
}

// The next request that somebody asks for; empty when no more comes. Rank 0 reads it for all.
std::string next_request(Ranks& ranks) {
  std::string line;
  if (ranks.leads()) {
    while (std::getline(std::cin, line) && line.find_first_not_of(" \t\r") == std::string::npos) line.clear();
  }
  if (ranks.alone()) return line;
  std::vector<std::byte> bytes(line.size());
  std::memcpy(bytes.data(), line.data(), line.size());
  ranks.broadcast(bytes);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

int serve(const TrialOptions& options, at::Device device, Ranks& ranks, EventStream& events) {
  TrialWorker worker(options.config, options.set, device, ranks);
  for (std::string line = next_request(ranks); !line.empty(); line = next_request(ranks)) {
    const NumberedRequest request = parse_request(line);
    const auto tell = [&](const std::string& phase, std::optional<TrialResult> done) {
      return !ranks.leads() || events.write({.id = request.id, .phase = phase, .done = std::move(done)});
    };
    const TrialResult result = worker.run(request.request, [&](const std::string& phase) { tell(phase, {}); });
    const bool heard = tell("", result);
    if (heard && result.outcome == TrialOutcome::ok) continue;
    // After a failure the device may hold memory that nothing gives back: the supervisor starts another worker.
    if (ranks.alone()) break;
    throw Error(ErrorCode::failed, heard ? result.message : "nobody reads the results any more");
  }
  return 0;
}

}  // namespace

int trial_command(int argc, char** argv) {
  const TrialOptions options = parse(argc, argv);
  require_rank_count(options.nproc);
  if (options.nproc.value_or(1) > 1) {
    return launch_ranks(this_program(), {argv, argv + argc}, *options.nproc, STDIN_FILENO);
  }
  EventStream events;
  const TrainConfig config = trial_config(options.config, options.set);
  set_cublas_workspaces(config.base_channels);
  // Without --nproc a trial is one process, whatever a launcher's variables say of the job that it runs in.
  if (!environment(kLauncherVariable)) {
    return serve(options, choose_device(wanted_device(options)), lone_rank(), events);
  }
  const auto [device, ranks] = start_ranks(wanted_device(options), config, {});
  return run_in_ranks(*ranks, [&, &device = device, &ranks = ranks] { return serve(options, device, *ranks, events); });
}

}  // namespace wring
