#pragma once
#include <algorithm>
#include <cstdint>

#include "wring/base/clock.h"

namespace wring {

// How fast the steps since the last line of the metrics were, and all of them since the run began.
class MetricsWindow {
 public:
  struct Rates {
    double elapsed_s = 0;
    double samples_per_s = 0;
    double wait_share = 0;  // of the time, for batches
  };

  void begin() { began_s_ = steady_seconds(); }
  void add_samples(std::int64_t samples) { samples_ += samples; }
  void add_wait(double seconds) { wait_s_ += seconds; }
  // A validation is no training time.
  void leave_out(double seconds) { began_s_ += seconds; }

  Rates rates() const {
    const double elapsed = std::max(1e-9, steady_seconds() - began_s_);
    return {elapsed, static_cast<double>(samples_) / elapsed, wait_s_ / elapsed};
  }

  // The window of these rates is written: the next one begins.
  void close(const Rates& rates) {
    run_s_ += rates.elapsed_s;
    run_samples_ += samples_;
    samples_ = 0;
    wait_s_ = 0;
    begin();
  }

  // Up to the last close(); 0 before it.
  double samples_per_s_of_run() const { return run_s_ > 0 ? static_cast<double>(run_samples_) / run_s_ : 0; }

 private:
  double began_s_ = 0;
  double wait_s_ = 0;
  std::int64_t samples_ = 0;
  double run_s_ = 0;
  std::int64_t run_samples_ = 0;
};

}  // namespace wring
