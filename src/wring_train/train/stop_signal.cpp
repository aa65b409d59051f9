#include "wring_train/train/stop_signal.h"

#include <atomic>
#include <csignal>
#include <cstdint>

#include <time.h>

#include "wring/base/error.h"
#include "wring/process/signal_wait.h"

namespace wring {
namespace {

std::atomic<std::int64_t> stop_requested_ms = 0;  // when; 0: it was not

std::int64_t now_ms() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{1000} * now.tv_sec + now.tv_nsec / 1'000'000;
}

extern "C" void on_stop(int signal) {
  if (stop_requested_ms == 0) {
    stop_requested_ms = now_ms();
  } else if (signal == SIGINT && now_ms() - stop_requested_ms >= kOneStop.count()) {
    std::signal(SIGINT, SIG_DFL);
    std::raise(SIGINT);
  }
}

}  // namespace

bool stop_requested() {
  return stop_requested_ms != 0;
}

StopSignal::StopSignal() {
  stop_requested_ms = 0;
  for (const int signal : kStopSignals) {
    if (signal != SIGINT && signal != SIGTERM && is_ignored(signal)) continue;
    taken_.push_back({signal, std::signal(signal, on_stop)});
  }
}

StopSignal::~StopSignal() {
  for (const auto& [signal, before] : taken_) std::signal(signal, before);
}

bool StopSignal::requested() const {
  return stop_requested();
}

void StopSignal::end_if_requested() const {
  if (requested()) throw Error(ErrorCode::interrupted, {"interrupted", "已中断"});
}

}  // namespace wring
