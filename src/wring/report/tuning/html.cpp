#include "wring/report/tuning/html.h"

#include <algorithm>

#include <fmt/format.h>

#include "wring/report/html_text.h"
#include "wring/report/tuning/measured.h"
#include "wring/report/tuning/plots.h"
#include "wring/report/tuning/run_time.h"
#include "wring/report/tuning/style.h"
#include "wring/report/tuning/words.h"
#include "wring/trial/result_json.h"
#include "wring/trial/telling_line.h"
#include "wring/tune/search/words.h"

namespace wring {
namespace {

class Page {
 public:
  Page(const TuningRecord& record, Language language) : record_(record), language_(language) {}

  std::string html() {
    head();
    tiles();
    findings();
    plots();
    before_after();
    changes();
    trials();
    machine();
    out_ += "</body>\n</html>\n";
    return out_;
  }

 private:
  std::string in(const char* en, const char* zh) const { return Text(en, zh).in(language_); }
  std::string words(const Text& text) const { return html_text(text.in(language_)); }

  void head() {
    const std::string config = html_text(record_.config.string());
    out_ += fmt::format(
        "<!DOCTYPE html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        "<title>{} – {}</title>\n<style>{}</style>\n</head>\n<body>\n",
        language_ == Language::zh ? "zh-CN" : "en", html_text(record_.program), config, kTuningStyle);
    out_ += fmt::format("<header>\n<h1>{}</h1>\n", html_text(record_.program));
    out_ += fmt::format("<p><code>{}</code>", config);
    if (record_.written) out_ += fmt::format(" → <code>{}</code>", html_text(record_.output.string()));
    out_ += fmt::format("</p>\n<p class=\"soft\">{} · Wring {} · {:.1f} s</p>\n", html_text(record_.started),
                        html_text(record_.version), record_.seconds);
    if (record_.interrupted) {
      out_ += fmt::format("<p class=\"bad\">{}</p>\n",
                          in("Interrupted: this is what was measured until then.", "已中断：以下是中断前的测量结果。"));
    }
    out_ += "</header>\n";
  }

  void tile(const std::string& name, const std::string& value) {
    out_ += fmt::format("<div><span>{}</span><b>{}</b></div>\n", name, html_text(value));
  }

  void tiles() {
    const std::optional<Measured> after = measured_after(record_);
    if (!after || !after->samples_per_s) return;
    const RecordedTrial& trial = record_.trials[after->shown];
    out_ += "<div class=\"tiles\">\n";
    tile(in("batch size", "批大小"), fmt::format("{}", trial.batch_size));
    tile(in("samples per second", "样本/秒"), rate_figure(after->samples_per_s));
    if (const auto ratio = speed_up(record_)) tile(in("against before", "相比优化前"), fmt::format("{:.2f} ×", *ratio));
    if (const auto hours = run_hours_after(record_))
      tile(in("the whole run", "整个训练"), hours_text(*hours).in(language_));
    if (after->peak_mib) tile(in("peak memory", "峰值显存"), memory_text(after->peak_mib));
    if (record_.headroom_mib) tile(in("head-room", "显存余量"), memory_text(record_.headroom_mib));
    if (trial.result.utilisation.gpu_util) tile("GPU-Util", percent_text(trial.result.utilisation.gpu_util));
    out_ += "</div>\n";
  }

  void paragraph(const Text& text) { out_ += fmt::format("<p>{}</p>\n", words(text)); }

  void findings() {
    out_ += fmt::format("<section>\n<h2>{}</h2>\n", in("Result", "结果"));
    for (const Finding& verdict : record_.verdicts) this->verdict(verdict);
    if (!record_.reason.empty()) paragraph(record_.reason);
    if (record_.verdicts.empty() && record_.reason.empty()) paragraph({"Nothing could be chosen.", "未能选出结果。"});
    if (const Text run = run_text(record_); !run.empty()) paragraph(run);
    if (record_.next_failed) {
      paragraph({"The next size that did not fit: batch {}.", "其上第一个不可行的批大小：{}。", *record_.next_failed});
    }
    if (record_.utilisation && !record_.utilisation->text.empty()) paragraph(record_.utilisation->text);
    if (!record_.notes.empty()) out_ += "<ul>\n";
    for (const Text& note : record_.notes) out_ += fmt::format("<li>{}</li>\n", words(note));
    if (!record_.notes.empty()) out_ += "</ul>\n";
    out_ += "</section>\n";
  }

