#pragma once
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "wring/base/error.h"
#include "wring/files/descriptor.h"
#include "wring/process/line_splitter.h"
#include "wring_train/dist/host/connection.h"
#include "wring_train/dist/host/rank_phase.h"

namespace wring {

struct WatchTimes {
  std::chrono::milliseconds beat{1000};        // between signs of life
  std::chrono::milliseconds silence{15000};    // without one a rank is lost
  std::chrono::milliseconds stall{20000};      // behind the others while it trains a rank is lost,
  std::chrono::milliseconds patience{600000};  // or so long behind them in any other phase
  std::chrono::milliseconds grace{3000};       // for the main thread to come out of what it waits in
};

// With the text of WRING_RANK_TIMEOUT, which sets other seconds for silence and stall; empty: none is given.
// Throws Error{usage} that names the variable where it is no number of seconds from 1 to a million.
WatchTimes watch_times(std::string_view timeout);

// Notices within seconds when a rank dies, hangs or gives up, and tells every rank which one and why. A thread of each
// rank exchanges signs of life with rank 0 over a connection of its own, whatever the main thread is doing: a rank that
// waits for a dead one inside a GPU's kernel would wait for ever.
class RankWatch {
 public:
  // Rank 0 has a connection to each other rank (element 0 is none), the others one, to rank 0. `hosts`: each rank's.
  // `unblock` is called by the watch's thread as soon as a rank is lost, to end what the main thread waits in.
  RankWatch(int rank, std::vector<std::string> hosts, std::vector<std::optional<Connection>> connections,
            const WatchTimes& times, std::function<void()> unblock);
  ~RankWatch();
  RankWatch(const RankWatch&) = delete;
  RankWatch& operator=(const RankWatch&) = delete;

  // Called by the watch's thread when a rank was lost and the main thread has not come to wait_for_loss() or fail() in
  // time, because it waits for the device: it must end the process.
  void on_ignored_loss(std::function<void(const Error&)> give_up);

  // The main thread has done a step. A rank that stays behind the others is lost.
  void advance() { ++progress_; }
  // What the main thread does from now on; gives what it did before. A rank begins with starting.
  RankPhase enter(RankPhase phase) { return phase_.exchange(phase); }
  // From now on there is a checkpoint to go on from, which is said where a rank is lost.
  void saved() { saved_ = true; }

  // This rank gives up: the others hear why.
  void fail(const Text& why);

  // What happened, for the main thread that lost its connection: waits until the watch knows. Then nobody ends the
  // process but the caller.
  Error wait_for_loss();

  // This rank has finished as it should: its end is no loss.
  void finish();

 private:
  struct Standing {
    std::int64_t progress = 0;
    RankPhase phase = RankPhase::starting;
    std::optional<Deadline> behind;  // since when it is behind the others without a step or a phase of its own
  };
  struct Peer {
    int rank = 0;
    std::optional<Connection> connection;
    LineSplitter lines;
    Deadline heard;
    Standing standing;
    bool gone = false;  // it said so, or was lost
  };

  void run();
  void listen(std::chrono::milliseconds time);
  void take(Peer& peer, std::string_view line);
  static void update(Standing& standing, std::int64_t progress, RankPhase phase);
  void forgive_own_pause(Deadline now);
  void look_at_times();
  void look_for_stalls(Deadline now);
  void judge(int rank, Standing& standing, std::int64_t furthest, Deadline now);
  Error loss(const Text& what) const;
  void send_beats();
  void tell(const Peer& peer, const std::string& line);
  void lose(int rank, const Text& what);
  void record(const Text& what);
  void give_up_if_ignored();
  std::string name(int rank) const;

  const int rank_;
  const std::vector<std::string> hosts_;
  const WatchTimes times_;
  std::vector<Peer> peers_;
  std::mutex send_mutex_;
  Descriptor wake_read_, wake_write_;

  std::atomic<std::int64_t> progress_{0};
  std::atomic<RankPhase> phase_{RankPhase::starting};
  std::atomic<bool> saved_{false};
  Standing own_;                    // as rank 0 saw itself last
  std::optional<Deadline> looked_;  // at the times, last

  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<Error> loss_;
  bool heard_by_main_ = false;
  bool stop_ = false;
  const std::function<void()> unblock_;
  std::function<void(const Error&)> give_up_;
  std::thread thread_;
};

}  // namespace wring
