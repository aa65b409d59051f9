#pragma once
#include <array>
#include <chrono>
#include <csignal>
#include <optional>
#include <vector>

namespace wring {

// What asks a training to save and end: Ctrl-C, kill, a closed terminal, and what schedulers send before they end a job
// (Slurm by --signal; submitit and Lightning use SIGUSR1 and SIGUSR2).
inline constexpr std::array kStopSignals = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2};

// Signals that come within this time are one request to stop: timeout(1) signals its child, then its process group.
inline constexpr std::chrono::milliseconds kOneStop{500};

// Signals as something to wait for, instead of handlers that interrupt. While it lives the signals are blocked in this
// thread and in those that it starts.
class SignalWait {
 public:
  struct Seen {
    int signal = 0;
    bool from_terminal = false;  // Ctrl-C and the like, which the whole foreground group gets
  };

  explicit SignalWait(const std::vector<int>& signals);
  ~SignalWait();
  SignalWait(const SignalWait&) = delete;
  SignalWait& operator=(const SignalWait&) = delete;

  // The next signal; absent when the deadline is reached (absent: none) or after wake().
  std::optional<Seen> wait(std::optional<std::chrono::steady_clock::time_point> deadline);

  // Makes the present or the next wait() return. From any thread.
  void wake() const;

  // From now on SIGINT ends the process at once, as if nobody had asked for it here; a live view gives its terminal
  // back.
  static void let_interrupt_end();

 private:
  int signals_ = -1;
  int wake_ = -1;
};

// Whether the parent had this signal ignored, as nohup does with SIGHUP and shells with SIGINT for what they start with
// "&" in a script.
bool is_ignored(int signal);

}  // namespace wring