  void verdict(const Finding& verdict) {
    out_ += fmt::format("<h3>{} <span class=\"soft\">({:.0f} %)</span></h3>\n<ul>\n", words(verdict.headline),
                        100 * verdict.confidence);
    const auto item = [&](const std::string& name, const std::string& text) {
      out_ += fmt::format("<li><span class=\"soft\">{}</span> {}</li>\n", name, text);
    };
    item(in("measured:", "实测："), words(verdict.numbers));
    item(in("rule:", "规则："), words(verdict.rule));
    item(in("next:", "下一步："), words(verdict.next_step));
    for (const Assignment& change : verdict.fix) {
      item(in("change:", "改动："), fmt::format("<code>{}: {}</code>", html_text(change.key), html_text(change.value)));
    }
    out_ += "</ul>\n";
  }

  void plots() {
    const std::string drawn = rate_plot(record_, language_) + memory_plot(record_, language_);
    if (!drawn.empty()) out_ += "<section class=\"plots\">\n" + drawn + "</section>\n";
    const std::string split = step_split(record_, language_);
    if (!split.empty()) out_ += "<section>\n" + split + "</section>\n";
  }

  struct Cell {
    std::string text;
    bool number = false;
  };
  // tag: "th" or "td"
  void row(const char* tag, const std::vector<Cell>& cells, const char* css_class = "") {
    out_ += *css_class == '\0' ? "<tr>" : fmt::format("<tr class=\"{}\">", css_class);
    for (const Cell& cell : cells) {
      out_ += fmt::format("<{0}{1}>{2}</{0}>", tag, cell.number ? " class=\"n\"" : "", html_text(cell.text));
    }
    out_ += "</tr>\n";
  }
  void open_table(const std::string& title) {
    out_ += fmt::format("<section>\n<h2>{}</h2>\n<div class=\"scroll\"><table>\n", title);
  }
  void close_table() { out_ += "</table></div>\n</section>\n"; }

  static std::string rate(const RecordedTrial& trial) {
    return trial.result.outcome == TrialOutcome::ok ? rate_figure(trial.result.samples_per_s) : "–";
  }
  static std::string step(const RecordedTrial& trial) {
    const bool timed = trial.result.outcome == TrialOutcome::ok && trial.result.step_ms.n > 0;
    return timed ? fmt::format("{:.2f} ± {:.2f}", trial.result.step_ms.median, trial.result.step_ms.mad) : "–";
  }
  static std::string wait(const RecordedTrial& trial) {
    const bool known = trial.result.outcome == TrialOutcome::ok && trial.result.data_wait_ms;
    return known ? fmt::format("{:.2f}", *trial.result.data_wait_ms) : "–";
  }

