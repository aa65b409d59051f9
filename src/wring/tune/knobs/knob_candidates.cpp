#include <algorithm>
#include <array>

#include "wring/config/keys.h"
#include "wring/config/values.h"
#include "wring/tune/knobs/knobs.h"
#include "wring/tune/search/trial.h"
#include "wring/tune/search/words.h"

namespace wring {
namespace {

// Below this the loader is ahead whatever is done to it.
constexpr double kNoDataWaitShare = 0.01;
constexpr std::int64_t kUsualPrefetch = 4;
constexpr int kVolta = 7;   // the first with 16-bit matrix units
constexpr int kAmpere = 8;  // the first whose matrix units know bf16

// Gains that these knobs are known to bring where they bring any; only the order rests on them.
constexpr double kPrecisionGain = 0.8;
constexpr double kCompileGain = 0.4;
constexpr double kLayoutGain = 0.15;
constexpr double kFp16Gain = 0.03;
// And what they cost beside a usual trial.
constexpr double kCompileCostS = 5;
constexpr double kCacheCostS = 10;

class Candidates {
 public:
  Candidates(const TrainConfig& config, const TrialResult& base, const KnobOptions& options)
      : config_(config), options_(options), wait_(data_wait_share(base)), wait_known_(base.data_wait_ms.has_value()) {}

  void add_all() {
    constexpr std::array kTries = {&Candidates::precision, &Candidates::compile, &Candidates::channels_last,
                                   &Candidates::workers, &Candidates::data_cache};  // as kKnobs
    static_assert(kTries.size() == kKnobs.size());
    for (std::size_t i = 0; i < kKnobs.size(); ++i) {
      if (std::ranges::find(options_.disabled, kKnobs[i].name) != options_.disabled.end()) continue;
      knob_ = kKnobs[i];
      (this->*kTries[i])();
    }
    // What gains most for its time first: two trials of a few seconds each, and what comes on top.
    std::ranges::stable_sort(found_, [](const KnobCandidate& left, const KnobCandidate& right) {
      constexpr double kTrialsS = 4;
      return left.expected_gain / (kTrialsS + left.expected_cost_s) >
             right.expected_gain / (kTrialsS + right.expected_cost_s);
    });
  }

  std::vector<KnobCandidate> found_;
  std::vector<KnobDecision> pointless_;

 private:
  void leave(std::vector<Assignment> to, Text reason) {
    KnobDecision decision;
    decision.knob = knob_.name;
    decision.from = present(to);
    decision.to = std::move(to);
    decision.reason = std::move(reason);
    pointless_.push_back(std::move(decision));
  }

  std::vector<Assignment> present(const std::vector<Assignment>& to) const {
    std::vector<Assignment> from;
    for (const Assignment& one : to) {
      if (const Key* key = find_key(one.key)) from.push_back({one.key, value_text(config_, *key)});
    }
    return from;
  }

  void precision() {
    const int major = options_.compute_major.value_or(kAmpere);
    const std::string dtype = major >= kAmpere ? "bf16" : "fp16";
    std::vector<Assignment> to = {{key(), "true"}, {"amp_dtype", dtype}};
    if (config_.use_mixed_precision) {
      if (config_.amp_dtype == "bf16" && major < kAmpere)
        to = {{"amp_dtype", "fp16"}};
      else if (config_.amp_dtype == "fp16" && major >= kAmpere)
        to = {{"amp_dtype", "bf16"}};
      else
        return leave({}, {"mixed precision is on already", "已启用混合精度"});
      if (!options_.numerics) return leave(to, {"changes of the arithmetic are not asked for", "未要求改变计算精度"});
      return add(to, kFp16Gain, 0);  // bf16 needs no loss scaling
    }
    if (!options_.numerics) return leave(to, {"changes of the arithmetic are not asked for", "未要求改变计算精度"});
    if (major < kVolta) {
      return leave(to,
                   {"compute capability {}.x has no 16-bit matrix units", "计算能力 {}.x 没有 16 位矩阵单元", major});
    }
    add(to, kPrecisionGain, 0);
  }

