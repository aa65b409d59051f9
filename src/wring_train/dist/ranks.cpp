#include "wring_train/dist/ranks.h"

#include <algorithm>

#include <fmt/format.h>

#include <ATen/ATen.h>

#include "wring/base/environment.h"
#include "wring/files/wait_notice.h"
#include "wring_train/dist/host/host_group.h"
#include "wring_train/dist/nccl.h"
#include "wring_train/dist/rendezvous.h"

namespace wring {
namespace {

class NoRanks : public Ranks {
 public:
  NoRanks() : Ranks(RankPlace{}) {}
  void mean(const at::Tensor&) override {}
  std::vector<std::vector<double>> gather(const std::vector<double>& values) override { return {values}; }
  void broadcast(std::vector<std::byte>&) override {}
};

class JoinedRanks : public Ranks {
 public:
  JoinedRanks(const RankPlace& place, const GroupOptions& options, const Noticeboard& board, at::Device device,
              const RankFacts& facts, const Text& hint, std::function<void(const Error&)> give_up)
      : Ranks(place), host_(options, board) {
    host_.watch().on_ignored_loss(std::move(give_up));
    try {
      host_.agree(facts, hint);
      require_one_kind(device);
      if (device.is_cpu()) return;
      const WaitNotice notice({"waiting for NCCL to connect the GPUs; NCCL_DEBUG=INFO shows what it does",
                               "等待 NCCL 连接各 GPU；NCCL_DEBUG=INFO 可显示其过程"});
      std::vector<std::byte> id;
      if (leads()) id = new_nccl_id();
      host_.broadcast(id);
      nccl_ = std::make_unique<Nccl>(id, place, device);
    } catch (const Error& error) {
      host_.watch().fail(error.message());
      throw;
    }
  }

  void mean(const at::Tensor& values) override {
    if (nccl_) return nccl_->mean(values);
    host_.sum({values.mutable_data_ptr<float>(), static_cast<std::size_t>(values.numel())});
    values.div_(size());
  }
  std::vector<std::vector<double>> gather(const std::vector<double>& values) override { return host_.gather(values); }
  void broadcast(std::vector<std::byte>& bytes) override { host_.broadcast(bytes); }

  void advance() override { host_.watch().advance(); }
  RankPhase enter(RankPhase phase) override { return host_.watch().enter(phase); }
  void saved() override { host_.watch().saved(); }
  void agree(const RankFacts& facts, const Text& hint) override { host_.agree(facts, hint); }
  void fail(const Text& why) override { host_.watch().fail(why); }
  void finish() override { host_.finish(); }

 private:
  // One rank on the CPU would hold the GPUs of all others up.
  void require_one_kind(at::Device device) {
    const double on_gpu = device.is_cpu() ? 0 : 1;
    if (highest(on_gpu) == on_gpu) return;
    throw Error(ErrorCode::no_gpu, {name() + " finds no GPU, and others do", name() + " 找不到 GPU，而其他进程有"},
                {"start as many ranks on a machine as it has GPUs, or all with --device cpu",
                 "每台机器启动的进程数应等于其 GPU 数，或全部使用 --device cpu"});
  }

  HostGroup host_;
  std::unique_ptr<Nccl> nccl_;
};

}  // namespace

double Ranks::highest(double value) {
  for (const auto& one : gather({value})) value = std::max(value, one.at(0));
  return value;
}

std::string Ranks::name() const {
  return fmt::format("rank {} of {} on {}", rank(), size(), host_name());
}

Ranks& lone_rank() {
  static NoRanks alone;
  return alone;
}

std::unique_ptr<Ranks> join_ranks(const RankPlace& place, at::Device device, const RankFacts& facts, const Text& hint,
                                  std::function<void(const Error&)> give_up) {
  if (place.size == 1) return std::make_unique<NoRanks>();
  GroupOptions options;
  options.rank = place.rank;
  options.size = place.size;
  options.address = place.address;
  options.times = watch_times(environment("WRING_RANK_TIMEOUT").value_or(""));
  const Rendezvous rendezvous(place, options.arrival);
  return std::make_unique<JoinedRanks>(place, options, rendezvous.board(), device, facts, hint, std::move(give_up));
}

}  // namespace wring
