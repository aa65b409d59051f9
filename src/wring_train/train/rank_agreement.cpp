#include "wring_train/train/rank_agreement.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <type_traits>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <ATen/ATen.h>

#include "wring/base/clock.h"
#include "wring/base/error.h"

namespace wring {
namespace {

constexpr double kSecondsBetweenVotes = 0.25;

at::Tensor host_bytes(const at::Tensor& tensor) {
  return tensor.detach().to(at::kCPU).contiguous();
}

// FNV-1a over words: not against malice, but against a rank whose arithmetic went another way.
std::uint64_t hash_of(const StepEngine& engine) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const NamedTensor& named : engine.state()) {
    const at::Tensor host = host_bytes(named.tensor);
    const auto* data = static_cast<const std::uint8_t*>(host.const_data_ptr());
    for (std::size_t i = 0; i < host.nbytes(); i += sizeof(std::uint64_t)) {
      std::uint64_t word = 0;
      std::memcpy(&word, data + i, std::min(sizeof(word), host.nbytes() - i));
      hash = (hash ^ word) * 0x100000001b3ULL;
      hash ^= hash >> 32;
    }
  }
  return hash;
}

}  // namespace

StepVote::Outcome StepVote::after(std::int64_t step, bool unstable) {
  if (ranks_.alone()) return {stop_.requested(), unstable};
  if (step <= asked_at_) asked_at_ = next_ = -1;  // training went back to a checkpoint
  if (step < next_) return {};
  const auto now = SteadyClock::now();
  const double elapsed = asked_at_ < 0 ? 0 : seconds_between(asked_when_, now);
  const auto votes = ranks_.gather({stop_.requested() ? 1.0 : 0.0, unstable ? 1.0 : 0.0, elapsed});
  // Rank 0's clock decides when to ask again: all have to agree on that too. The pace may change, so never much later
  // than the last time.
  const std::int64_t steps = asked_at_ < 0 ? 0 : step - asked_at_;
  const double per_second = votes[0][2] > 0 ? static_cast<double>(steps) / votes[0][2] : 0;
  next_ = step + std::clamp<std::int64_t>(static_cast<std::int64_t>(per_second * kSecondsBetweenVotes), 1,
                                          std::max<std::int64_t>(1, 4 * steps));
  asked_at_ = step;
  asked_when_ = now;
  Outcome outcome;
  for (const auto& vote : votes) {
    outcome.stop = outcome.stop || vote[0] > 0;
    outcome.unstable = outcome.unstable || vote[1] > 0;
  }
  return outcome;
}

void share_state(Ranks& ranks, StepEngine& engine, Progress& progress) {
  if (ranks.alone()) return;
  static_assert(std::is_trivially_copyable_v<Progress>);
  const std::vector<NamedTensor> state = engine.state();
  std::vector<std::byte> bytes;
  if (ranks.leads()) {
    const auto add = [&](const void* data, std::size_t size) {
      const std::size_t before = bytes.size();
      bytes.resize(before + size);
      std::memcpy(bytes.data() + before, data, size);
    };
    add(&progress, sizeof(progress));
    for (const NamedTensor& named : state) {
      const at::Tensor host = host_bytes(named.tensor);
      add(host.const_data_ptr(), host.nbytes());
    }
  }
  ranks.broadcast(bytes);
  if (ranks.leads()) return;
  std::size_t at = 0;
  const auto take = [&](void* into, std::size_t size) {
    if (at + size > bytes.size()) {
      throw Error(ErrorCode::failed, "rank 0 has another network than " + ranks.name(),
                  "start every rank with the same config");
    }
    std::memcpy(into, bytes.data() + at, size);
    at += size;
  };
  take(&progress, sizeof(progress));
  LoadedTensors loaded;
  for (const NamedTensor& named : state) {
    at::Tensor host = at::empty(named.tensor.sizes(), named.tensor.scalar_type());
    take(host.mutable_data_ptr(), host.nbytes());
    loaded.tensors[named.name] = host;
  }
  engine.load_state(loaded, "rank 0's state");
}

void check_equal_state(Ranks& ranks, const StepEngine& engine) {
  if (ranks.alone()) return;
  const std::uint64_t hash = hash_of(engine);
  // Two halves, each exact as a double.
  const auto all = ranks.gather({static_cast<double>(hash >> 32), static_cast<double>(hash & 0xffffffffULL)});
  std::vector<std::size_t> differing;
  for (std::size_t rank = 1; rank < all.size(); ++rank) {
    if (all[rank] != all[0]) differing.push_back(rank);
  }
  if (differing.empty()) return;
  throw Error(
      ErrorCode::failed,
      {"the parameters are no longer the same on all ranks: rank {} differ from rank 0",
       "各进程的参数不再一致：rank {} 与 rank 0 不同", fmt::join(differing, ", ")},
      {"they began with the same configuration and images: a GPU, a processor or memory computes wrongly (of a GPU see "
       "nvidia-smi -q -d ECC), or the machines have different GPUs or drivers; the last checkpoint is from before",
       "它们以相同的配置和图像开始：可能是某块 GPU、处理器或内存计算出错（GPU 见 nvidia-smi -q -d ECC），"
       "或各机器的 GPU、驱动不同；最近的检查点是在此之前保存的"});
}

std::vector<std::pair<std::string, double>> RankTimes::metrics() const {
  if (ranks == 1) return {};
  return {{"ranks", ranks}, {"slowest_rank", slowest}, {"data_wait_spread", data_wait_share - least_wait_share}};
}

RankTimes compare_ranks(Ranks& ranks, const OwnTimes& own) {
  RankTimes times{own.data_wait_share, own.peak_memory_mib, ranks.size(), 0, own.data_wait_share};
  const auto all = ranks.gather({own.data_wait_share, own.peak_memory_mib});
  const auto waits_less = [](const auto& a, const auto& b) { return a[0] < b[0]; };
  const auto [least, most] = std::ranges::minmax_element(all, waits_less);
  times.least_wait_share = (*least)[0];
  times.data_wait_share = (*most)[0];
  times.slowest = static_cast<int>(most - all.begin());
  for (const auto& one : all) times.peak_memory_mib = std::max(times.peak_memory_mib, one[1]);
  return times;
}

}  // namespace wring
