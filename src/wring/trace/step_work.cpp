#include "wring/trace/step_work.h"

#include <algorithm>
#include <array>
#include <map>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "wring/trace/cuda_calls.h"
#include "wring/trace/program_parts.h"

namespace wring {
namespace {

bool has(std::string_view text, std::string_view word) {
  return text.find(word) != std::string_view::npos;
}

// Kineto's "c10::BFloat16" in PyTorch's words.
std::string type_of_kineto(std::string_view word) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kTypes = {
      {{"float", "float32"}, {"double", "float64"}, {"c10::Half", "float16"}, {"c10::BFloat16", "bfloat16"}}};
  for (const auto& [kineto, type] : kTypes) {
    if (word == kineto) return std::string(type);
  }
  return std::string(word.starts_with("c10::") ? word.substr(5) : word);
}

class WorkReader {
 public:
  WorkReader(const Trace& trace, const StepWindow& window)
      : trace_(trace), window_(window), optimizer_(optimizer_steps(trace, window)) {
    for (const HostEvent& event : trace.host) {
      if (event.kind == HostKind::op && event.external != 0) ops_.emplace(event.external, &event);
    }
  }

  std::vector<KernelKind> event_kinds() {
    read_events();
    name_kinds();
    std::vector<KernelKind> kinds;
    for (const Seen& seen : seen_) kinds.push_back(seen.kind);
    return kinds;
  }

  StepWork read() {
    work_.steps = window_.steps;
    read_events();
    read_kinds();
    read_products();
    read_calls();
    read_optimizer_form();
    work_.mean_kernel_us = work_.kernels > 0 ? kernel_ns_ / 1e3 / window_.steps / work_.kernels : 0;
    return std::move(work_);
  }

 private:
  struct Seen {
    KernelEvidence evidence;
    const HostEvent* op = nullptr;  // that launched it; null where it is not known
    std::int64_t length_ns = 0;
    bool of_optimizer = false;
    KernelKind kind = KernelKind::other;
  };

  double a_step(double all) const { return all / window_.steps; }
  double ms(std::int64_t ns) const { return a_step(static_cast<double>(ns) / 1e6); }

  const HostEvent* op_of(const DeviceEvent& event) const {
    const auto op = ops_.find(event.external);
    return op == ops_.end() ? nullptr : op->second;
  }

  KernelEvidence evidence_of(const DeviceEvent& event) const {
    KernelEvidence evidence{.name = trace_.name_of(event), .op = "", .input_type = ""};
    if (const HostEvent* const op = op_of(event)) {
      evidence.op = trace_.name_of(*op);
      evidence.input_type = trace_.names[op->input_type];
    }
    return evidence;
  }

  void read_events() {
    for (const StepEvent& step : window_.events) {
      const DeviceEvent& event = trace_.device[step.device];
      Seen seen{evidence_of(event), op_of(event), event.end_ns - event.begin_ns, optimizer_.contains(step.launched_ns),
                KernelKind::other};
      if (event.kind == DeviceKind::kernel) {
        ++kernels_;
        kernel_ns_ += static_cast<double>(seen.length_ns);
        read_kernel(seen);
      } else if (event.kind == DeviceKind::copy) {
        read_copy(event);
      }
      seen_.push_back(seen);
    }
    work_.kernels = a_step(kernels_);
  }

  void read_kernel(const Seen& seen) {
    if (has(seen.evidence.name, "nchwToNhwc") || has(seen.evidence.name, "nhwcToNchw")) {
      work_.order_conversions += a_step(1);
      work_.order_conversions_ms += ms(seen.length_ns);
    }
    if (has(seen.evidence.name, "nccl")) {
      work_.collectives += a_step(1);
      work_.collectives_ms += ms(seen.length_ns);
    }
    if (seen.of_optimizer) {
      work_.optimizer_kernels += a_step(1);
      work_.optimizer_ms += ms(seen.length_ns);
    }
  }

