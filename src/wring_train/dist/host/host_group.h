#pragma once
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "wring_train/dist/host/agreement.h"
#include "wring_train/dist/host/connection.h"
#include "wring_train/dist/host/meeting.h"
#include "wring_train/dist/host/rank_watch.h"

namespace wring {

struct GroupOptions : MeetingOptions {
  WatchTimes times;
};

// The ranks of a run over TCP, in host memory: sums, broadcasts and the like, which every rank calls in the same order.
// All go by rank 0, whose sums are in the order of the ranks, so that every rank holds the same bits, in every run.
// That is quick enough for what a host has to say and for training on CPUs; GPUs reduce their gradients through NCCL.
// Every call throws Error{failed} that names the lost rank when one is lost (dist/host/rank_watch.h).
class HostGroup {
 public:
  // Throws Error{failed} as meet() does.
  HostGroup(const GroupOptions& options, const Noticeboard& board);
  ~HostGroup();
  HostGroup(const HostGroup&) = delete;
  HostGroup& operator=(const HostGroup&) = delete;

  int rank() const { return rank_; }
  int size() const { return size_; }
  const std::vector<std::string>& hosts() const { return hosts_; }
  RankWatch& watch() { return *watch_; }

  // Each element becomes its sum over the ranks. The same length everywhere.
  void sum(std::span<float> values);
  // Rank 0's bytes, whatever their number.
  void broadcast(std::vector<std::byte>& bytes);
  // What each rank has, in the order of the ranks. Lengths may differ.
  std::vector<std::vector<double>> gather(std::span<const double> values);

  // Throws Error{failed} on every rank where these facts are not the same on all: it names each that differs, with its
  // values, and ends with `hint`.
  void agree(const RankFacts& facts, const Text& hint);

  // Waits until every rank is here; what ends afterwards is no loss.
  void finish();

 private:
  enum class Call : std::uint32_t { sum = 1, broadcast, gather };
  struct Header {
    Call call = Call::sum;
    std::uint32_t number = 0;
    std::uint64_t bytes = 0;
  };

  HostGroup(const GroupOptions& options, Meeting meeting);
  std::vector<std::vector<std::byte>> gather_bytes(std::span<const std::byte> own);
  void send(const Connection& to, std::span<const std::byte> bytes);
  void send(const Connection& to, Call call, std::span<const std::byte> bytes);
  void receive(const Connection& from, std::span<std::byte> bytes);
  std::uint64_t receive_header(int rank, Call call);
  const Connection& connection(int rank) const { return *connections_.at(static_cast<std::size_t>(rank)); }

  int rank_;
  int size_;
  std::uint32_t number_ = 0;  // of calls so far
  std::vector<std::string> hosts_;
  std::vector<std::optional<Connection>> connections_;  // rank 0: one to each other rank; the others: one to 0
  std::unique_ptr<RankWatch> watch_;
};

}  // namespace wring
