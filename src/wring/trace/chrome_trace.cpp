#include "wring/trace/chrome_trace.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <istream>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <unordered_map>

#include "wring/base/error.h"
#include "wring/trace/gzip_stream.h"
#include "wring/trace/kernel_kinds.h"
#include "wring/trace/operator_flops.h"

namespace wring {
namespace {

using nlohmann::json;

// No time of a trace is further from 1970, or from a machine's start; and no event of a few steps is longer than a day.
constexpr std::int64_t kLatestUs = 2'000'000'000'000'000;
constexpr std::int64_t kLongestUs = 86'400'000'000;
// A step of the largest programs has some hundred thousand events.
constexpr std::size_t kMostEvents = 20'000'000;
constexpr std::size_t kDeepest = 64;

// "5185465560531.720", microseconds, in ns. As a double it would lose them in traces that count from 1970.
std::optional<std::int64_t> ns_of_us(std::string_view text) {
  if (text.find_first_not_of("-.0123456789") != std::string_view::npos) return std::nullopt;  // an exponent
  const std::size_t point = std::min(text.find('.'), text.size());
  const std::string_view fraction = text.substr(std::min(point + 1, text.size()));
  std::string digits(text.substr(0, point));
  for (std::size_t i = 0; i < 3; ++i) digits += i < fraction.size() ? fraction[i] : '0';
  std::int64_t ns = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), ns);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return ns;
}

// Kineto's words for the inputs of an operator: those of tensors are the names of their types, in C++ or LibTorch.
bool is_tensor_type(std::string_view word) {
  return word.starts_with("c10::") || (!word.empty() && word[0] >= 'a' && word[0] <= 'z');
}

// An event as it is read, member by member.
struct Draft {
  std::string phase;
  std::string category;
  std::string name;
  std::string input_type;
  OperatorInputs inputs;  // of an operator whose arithmetic is counted
  std::optional<std::int64_t> begin_ns;
  std::int64_t duration_ns = 0;
  std::int64_t thread = 0;
  std::int64_t stream = 0;
  std::int64_t bytes = 0;
  std::uint64_t external = 0;
  std::uint64_t correlation = 0;
  bool small = false;
  bool impossible = false;  // its times
};

// Where in the file the parser stands; `elsewhere` is all that is of no interest, at any depth.
enum class Place : std::uint8_t { root, events, event, args, types, dims, shape, values, elsewhere };

class TraceBuilder : public nlohmann::json_sax<json> {
 public:
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool number_integer(number_integer_t value) override { return take_integer(value); }
  bool number_unsigned(number_unsigned_t value) override {
    constexpr auto kMost = static_cast<number_unsigned_t>(std::numeric_limits<std::int64_t>::max());
    return take_integer(static_cast<std::int64_t>(std::min(value, kMost)));
  }
  bool number_float(number_float_t value, const string_t& text) override {
    if (place() == Place::event && (key_ == "ts" || key_ == "dur")) {
      constexpr auto kMostUs = static_cast<double>(kLatestUs + 1);
      const auto rounded = static_cast<std::int64_t>(std::llround(1e3 * std::clamp(value, -kMostUs, kMostUs)));
      take_time(ns_of_us(text).value_or(rounded));
    } else if (place() == Place::args && key_ == "blocks per SM") {
      draft_.small = is_small_launch(value);
    }
    return true;
  }
  bool string(string_t& value) override {
    if (place() == Place::event) {
      std::string* member = nullptr;
      if (key_ == "ph") member = &draft_.phase;
      if (key_ == "cat") member = &draft_.category;
      if (key_ == "name") member = &draft_.name;
      if (member != nullptr) *member = std::move(value);
    } else if (place() == Place::types && draft_.input_type.empty() && is_tensor_type(value)) {
      draft_.input_type = std::move(value);
    } else if (place() == Place::values) {
      draft_.inputs.values.push_back(std::move(value));
    }
    return true;
  }
  bool start_object(std::size_t) override {
    const bool first = places_.empty();
    const Place outer = place();
    Place inner = first ? Place::root : Place::elsewhere;
    if (outer == Place::events) inner = Place::event;
    if (outer == Place::event && key_ == "args") inner = Place::args;
    if (inner == Place::event) draft_ = Draft();
    return enter(inner);
  }
  bool end_object() override {
    const bool good = place() != Place::event || keep();
    places_.pop_back();
    return good;
  }
  bool start_array(std::size_t) override {
    const Place outer = place();
    Place inner = Place::elsewhere;
    if (outer == Place::root && key_ == "traceEvents") inner = Place::events;
    if (outer == Place::args && key_ == "Input type") inner = Place::types;
    if (outer == Place::args && counts_flops(draft_.name)) {
      if (key_ == "Input Dims") inner = Place::dims;
      if (key_ == "Concrete Inputs") inner = Place::values;
    }
    if (outer == Place::dims) {
      inner = Place::shape;
      draft_.inputs.dims.emplace_back();
    }
    has_events_ = has_events_ || inner == Place::events;
    return enter(inner);
  }
  bool end_array() override {
    places_.pop_back();
    return true;
  }
  bool key(string_t& value) override {
    key_ = std::move(value);
    return true;
  }
  bool parse_error(std::size_t position, const std::string&, const json::exception&) override {
    error_at_ = position;
    return false;
  }

  bool has_events() const { return has_events_; }
  // Why it was not read to its end.
  Text damage() const {
    return damage_.empty() ? Text("no JSON at byte {}", "第 {} 字节处不是合法的 JSON", error_at_) : damage_;
  }

