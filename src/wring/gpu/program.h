#pragma once
#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>

#include <sys/types.h>

namespace wring {

// What a program that uses a card does on the CPU: whether somebody prepares its data, or one thread feeds the card.
// Shares are of the time since the sample before, in per cent of one core.
struct ProgramSample {
  double time_s = 0;
  double window_s = 0;  // since the sample before

  // Threads that give the card its work: the main thread and PyTorch's autograd threads ("pt_autograd_0"), of the
  // process that is busiest with it.
  double launching = 0;
  std::optional<double> backward;  // the autograd threads' part of that; absent where there are none

  // Readers: the processes that it started (a DataLoader's workers) and its other threads, as far as they were at work.
  int readers = 0;
  double readers_busy = 0;     // their mean
  double busiest_reader = 0;   // the busiest one's
  double readers_wanting = 0;  // of 100 how many were found running, waiting for a core, or for the disk
  double readers_at_disk = 0;  // of 100 how many were found waiting for the disk

  std::optional<double> read_mib_s;  // that all of them read from files and pipes, cached ones included
};

// Reads /proc, as often as that costs no more than a thousandth of a core, and not more than once a second. `root`
// stands before /proc, so that tests bring a recorded machine.
class ProgramSampler {
 public:
  explicit ProgramSampler(std::filesystem::path root = "/");
  ~ProgramSampler();
  ProgramSampler(ProgramSampler&&) noexcept;
  ProgramSampler& operator=(ProgramSampler&&) noexcept;

  // This command and whatever it starts.
  void follow(pid_t command);

  // The programs of this user that have CUDA open. With several cards only where all of them are one program's: which
  // card belongs to which cannot be told, because a container does not know the driver's process numbers.
  void follow_cuda(std::size_t cards);

  // Absent when it is too soon, or where there is no program to be seen; and for the first one of a program, which has
  // no window.
  std::optional<ProgramSample> sample(double now_s);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace wring
