#pragma once
#include <filesystem>
#include <functional>
#include <memory>
#include <vector>

#include <sys/types.h>

#include "wring/base/error.h"
#include "wring/gpu/telemetry.h"
#include "wring/telemetry/tick.h"

namespace wring {

struct SamplerOptions {
  double interval_s = 1;
  // A driver call that has taken this long is reported as stuck. Longer than the 3 s that nvidia-smi may take.
  double overdue_s = 4;
  std::filesystem::path host_root = "/";
  // Called from the sampler's thread when a sink has thrown; that sink then gets no more ticks.
  std::function<void(const Error&)> on_sink_error;
};

// Reads every card at a steady pace and hands the ticks to the sinks: one thread a card, so that a driver call that
// never comes back stops neither the other cards, nor the sinks, nor the end of the program, and one thread that
// makes the ticks. The k-th tick is due at start + k · interval, however long the ones before it took.
class Sampler {
 public:
  explicit Sampler(std::shared_ptr<Telemetry> telemetry, SamplerOptions options = {});
  ~Sampler();  // stop()
  Sampler(const Sampler&) = delete;
  Sampler& operator=(const Sampler&) = delete;

  // Borrowed: lives until stop() has returned. Before start() only.
  void add(TickSink& sink);

  // What the program on the cards does on the CPU is then in the ticks: a command's, or that of whatever has CUDA open.
  // Before start() only.
  void follow(pid_t command);
  void follow_cuda();

  // The first tick comes at once.
  void start();

  // From the next tick on; from any thread.
  void set_interval(double interval_s);

  // A tick whose readings begin now, from any thread; waits until the sinks have it, for half a second at most. Starts
  // the sampler where it has not started. The tick after it is due an interval later.
  void tick_now();

  // Makes a last tick of the time since the one before it, and ends; waits for the sinks, never for the driver. The
  // thread of a call that hangs is left behind, together with its share of the telemetry.
  void stop();

  // After stop(): a driver call is still running. The driver's own handlers at exit may then wait for ever, so the
  // program ends by std::_Exit once everything is written.
  bool left_a_call_behind() const;

  const std::vector<Gpu>& gpus() const;

 private:
  struct Shared;
  void clock_loop();

  std::shared_ptr<Shared> shared_;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace wring