  void read_copy(const DeviceEvent& event) {
    const std::string_view name = trace_.name_of(event);
    if (!has(name, "HtoD") && !has(name, "DtoH")) return;
    CopyWork& copy = has(name, "DtoH")       ? work_.to_host
                     : has(name, "Pageable") ? work_.pageable_to_device
                                             : work_.pinned_to_device;
    copy.count += a_step(1);
    copy.ms += ms(event.end_ns - event.begin_ns);
    copy.bytes += a_step(static_cast<double>(event.bytes));
  }

  // Whether a tenth of the products and more, where their type is known, is in 16 bits or fewer.
  bool computes_in_16_bits() const {
    double known_ns = 0;
    double narrow_ns = 0;
    for (const Seen& seen : seen_) {
      const std::string_view type = seen.evidence.input_type;
      if (type.empty() || kernel_kind(seen.evidence, false) != KernelKind::product) continue;
      known_ns += static_cast<double>(seen.length_ns);
      if (type.starts_with("c10::")) narrow_ns += static_cast<double>(seen.length_ns);
    }
    constexpr double kTenth = 0.1;
    return known_ns > 0 && narrow_ns >= kTenth * known_ns;
  }

  // An optimiser without fused or foreach operators updates by those that others compute with.
  static KernelKind kind_of(const Seen& seen, bool sixteen_bit) {
    const KernelKind kind = kernel_kind(seen.evidence, sixteen_bit);
    const bool computes = kind == KernelKind::elementwise || kind == KernelKind::reduction || kind == KernelKind::other;
    return seen.of_optimizer && computes ? KernelKind::update : kind;
  }

  void name_kinds() {
    const bool sixteen_bit = computes_in_16_bits();
    for (Seen& seen : seen_) seen.kind = kind_of(seen, sixteen_bit);
  }

  void read_kinds() {
    name_kinds();
    std::vector<KernelRun> runs;
    struct Kind {
      double calls = 0;
      std::map<std::string_view, double> ns_by_name;
    };
    std::map<KernelKind, Kind> kinds;
    for (std::size_t i = 0; i < seen_.size(); ++i) {
      const Seen& seen = seen_[i];
      const DeviceEvent& event = trace_.device[window_.events[i].device];
      runs.push_back({seen.kind, static_cast<std::uint64_t>(event.begin_ns), static_cast<std::uint64_t>(event.end_ns),
                      event.small});
      kinds[seen.kind].calls += a_step(1);
      kinds[seen.kind].ns_by_name[seen.evidence.name] += static_cast<double>(seen.length_ns);
    }
    const DividedTime divided = divide_time(runs);
    for (const auto& [kind, all] : kinds) {
      const auto index = static_cast<std::size_t>(kind);
      const auto heaviest = std::ranges::max_element(all.ns_by_name, {}, [](const auto& name) { return name.second; });
      work_.kinds.push_back({kind, a_step(divided.ns[index] / 1e6), a_step(divided.small_ns[index] / 1e6), all.calls,
                             std::string(heaviest->first)});
    }
    std::ranges::stable_sort(work_.kinds, std::ranges::greater{}, &KernelKindTime::ms);
  }

  // Of the products of one type, over all steps.
  struct Products {
    double ns = 0;
    double counted_ns = 0;  // of operators whose arithmetic is known
    double convolutions_ns = 0;
    double flops = 0;
  };

  // Where several kernels run at once the types share the kinds' time.
  void read_products() {
    std::map<std::string, Products> by_type;
    std::unordered_set<const HostEvent*> counted;  // an operator may launch several kernels
    double all_ns = 0;
    for (const Seen& seen : seen_) {
      if (seen.kind != KernelKind::product && seen.kind != KernelKind::fp32_product) continue;
      Products& products = by_type[type_of_kineto(seen.evidence.input_type)];
      const auto length_ns = static_cast<double>(seen.length_ns);
      products.ns += length_ns;
      all_ns += length_ns;
      if (has(seen.evidence.op, "conv")) products.convolutions_ns += length_ns;
      if (seen.op == nullptr || seen.op->flops <= 0) continue;
      products.counted_ns += length_ns;
      if (counted.insert(seen.op).second) products.flops += seen.op->flops;
    }
    // A few small ones, such as a product with a vector, leave the count right within as much.
    constexpr double kCounted = 0.99;
    const double all_ms = work_.ms_of(KernelKind::product) + work_.ms_of(KernelKind::fp32_product);
    for (const auto& [type, products] : by_type) {
      ProductTime& time = work_.products.emplace_back();
      time.type = type;
      time.ms = all_ns > 0 ? all_ms * products.ns / all_ns : 0;
      if (products.counted_ns >= kCounted * products.ns) time.tflop = a_step(products.flops / 1e12);
      time.convolves = products.convolutions_ns >= products.ns / 2;
    }
    std::ranges::stable_sort(work_.products, std::ranges::greater{}, &ProductTime::ms);
  }

