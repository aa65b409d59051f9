#pragma once
#include <cstdint>
#include <memory>
#include <optional>

#include <sys/types.h>

#include "wring/gpu/telemetry.h"
#include "wring/trial/trial.h"

namespace wring {

// Samples a card beside a trial (telemetry/sampler.h): a driver call that hangs holds no trial up, and is left behind
// when the meter goes.
class UtilisationMeter {
 public:
  // Watches the first card of `telemetry`; without a card (or null) everything is absent.
  explicit UtilisationMeter(std::shared_ptr<Telemetry> telemetry, double interval_s = 0.1);
  ~UtilisationMeter();
  UtilisationMeter(const UtilisationMeter&) = delete;
  UtilisationMeter& operator=(const UtilisationMeter&) = delete;

  // Begins anew: from now on the memory of `process` and of what it started is watched (0: nobody's).
  void begin(pid_t process);

  // Between these two the card's shares are counted: each reading for the time since the one before it.
  void begin_measure();
  void end_measure();

  // Ends what begin() began. Time-weighted means; absent where there was no reading.
  TrialUtilisation end();

  // The most that the watched processes held of the card since begin(), in MiB. Where the driver names none of them
  // (inside a container it knows other process ids), what the card's use grew by. Absent without a reading.
  std::optional<std::int64_t> peak_memory_mib() const;
  // Of the card, before the trial and in all.
  std::optional<std::int64_t> memory_free_mib() const;
  std::optional<std::int64_t> memory_total_mib() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace wring
