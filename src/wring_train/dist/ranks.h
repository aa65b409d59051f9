#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "wring/base/error.h"
#include "wring_train/dist/host/agreement.h"
#include "wring_train/dist/host/rank_phase.h"
#include "wring_train/dist/host/rank_place.h"

namespace wring {

// The processes that train one network together, one per GPU, each on its share of every batch. One process is a group
// of one, for which nothing here does anything. Every rank makes the same calls in the same order; each call throws
// Error{failed} that names the lost rank and why, when one is lost.
class Ranks {
 public:
  virtual ~Ranks() = default;

  const RankPlace& place() const { return place_; }
  int rank() const { return place_.rank; }
  int size() const { return place_.size; }
  bool alone() const { return place_.size == 1; }
  // The one rank that writes files, logs and draws the progress bar.
  bool leads() const { return place_.rank == 0; }

  // The mean over the ranks, in place, the same bits on all of them. fp32, contiguous, on the run's device. On a GPU
  // it is enqueued on the current stream without waiting, so that a CUDA graph can capture it.
  virtual void mean(const at::Tensor& values) = 0;

  // What each rank has, in their order. Host memory; waits for every rank's host, not for its device.
  virtual std::vector<std::vector<double>> gather(const std::vector<double>& values) = 0;
  // Rank 0's bytes, whatever their number.
  virtual void broadcast(std::vector<std::byte>& bytes) = 0;

  // The largest value that any rank has.
  double highest(double value);
  bool any(bool value) { return highest(value ? 1 : 0) > 0; }
  void wait_for_all() { gather({}); }

  // A step has been enqueued: a rank that stays behind the others is taken to hang.
  virtual void advance() {}
  // What this rank does from now on; gives what it did before. It begins with starting.
  virtual RankPhase enter(RankPhase phase) { return phase; }
  // From now on the run has a checkpoint to go on from.
  virtual void saved() {}

  // Throws Error{failed} on every rank where these facts are not the same on all: it names each that differs, with its
  // values, and ends with `hint`.
  virtual void agree(const RankFacts& /*facts*/, const Text& /*hint*/) {}

  // This rank gives up; the others hear why and end as well.
  virtual void fail(const Text& /*why*/) {}
  // To be called at the end of a run that went well: waits for all, and what ends afterwards is no loss.
  virtual void finish() {}

  // "rank 1 of 4 on gpu07"
  std::string name() const;

 protected:
  explicit Ranks(RankPlace place) : place_(std::move(place)) {}

 private:
  RankPlace place_;
};

// What takes longer than usual on some of the ranks.
class SlowPart {
 public:
  explicit SlowPart(Ranks& ranks, RankPhase phase = RankPhase::saving) : ranks_(ranks), before_(ranks.enter(phase)) {}
  ~SlowPart() { ranks_.enter(before_); }
  SlowPart(const SlowPart&) = delete;
  SlowPart& operator=(const SlowPart&) = delete;

 private:
  Ranks& ranks_;
  RankPhase before_;
};

// The group of one.
Ranks& lone_rank();

// Meets the other ranks at place.address and place.port: there rank 0 tells where it is, on that address alone
// (dist/host/notice_server.h), or torchrun's store does; then over TCP (dist/host/host_group.h). `facts` must be the
// same on all, and `hint` says what to do where they are not. On a GPU gradients go through NCCL. A group of one for
// place.size 1. Throws Error{failed} that says who did not come or cannot be reached, or what differs, and the cure.
// `give_up` is called, by another thread, when a rank was lost while this one's main thread waits for its device and
// will never come out: it must end the process.
// WRING_RANK_TIMEOUT: seconds without a sign of life, or behind the others, after which a rank is lost (default 15).
std::unique_ptr<Ranks> join_ranks(const RankPlace& place, at::Device device, const RankFacts& facts, const Text& hint,
                                  std::function<void(const Error&)> give_up);

}  // namespace wring
