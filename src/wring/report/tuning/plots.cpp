#include "wring/report/tuning/plots.h"

#include <algorithm>

#include <fmt/format.h>

#include "wring/report/html_text.h"
#include "wring/report/svg_plot.h"
#include "wring/report/tuning/measured.h"
#include "wring/report/tuning/words.h"
#include "wring/tune/search/words.h"

namespace wring {
namespace {

// Other settings have other lines: only trials with the settings that were chosen, on training's own data, are shown.
bool belongs(const RecordedTrial& trial, const TuningRecord& record) {
  if (trial.request.measure.data != TrialData::real) return false;
  const RecordedTrial* after = record.after_trial();
  return after == nullptr ||
         settings_of(trial.request, record.batch_key) == settings_of(after->request, record.batch_key);
}

bool ran(const RecordedTrial& trial) {
  return trial.result.outcome == TrialOutcome::ok;
}

std::string tip(const RecordedTrial& trial, const std::string& value, Language language) {
  return Text("batch {}: {}", "批大小 {}：{}", trial.batch_size, value).in(language);
}

// The line in as many pieces as a logarithmic axis needs to bend it.
template <typename Value>
PlotSeries fitted(const Line& line, const Text& name, Language language, const Value& value) {
  constexpr int kPieces = 48;
  PlotSeries series{name.in(language), "fitted", PlotMark::line, {}};
  const auto from = static_cast<double>(line.from), to = static_cast<double>(line.to);
  for (int i = 0; i <= kPieces && to > from; ++i) {
    const double batch = from + (to - from) * i / kPieces;
    series.points.push_back({batch, value(batch), ""});
  }
  return series;
}

struct Drawn {
  PlotSeries dots, failures, choice;
};

template <typename Value, typename OfChoice>
Drawn measured(const TuningRecord& record, Language language, const Value& value, const OfChoice& of_choice) {
  const auto in = [&](const char* en, const char* zh) { return Text(en, zh).in(language); };
  Drawn found{{in("measured", "实测"), "measured", PlotMark::dots, {}},
              {in("did not run", "未能运行"), "failed", PlotMark::crosses, {}},
              {in("chosen", "选定"), "chosen", PlotMark::ring, {}}};
  for (const RecordedTrial& trial : record.trials) {
    if (!belongs(trial, record) || trial.result.outcome == TrialOutcome::cut_off) continue;
    const auto batch = static_cast<double>(trial.batch_size);
    if (!ran(trial)) {
      found.failures.points.push_back(
          {batch, 0, tip(trial, outcome_text(trial.result.outcome).in(language), language)});
    } else if (const auto [y, words] = value(trial); y) {
      found.dots.points.push_back({batch, *y, tip(trial, words, language)});
    }
  }
  if (const std::optional<Measured> after = measured_after(record)) {
    const RecordedTrial& trial = record.trials[after->shown];
    if (const auto [y, words] = of_choice(*after); y) {
      found.choice.points.push_back({static_cast<double>(trial.batch_size), *y, tip(trial, words, language)});
    }
  }
  return found;
}

using Shown = std::pair<std::optional<double>, std::string>;

Shown shown_rate(const std::optional<double>& samples_per_s) {
  return {samples_per_s, rate_figure(samples_per_s) + " samples/s"};
}

// A soak validates in between: its rate is no step's.
Shown rate_of(const RecordedTrial& trial) {
  return trial.request.measure.validate ? Shown() : shown_rate(trial.result.samples_per_s);
}

Shown shown_memory(const std::optional<std::int64_t>& peak_mib) {
  if (!peak_mib) return {};
  return {static_cast<double>(*peak_mib), memory_text(peak_mib)};
}

Shown memory_of(const RecordedTrial& trial) {
  return shown_memory(measured_peak_mib(trial.result.memory));
}

}  // namespace

std::string rate_plot(const TuningRecord& record, Language language) {
  const auto in = [&](const char* en, const char* zh) { return Text(en, zh).in(language); };
  Plot plot{in("Rate", "吞吐量"), in("batch size", "批大小"), in("samples per second", "样本/秒"), {}, {}};
  Drawn found = measured(record, language, rate_of, [](const Measured& m) { return shown_rate(m.samples_per_s); });
  if (found.dots.points.empty()) return "";
  if (record.step_ms) {
    const Line& line = *record.step_ms;
    plot.series.push_back(fitted(line, {"from the fitted step time", "由拟合的步时推得"}, language,
                                 [&](double batch) { return line.at(batch) > 0 ? 1000 * batch / line.at(batch) : 0; }));
  }
  plot.series.insert(plot.series.end(), {found.failures, found.dots, found.choice});
  return svg_plot(plot);
}

std::string memory_plot(const TuningRecord& record, Language language) {
  const auto in = [&](const char* en, const char* zh) { return Text(en, zh).in(language); };
  Plot plot{in("Peak memory", "峰值显存"), in("batch size", "批大小"), "MiB", {}, {}};
  Drawn found = measured(record, language, memory_of, [](const Measured& m) { return shown_memory(m.peak_mib); });
  if (found.dots.points.empty()) return "";
  if (record.memory_mib) {
    const Line& line = *record.memory_mib;
    plot.series.push_back(
        fitted(line, {"fitted", "拟合"}, language, [&](double batch) { return std::max(0.0, line.at(batch)); }));
  }
  plot.series.insert(plot.series.end(), {found.failures, found.dots, found.choice});
  for (const RecordedTrial& trial : record.trials) {
    if (!trial.result.memory.device_total_mib) continue;
    plot.levels.push_back(
        {static_cast<double>(*trial.result.memory.device_total_mib), in("the device's memory", "设备显存")});
    break;
  }
  return svg_plot(plot);
}

std::string step_split(const TuningRecord& record, Language language) {
  std::string rows;
  for (std::size_t i = 0; i < record.trials.size(); ++i) {
    const RecordedTrial& trial = record.trials[i];
    const double step = trial.result.step_ms.median;
    if (!ran(trial) || trial.request.measure.data != TrialData::real || !trial.result.data_wait_ms || step <= 0)
      continue;
    const double wait = std::clamp(*trial.result.data_wait_ms / step, 0.0, 1.0);
    std::string name = Text("batch {}", "批大小 {}", trial.batch_size).in(language);
    if (record.after == i) name += language == Language::zh ? "（选定）" : " (chosen)";
    rows += fmt::format(
        "<span>{}</span><span class=\"bar\"><span class=\"wait\" style=\"width:{:.1f}%\"></span>"
        "<span class=\"work\" style=\"width:{:.1f}%\"></span></span><span>{:.2f} / {:.2f} ms</span>\n",
        html_text(name), 100 * wait, 100 * (1 - wait), *trial.result.data_wait_ms, step);
  }
  if (rows.empty()) return "";
  const auto in = [&](const char* en, const char* zh) { return Text(en, zh).in(language); };
  return fmt::format(
      "<h3>{}</h3>\n<p class=\"key soft\"><i class=\"wait\"></i>{}<i class=\"work\"></i>{}</p>\n<div "
      "class=\"split\">\n{}</div>\n",
      in("Step time", "每步时间"), in("waiting for data", "等待数据"), in("the step itself", "计算本身"), rows);
}

}  // namespace wring