  void before_after() {
    const std::optional<Measured> old_one = measured_before(record_), new_one = measured_after(record_);
    if (!old_one || !new_one) return;
    open_table(in("Before and after", "优化前后"));
    row("th", {{""}, {in("before", "优化前"), true}, {in("after", "优化后"), true}});
    const RecordedTrial &before = record_.trials[old_one->shown], &after = record_.trials[new_one->shown];
    const auto compare = [&](const std::string& name, const auto& value) {
      row("td", {{name}, {value(before), true}, {value(after), true}});
    };
    compare(in("batch size", "批大小"), [](const RecordedTrial& t) { return fmt::format("{}", t.batch_size); });
    row("td", {{in("samples per second", "样本/秒")},
               {rate_figure(old_one->samples_per_s), true},
               {rate_figure(new_one->samples_per_s), true}});
    compare(in("step, ms (median ± MAD)", "每步 ms（中位数 ± MAD）"), step);
    compare(in("waiting for data, ms", "等待数据 ms"), wait);
    row("td", {{in("peak memory", "峰值显存")},
               {memory_text(old_one->peak_mib), true},
               {memory_text(new_one->peak_mib), true}});
    const auto busy = [&](const std::string& name, std::optional<double> TrialUtilisation::*value) {
      if (!(before.result.utilisation.*value) && !(after.result.utilisation.*value)) return;
      compare(name, [&](const RecordedTrial& t) { return percent_text(t.result.utilisation.*value); });
    };
    busy("GPU-Util", &TrialUtilisation::gpu_util);
    busy(in("SM activity", "SM活跃度"), &TrialUtilisation::sm_activity);
    busy(in("tensor activity", "张量核心活跃度"), &TrialUtilisation::tensor_activity);
    busy(in("DRAM activity", "显存活跃度"), &TrialUtilisation::dram_activity);
    close_table();
  }

  void changes() {
    if (record_.changes.empty()) return;
    open_table(in("Changes to the configuration", "配置改动"));
    row("th", {{in("key", "参数")}, {in("old", "原值")}, {in("new", "新值")}, {in("reason", "原因")}});
    for (const Change& change : record_.changes) {
      row("td",
          {{change.key}, {old_value_text(change).in(language_)}, {change.new_value}, {change.reason.in(language_)}});
    }
    close_table();
  }

  std::string verdict_cell(const RecordedTrial& trial) const {
    std::string text = trial_verdict(trial).in(language_);
    const bool ran = trial.result.outcome == TrialOutcome::ok;
    if (!ran && trial.verdict.empty() && !trial.result.message.empty())
      text += ": " + first_words(trial.result.message);
    if (trial.result.reused) text += language_ == Language::zh ? "（沿用先前结果）" : " (measured earlier)";
    return text;
  }

  void trials() {
    if (record_.trials.empty()) return;
    const std::optional<Measured> chosen = measured_after(record_);
    open_table(in("Every trial", "全部试验"));
    row("th", {{in("batch", "批大小"), true},
               {in("purpose", "目的")},
               {in("data", "数据")},
               {in("settings", "设置")},
               {in("samples/s", "样本/秒"), true},
               {in("step, ms", "每步 ms"), true},
               {in("data wait, ms", "等待数据 ms"), true},
               {in("memory", "显存"), true},
               {"GPU-Util", true},
               {in("verdict", "结论")}});
    for (std::size_t i = 0; i < record_.trials.size(); ++i) {
      const RecordedTrial& trial = record_.trials[i];
      const bool picked = chosen && std::ranges::find(chosen->trials, i) != chosen->trials.end();
      const char* css = picked ? "picked" : trial.result.outcome != TrialOutcome::ok ? "bad" : "";
      row("td",
          {{fmt::format("{}", trial.batch_size), true},
           {trial.purpose},
           {std::string(data_key(trial.request.measure.data))},
           {settings_text(trial.request, record_.batch_key)},
           {rate(trial), true},
           {step(trial), true},
           {wait(trial), true},
           {memory_text(measured_peak_mib(trial.result.memory)), true},
           {percent_text(trial.result.utilisation.gpu_util), true},
           {verdict_cell(trial)}},
          css);
    }
    close_table();
  }

  void machine() {
    open_table(in("Machine", "机器"));
    for (const auto& [name, value] : record_.machine) row("td", {{name.in(language_)}, {value}});
    out_ += fmt::format("<tr><td>{}</td><td><code>{}</code></td></tr>\n", in("command", "命令"),
                        html_text(record_.command));
    close_table();
  }

  const TuningRecord& record_;
  Language language_;
  std::string out_;
};

}  // namespace

std::string tuning_html(const TuningRecord& record, Language language) {
  return Page(record, language).html();
}

}  // namespace wring
