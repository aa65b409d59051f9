#include "wring/monitor/serve/exposition.h"

#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "wring/telemetry/throttle.h"

namespace wring::serve {
namespace {

using Labels = std::vector<std::pair<std::string_view, std::string>>;

std::string escaped(std::string_view text, bool in_quotes) {
  std::string out;
  for (const char c : text) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '"' && in_quotes) {
      out += "\\\"";
    } else {
      out += c;
    }
  }
  return out;
}

// One family after the other: its heading, then its samples. A family without samples leaves no trace.
class Families {
 public:
  void begin(std::string name, std::string_view type, std::string_view help) {
    name_ = std::move(name);
    heading_ = fmt::format("# HELP {} {}\n# TYPE {} {}\n", name_, escaped(help, false), name_, type);
  }

  void add(std::optional<double> value, const Labels& labels = {}) {
    if (!value || !std::isfinite(*value)) return;
    text_ += std::exchange(heading_, "") + name_;
    if (!labels.empty()) {
      char separator = '{';
      for (const auto& [label, content] : labels) {
        text_ += fmt::format("{}{}=\"{}\"", separator, label, escaped(content, true));
        separator = ',';
      }
      text_ += '}';
    }
    text_ += fmt::format(" {}\n", *value);
  }

  void one(std::string name, std::string_view type, std::string_view help, std::optional<double> value) {
    begin(std::move(name), type, help);
    add(value);
  }

  std::string take() { return std::move(text_); }

 private:
  std::string name_;
  std::string heading_;
  std::string text_;
};

template <typename Number>
std::optional<double> scaled(const std::optional<Number>& value, double factor) {
  return value ? std::optional(static_cast<double>(*value) * factor) : std::nullopt;
}

constexpr double kMib = 1024.0 * 1024.0;
constexpr double kPercent = 0.01;

// Applies `add(gpu, labels)` to every card.
template <typename Add>
void each_gpu(const MonitorView& view, const std::vector<Labels>& labels, Add&& add) {
  for (std::size_t i = 0; i < view.gpus.size(); ++i) add(view.gpus[i], labels[i]);
}

Labels with(Labels labels, std::string_view name, std::string value) {
  labels.emplace_back(name, std::move(value));
  return labels;
}

// "sm_activity_ratio" → "sm_activity": the stem from which the counter of seconds takes its name.
std::string_view stem(std::string_view name) {
  constexpr std::string_view kRatio = "_ratio";
  return name.ends_with(kRatio) ? name.substr(0, name.size() - kRatio.size()) : name;
}

void add_catalogue(Families& out, const MonitorView& view, const std::vector<Labels>& labels) {
  for (const MetricRow& row : metric_rows()) {
    out.begin(fmt::format("wring_gpu_{}", row.prometheus), row.kind == MetricKind::counter ? "counter" : "gauge",
              row.help.en);
    each_gpu(view, labels, [&](const ServedGpu& gpu, const Labels& of_gpu) {
      if (gpu.sample) out.add(scaled(plausible(row, (*gpu.sample)[row.metric]), row.prometheus_factor), of_gpu);
    });
  }
}

void add_seconds(Families& out, const MonitorView& view, const std::vector<Labels>& labels) {
  const auto seconds = [&](const MetricRow& row, std::string_view suffix, const std::string& help,
                           const std::array<double, kMetricCount> GpuTotals::*member) {
    out.begin(fmt::format("wring_gpu_{}_{}", stem(row.prometheus), suffix), "counter", help);
    each_gpu(view, labels, [&](const ServedGpu& gpu, const Labels& of_gpu) {
      const auto at = static_cast<std::size_t>(row.metric);
      if (gpu.totals.covered_s[at] > 0) out.add((gpu.totals.*member)[at], of_gpu);
    });
  };
  for (const MetricRow& row : metric_rows()) {
    if (row.kind != MetricKind::share) continue;
    seconds(
        row, "seconds_total",
        fmt::format("{}, gathered over time: the rate of this is the mean share since the last scrape.", row.title.en),
        &GpuTotals::share_s);
    seconds(row, "observed_seconds_total",
            fmt::format("Time that readings of {} describe; divide by its rate where there were gaps.", row.title.en),
            &GpuTotals::covered_s);
  }
}