  void read_calls() {
    const BlockingCalls blocking(trace_, window_);
    std::map<std::string, double> syncs;
    for (const HostEvent& event : trace_.host) {
      if (event.kind != HostKind::call || !window_.contains(event) || !window_.threads.contains(event.thread)) continue;
      if (trace_.name_of(event).starts_with("cudaGraphLaunch")) work_.graph_launches += a_step(1);
      if (blocking.of(event) != Blocking::sync) continue;
      const auto op = ops_.find(event.external);
      syncs[op == ops_.end() ? "" : std::string(trace_.name_of(*op->second))] += a_step(1);
    }
    for (const auto& [op, count] : syncs) work_.syncs.push_back({op, count});
    std::ranges::stable_sort(work_.syncs, std::ranges::greater{}, &SyncCalls::count);
  }

  void read_optimizer_form() {
    constexpr std::array<std::string_view, 5> kOfOneTensor = {"aten::add_", "aten::mul_", "aten::sub_", "aten::lerp_",
                                                              "aten::addcdiv_"};
    for (const HostEvent& event : trace_.host) {
      if (event.kind != HostKind::op || event.thread != window_.thread || !window_.contains(event)) continue;
      if (!optimizer_.contains(event.begin_ns)) continue;
      const std::string_view name = trace_.name_of(event);
      OptimizerForm form = OptimizerForm::unknown;
      if (std::ranges::find(kOfOneTensor, name) != kOfOneTensor.end()) form = OptimizerForm::single_tensor;
      if (name.starts_with("aten::_foreach_")) form = OptimizerForm::foreach;
      if (name.starts_with("aten::_fused_")) form = OptimizerForm::fused;
      work_.optimizer_form = std::max(work_.optimizer_form, form);
    }
  }

  const Trace& trace_;
  const StepWindow& window_;
  Cover optimizer_;
  std::unordered_map<std::uint64_t, const HostEvent*> ops_;
  std::vector<Seen> seen_;  // by event of the window
  double kernels_ = 0;
  double kernel_ns_ = 0;
  StepWork work_;
};

}  // namespace

double StepWork::sync_calls() const {
  double count = 0;
  for (const SyncCalls& calls : syncs) count += calls.count;
  return count;
}

double StepWork::sync_calls_of(std::string_view op) const {
  const auto calls = std::ranges::find(syncs, op, &SyncCalls::op);
  return calls == syncs.end() ? 0 : calls->count;
}

double StepWork::ms_of(KernelKind kind) const {
  const auto time = std::ranges::find(kinds, kind, &KernelKindTime::kind);
  return time == kinds.end() ? 0 : time->ms;
}

std::optional<double> StepWork::tflop_per_step() const {
  double tflop = 0;
  for (const ProductTime& one : products) {
    if (!one.tflop) return std::nullopt;
    tflop += *one.tflop;
  }
  return tflop > 0 ? std::optional(tflop) : std::nullopt;
}

std::vector<KernelKind> event_kinds(const Trace& trace, const StepWindow& window) {
  return WorkReader(trace, window).event_kinds();
}

std::optional<StepWork> step_work(const Trace& trace) {
  const FoundSteps found = find_steps(trace);
  if (!found.window) return std::nullopt;
  return WorkReader(trace, *found.window).read();
}

}  // namespace wring