  // Both lists in order, from the first event on.
  Trace finish() {
    std::ranges::stable_sort(trace_.host, {}, &HostEvent::begin_ns);
    std::ranges::stable_sort(trace_.device, {}, &DeviceEvent::begin_ns);
    std::int64_t first_ns = std::numeric_limits<std::int64_t>::max();
    if (!trace_.host.empty()) first_ns = trace_.host.front().begin_ns;
    if (!trace_.device.empty()) first_ns = std::min(first_ns, trace_.device.front().begin_ns);
    for (HostEvent& event : trace_.host) event.begin_ns -= first_ns, event.end_ns -= first_ns;
    for (DeviceEvent& event : trace_.device) event.begin_ns -= first_ns, event.end_ns -= first_ns;
    return std::move(trace_);
  }

 private:
  Place place() const { return places_.empty() ? Place::elsewhere : places_.back(); }

  bool enter(Place place) {
    places_.push_back(place);
    if (places_.size() > kDeepest) damage_ = {"it is nested {} deep", "嵌套达 {} 层", places_.size()};
    return damage_.empty();
  }

  void take_time(std::int64_t ns) {
    const std::int64_t least_us = key_ == "dur" ? 0 : -kLatestUs, most_us = key_ == "dur" ? kLongestUs : kLatestUs;
    if (ns < 1000 * least_us || ns > 1000 * most_us) draft_.impossible = true;
    if (key_ == "ts") draft_.begin_ns = ns;
    if (key_ == "dur") draft_.duration_ns = ns;
  }

  bool take_integer(std::int64_t value) {
    if (place() == Place::event) {
      if (key_ == "ts" || key_ == "dur") take_time(1000 * std::clamp(value, -kLatestUs - 1, kLatestUs + 1));
      if (key_ == "tid") draft_.thread = value;
    } else if (place() == Place::args) {
      if (key_ == "External id") draft_.external = static_cast<std::uint64_t>(value);
      if (key_ == "correlation") draft_.correlation = static_cast<std::uint64_t>(value);
      if (key_ == "stream") draft_.stream = value;
      if (key_ == "bytes") draft_.bytes = value;
      if (key_ == "blocks per SM") draft_.small = is_small_launch(static_cast<double>(value));
    } else if (place() == Place::shape) {
      draft_.inputs.dims.back().push_back(value);
    }
    return true;
  }

  static std::optional<HostKind> host_kind(std::string_view category) {
    if (category == "cpu_op") return HostKind::op;
    if (category == "user_annotation") return HostKind::annotation;
    if (category == "cuda_runtime" || category == "cuda_driver") return HostKind::call;
    return std::nullopt;
  }

  static std::optional<DeviceKind> device_kind(std::string_view category) {
    if (category == "kernel") return DeviceKind::kernel;
    if (category == "gpu_memcpy") return DeviceKind::copy;
    if (category == "gpu_memset") return DeviceKind::fill;
    return std::nullopt;
  }

  // Whether the trace is good so far.
  bool keep() {
    const auto host = host_kind(draft_.category);
    const auto device = device_kind(draft_.category);
    if (draft_.phase != "X" || !draft_.begin_ns || (!host && !device)) return true;
    const std::size_t kept = trace_.host.size() + trace_.device.size();
    if (draft_.impossible) {
      damage_ = {"its event {} begins or lasts as nothing can", "第 {} 个事件的时间不可能", kept + 1};
    } else if (kept >= kMostEvents) {
      damage_ = {"it has more than {} events", "事件超过 {} 个", kMostEvents};
    }
    if (!damage_.empty()) return false;
    const std::int64_t begin_ns = *draft_.begin_ns;
    const std::int64_t end_ns = begin_ns + draft_.duration_ns;
    if (host) {
      trace_.host.push_back({begin_ns, end_ns, draft_.thread, draft_.external, draft_.correlation,
                             interned(draft_.name), interned(draft_.input_type), *host,
                             operator_flops(draft_.name, draft_.inputs).value_or(0)});
    } else {
      trace_.device.push_back({begin_ns, end_ns, draft_.stream, draft_.bytes, draft_.external, draft_.correlation,
                               interned(draft_.name), *device, draft_.small});
    }
    return true;
  }

  NameId interned(const std::string& name) {
    const auto [place, is_new] = numbers_.try_emplace(name, static_cast<NameId>(trace_.names.size()));
    if (is_new) trace_.names.push_back(name);
    return place->second;
  }

  Trace trace_;
  std::unordered_map<std::string, NameId> numbers_ = {{"", 0}};
  std::vector<Place> places_;
  std::string key_;
  Draft draft_;
  bool has_events_ = false;
  std::size_t error_at_ = 0;
  Text damage_;
};

[[noreturn]] void throw_damaged(const std::filesystem::path& path, const Text& why) {
  throw Error(
      ErrorCode::failed,
      {"{} is no whole trace of PyTorch's profiler: {}", "{} 不是完整的 PyTorch 性能分析记录：{}", path.string(), why},
      {"record it again", "请重新采集"});
}

}  // namespace

Trace read_trace(const std::filesystem::path& path) {
  GzipBuffer content(path);
  std::istream stream(&content);
  TraceBuilder builder;
  const bool whole = json::sax_parse(stream, &builder);
  if (content.damage()) throw_damaged(path, *content.damage());
  if (!whole) throw_damaged(path, builder.damage());
  if (!builder.has_events()) throw_damaged(path, {"it has no list traceEvents", "缺少 traceEvents 列表"});
  return builder.finish();
}

}  // namespace wring