void add_throttling(Families& out, const MonitorView& view, const std::vector<Labels>& labels) {
  out.begin("wring_gpu_throttle_active", "gauge", "1 while this reason holds the clocks down.");
  each_gpu(view, labels, [&](const ServedGpu& gpu, const Labels& of_gpu) {
    if (!gpu.sample || !gpu.sample->throttle_reasons) return;
    for (const ThrottleName& name : throttle_names()) {
      out.add((*gpu.sample->throttle_reasons & name.bit) != 0 ? 1 : 0, with(of_gpu, "reason", std::string(name.key)));
    }
  });
  out.begin("wring_gpu_throttled_seconds_total", "counter", "Time in which this reason held the clocks down.");
  each_gpu(view, labels, [&](const ServedGpu& gpu, const Labels& of_gpu) {
    for (const ThrottleName& name : throttle_names()) {
      const auto at = gpu.totals.throttled_s.find(name.bit);
      if (at != gpu.totals.throttled_s.end()) out.add(at->second, with(of_gpu, "reason", std::string(name.key)));
    }
  });
}

void add_state(Families& out, const MonitorView& view, const std::vector<Labels>& labels) {
  out.begin("wring_gpu_info", "gauge", "Always 1; what is known about the card.");
  for (std::size_t i = 0; i < view.gpus.size(); ++i) {
    out.add(1, with(with(labels[i], "pci_bus_id", view.facts->gpus[i].pci_bus_id), "driver_version",
                    view.facts->driver_version));
  }
  out.begin("wring_gpu_up", "gauge", "1 while the card answers; 0 when it is lost or its driver call hangs.");
  for (std::size_t i = 0; i < view.gpus.size(); ++i) out.add(view.lost(i) ? 0 : 1, labels[i]);
  out.begin("wring_gpu_stuck_seconds", "gauge",
            "How long the card's running driver call is overdue; 0 when it is not.");
  each_gpu(view, labels,
           [&](const ServedGpu& gpu, const Labels& of_gpu) { out.add(gpu.stuck_for_s.value_or(0), of_gpu); });
  out.begin("wring_gpu_processes", "gauge", "Processes that use the card.");
  each_gpu(view, labels, [&](const ServedGpu& gpu, const Labels& of_gpu) {
    if (gpu.sample && !gpu.sample->problem) out.add(static_cast<double>(gpu.sample->processes.size()), of_gpu);
  });
}

void add_host(Families& out, const HostSample& host) {
  out.one("wring_host_cpu_ratio", "gauge", "Busy share of all CPU cores together.", scaled(host.cpu_percent, kPercent));
  out.one("wring_host_busiest_core_ratio", "gauge", "Busy share of the busiest CPU core.",
          scaled(host.busiest_core_percent, kPercent));
  out.one("wring_host_iowait_ratio", "gauge", "Share of all CPU cores that waits for disks.",
          scaled(host.iowait_percent, kPercent));
  out.one("wring_host_memory_used_bytes", "gauge", "Host memory in use.", scaled(host.memory_used_mib, kMib));
  out.one("wring_host_memory_total_bytes", "gauge", "Host memory.", scaled(host.memory_total_mib, kMib));
  out.one("wring_host_disk_read_bytes_per_second", "gauge", "Read from all disks.", scaled(host.disk_read_mib_s, kMib));
}

void add_monitor(Families& out, const MonitorView& view) {
  out.begin("wring_build_info", "gauge", "Always 1; the version of Wring.");
  out.add(1, {{"version", view.facts->version}});
  out.one("wring_monitor_start_time_seconds", "gauge", "When the monitor started, in seconds since 1970.",
          static_cast<double>(view.facts->started_unix_ms) / 1000);
  out.one("wring_monitor_interval_seconds", "gauge", "Time between two ticks that was asked for.",
          view.ticks > 0 ? std::optional(view.interval_s) : std::nullopt);
  out.one("wring_monitor_ticks_total", "counter", "Ticks measured.", static_cast<double>(view.ticks));
  out.one("wring_monitor_missed_ticks_total", "counter", "Ticks that could not be kept.",
          static_cast<double>(view.missed));
  out.one("wring_monitor_last_tick_age_seconds", "gauge", "Age of the newest tick.", view.last_tick_age_s);
  out.one("process_cpu_seconds_total", "counter", "CPU time of the monitor itself.", view.own_cpu_s);
  out.one("process_resident_memory_bytes", "gauge", "Memory of the monitor itself.", scaled(view.own_memory_bytes, 1));
}

}  // namespace

std::string prometheus_text(const MonitorView& view) {
  std::vector<Labels> labels;
  for (const Gpu& gpu : view.facts->gpus) {
    labels.push_back({{"gpu", std::to_string(gpu.index)}, {"uuid", gpu.uuid}, {"name", gpu.name}});
  }
  Families out;
  add_state(out, view, labels);
  add_catalogue(out, view, labels);
  add_seconds(out, view, labels);
  add_throttling(out, view, labels);
  add_host(out, view.host);
  add_monitor(out, view);
  return out.take();
}

}  // namespace wring::serve