  void compile() {
    if (config_.compile_model == true) {
      return leave({}, {"compile_model is on already", "已启用 compile_model"});
    }
    if (fast_engine_wanted(config_)) {
      return leave({}, {"without compile_model the fastest engine is in use already",
                        "未给出 compile_model 时已使用最快的引擎"});
    }
    add({{key(), "true"}}, kCompileGain, kCompileCostS);
  }

  void channels_last() {
    if (config_.channels_last) return leave({}, {"channels_last is on already", "已启用 channels_last"});
    add({{key(), "true"}}, kLayoutGain, 0);
  }

  bool loader_is_ahead() {
    if (!wait_known_ || wait_ > kNoDataWaitShare) return false;
    leave({}, {"the step waits {} % of its time for data: the loader is ahead",
               "每步仅有 {}% 的时间等待数据：数据加载已足够快", percent_figure(wait_)});
    return true;
  }

  // Twice and four times the workers, as far as there are cores.
  void workers() {
    if (loader_is_ahead()) return;
    const std::int64_t cores = std::max(1, options_.cpu_cores);
    const std::int64_t now = config_.num_workers;
    std::vector<std::int64_t> more;
    for (const std::int64_t workers : {std::max<std::int64_t>(2 * now, 4), std::max<std::int64_t>(4 * now, 8)}) {
      const std::int64_t capped = std::min(workers, cores);
      if (capped > now && std::ranges::find(more, capped) == more.end()) more.push_back(capped);
    }
    if (more.empty()) {
      if (config_.prefetch_factor < kUsualPrefetch) return add_workers(now, kUsualPrefetch);
      return leave({}, {"{} workers use all {} cores already", "{} 个 worker 已用满 {} 个核心", now, cores});
    }
    for (const std::int64_t workers : more) add_workers(workers, std::max(config_.prefetch_factor, kUsualPrefetch));
  }

  void add_workers(std::int64_t workers, std::int64_t prefetch) {
    std::vector<Assignment> to;
    if (workers != config_.num_workers) to.push_back({key(), std::to_string(workers)});
    if (prefetch != config_.prefetch_factor) to.push_back({"prefetch_factor", std::to_string(prefetch)});
    const LoaderQueues queues{workers, prefetch, options_.sample_bytes};
    const auto limit = host_memory_limit(queues, options_.host_available_bytes);
    if (limit && *limit < config_.batch_size) {
      const double gib = loader_bytes(queues, config_.batch_size) / (1024.0 * 1024.0 * 1024.0);
      const double allowed =
          kHostShare * static_cast<double>(*options_.host_available_bytes) / (1024.0 * 1024.0 * 1024.0);
      return leave(to, {"the queues would hold {:.1f} GiB of host memory, {:.1f} GiB are allowed",
                        "队列将占用 {:.1f} GiB 主机内存，最多允许 {:.1f} GiB", gib, allowed});
    }
    // All of the waiting could go; half of it is what a doubling may bring.
    add(to, std::max(kDataWaitShare, wait_), 0);
  }

  void data_cache() {
    if (loader_is_ahead()) return;
    if (config_.data_cache == "none") {
      return add({{key(), "auto"}}, std::max(kDataWaitShare, wait_), kCacheCostS);
    }
    if (config_.data_cache == "host") {
      return add({{key(), "auto"}}, wait_, kCacheCostS);
    }
    leave({}, {"data_cache is {} already", "data_cache 已为 {}", config_.data_cache});
  }

  void add(std::vector<Assignment> to, double gain, double cost_s) {
    found_.push_back({std::string(knob_.name), std::move(to), gain, cost_s});
  }

  std::string key() const { return std::string(knob_.key); }

  Knob knob_;  // that is looked at
  const TrainConfig& config_;
  const KnobOptions& options_;
  double wait_;
  bool wait_known_;
};

}  // namespace

std::vector<KnobCandidate> knob_candidates(const TrainConfig& config, const TrialResult& base,
                                           const KnobOptions& options, std::vector<KnobDecision>* pointless) {
  Candidates candidates(config, base, options);
  candidates.add_all();
  if (pointless != nullptr) *pointless = std::move(candidates.pointless_);
  return std::move(candidates.found_);
}

}  // namespace wring
