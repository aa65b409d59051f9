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

#include "wring/base/descriptor.h"
#include "wring/base/error.h"
#include "wring/base/line_splitter.h"
#include "wring_train/dist/host/connection.h"

namespace wring {

struct WatchTimes {
  std::chrono::milliseconds beat{1000};        // between signs of life
  std::chrono::milliseconds silence{15000};    // without one a rank is lost
  std::chrono::milliseconds stall{20000};      // behind the others without a step a rank is lost,
  std::chrono::milliseconds patience{600000};  // or this long where it said that something slow comes
  std::chrono::milliseconds grace{3000};       // for the main thread to come out of what it waits in
};

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
  // What follows may take ranks different times (validation, a start): more patience.
  void expect_slow(bool slow) { slow_ = slow; }

  // This rank gives up: the others hear why.
  void fail(const Text& why);

  // What happened, for the main thread that lost its connection: waits until the watch knows. Then nobody ends the
  // process but the caller.
  Error wait_for_loss();

  // This rank has finished as it should: its end is no loss.
  void finish();

 private:
  struct Peer {
    int rank = 0;
    std::optional<Connection> connection;
    LineSplitter lines;
    Deadline heard;
    Deadline moved;
    std::int64_t progress = 0;
    bool slow = true;
    bool gone = false;  // it said so, or was lost
  };

  void run();
  void listen(std::chrono::milliseconds time);
  void take(Peer& peer, std::string_view line);
  void look_at_times();
  void look_for_stalls(Deadline now);
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
  std::atomic<bool> slow_{true};
  Deadline own_moved_;
  std::int64_t own_seen_ = 0;

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
