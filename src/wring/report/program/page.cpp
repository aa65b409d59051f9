#include "wring/report/program/page.h"

#include <algorithm>

#include <fmt/format.h>

#include "wring/base/version.h"
#include "wring/report/html_text.h"
#include "wring/report/program/facts.h"
#include "wring/report/program/program_style.h"
#include "wring/report/program/timeline.h"
#include "wring/report/tuning/style.h"

namespace wring {
namespace {

// Below this a part is not worth a row.
constexpr double kLeastShare = 0.0005;
// Of a rank's timeline, where many ranks share the page.
constexpr std::size_t kFewestSpans = 250;

class Page {
 public:
  Page(const ProgramPage& page, Language language) : page_(page), language_(language) {}

  std::string html() {
    head();
    for (std::size_t i = 0; i < page_.ranks.size(); ++i) rank(page_.ranks[i], fmt::format("{}", i));
    notes();
    out_ += "</body>\n</html>\n";
    return std::move(out_);
  }

 private:
  std::string in(const char* en, const char* zh) const { return Text(en, zh).in(language_); }
  std::string words(const Text& text) const { return html_text(text.in(language_)); }
  void paragraph(const Text& text, const char* css_class = "") {
    out_ +=
        fmt::format("<p{}>{}</p>\n", *css_class == '\0' ? "" : fmt::format(" class=\"{}\"", css_class), words(text));
  }

  void head() {
    const std::string command = html_text(page_.command);
    out_ += fmt::format(
        "<!DOCTYPE html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        "<title>wring diagnose – {}</title>\n<style>{}{}</style>\n</head>\n<body>\n",
        language_ == Language::zh ? "zh-CN" : "en", command, kTuningStyle, kProgramStyle);
    out_ += fmt::format("<header>\n<h1>{}</h1>\n<p><code>{}</code></p>\n",
                        in("What a training step waits for", "训练步在等什么"), command);
    out_ += fmt::format("<p class=\"soft\">{} · Wring {} · {:.1f} s</p>\n", html_text(page_.started),
                        html_text(wring_version()), page_.waited_s);
    if (!page_.reason.empty()) {
      paragraph({"Nothing could be measured: {}", "未能测量：{}", page_.reason}, "bad");
      if (!page_.way_out.empty()) paragraph({"→ {}", "→ {}", page_.way_out});
    }
    out_ += "</header>\n";
    if (!page_.verdict.empty()) out_ += fmt::format("<pre>{}</pre>\n", html_text(page_.verdict));
  }

  void rank(const JudgedProcess& one, const std::string& id) {
    const ObservedProcess& process = one.seen.process;
    if (page_.ranks.size() > 1) {
      out_ += fmt::format("<h2 class=\"rank\">{}</h2>\n", words({"rank {}", "rank {}", process.rank}));
    }
    tiles(one);
    findings(one);
    shares(one);
    timeline(one, id);
    kernels(one);
    facts(one);
  }

  void tile(const std::string& name, const std::string& value) {
    out_ += fmt::format("<div><span>{}</span><b>{}</b></div>\n", name, html_text(value));
  }

  void tiles(const JudgedProcess& one) {
    const ObservedSteps& steps = one.seen.steps;
    if (steps.n == 0 || steps.mean_ms <= 0) return;
    out_ += "<div class=\"tiles\">\n";
    tile(in("a step", "每步"), fmt::format("{:.4g} ms", steps.mean_ms));
    if (steps.samples_per_step) {
      tile(in("samples per second", "样本/秒"), fmt::format("{:.4g}", *steps.samples_per_step * 1000 / steps.mean_ms));
    }
    if (one.shares) {
      const double share = 100 * one.shares->computing_ms / one.shares->step_ms;
      tile(in("GPU computes", "GPU 计算"), fmt::format("{:.0f} %", share));
    }
    tile(in("waits for the DataLoader", "等待 DataLoader"),
         fmt::format("{:.0f} %", 100 * steps.loader_wait_ms / steps.mean_ms));
    out_ += "</div>\n";
  }

  void open_section(const std::string& title) { out_ += fmt::format("<section>\n<h2>{}</h2>\n", title); }
  void close_section() { out_ += "</section>\n"; }

  void findings(const JudgedProcess& one) {
    open_section(in("What holds it back", "瓶颈"));
    for (const ProgramFinding& found : one.findings) finding(found, one.seen.process);
    if (one.findings.empty()) paragraph({"No verdict: {}", "没有结论：{}", one.no_finding});
    close_section();
  }

  void item(const std::string& name, const std::string& text) {
    out_ += fmt::format("<li><span class=\"soft\">{}</span> {}</li>\n", name, text);
  }

  void finding(const ProgramFinding& found, const ObservedProcess& process) {
    const Finding& finding = found.finding;
    out_ += fmt::format("<h3>{} <span class=\"soft\">{}</span></h3>\n<ul>\n", words(finding.headline),
                        words({"(confidence {:.0f} %)", "（把握 {:.0f}%）", 100 * finding.confidence}));
    if (found.give_back_ms > 0) {
      item(found.at_most ? in("gives back at most:", "最多可省：") : in("gives back about:", "约可省："),
           words({"{:.2f} ms, {:.0f} % of a step", "{:.2f} ms（每步的 {:.0f}%）", found.give_back_ms, found.share}));
    }
    item(in("measured:", "实测："), words(finding.numbers));
    item(in("rule:", "规则："), words(finding.rule));
    if (!finding.next_step.empty()) item(in("next:", "下一步："), words(finding.next_step));
    for (const CodeChange& change : found.changes) item(in("change:", "改动："), change_of(change, process));
    out_ += "</ul>\n";
  }

  std::string change_of(const CodeChange& change, const ObservedProcess& process) const {
    std::string html;
    if (change.place) html += fmt::format("<code>{}</code> ", html_text(place_text(*change.place, process)));
    if (!change.now.empty()) html += fmt::format("<code>{}</code> → ", html_text(change.now));
    html += fmt::format("<code>{}</code> <span class=\"soft\">{}</span>", html_text(change.then),
                        words(effect_of(change.effect)));
    return change.note.empty() ? html : html + " · " + words(change.note);
  }

  static Text effect_of(ResultsEffect effect) {
    if (effect == ResultsEffect::exact) return {"same numbers", "数值不变"};
    if (effect == ResultsEffect::rounding) return {"rounds differently", "舍入不同"};
    return {"changes the optimisation", "改变优化过程"};
  }

  void shares(const JudgedProcess& one) {
    open_section(in("Where a step's time goes", "每步时间的去向"));
    if (!one.shares) {
      paragraph({"It cannot be told: {}", "无法得知：{}", one.no_shares});
      return close_section();
    }
    std::string bar, rows;
    for (const ShareRow& row : kShareRows) {
      const double ms = (*one.shares).*row.ms, share = ms / one.shares->step_ms;
      if (share < kLeastShare) continue;
      const std::string name = words(row.name);
      bar += fmt::format("<span class=\"k-{}\" style=\"width:{:.2f}%\" title=\"{} {:.1f} %\"></span>", row.key,
                         100 * share, name, 100 * share);
      rows += fmt::format(
          "<tr><td><i class=\"k-{}\"></i>{}</td><td class=\"n\">{:.1f} %</td><td class=\"n\">{:.2f} ms</td></tr>\n",
          row.key, name, 100 * share, ms);
    }
    out_ += fmt::format("<div class=\"shares\">{}</div>\n<table class=\"narrow\">\n{}</table>\n", bar, rows);
    close_section();
  }

  void timeline(const JudgedProcess& one, const std::string& id) {
    open_section(in("One step", "一步的时间线"));
    if (!one.timeline) {
      paragraph({"There is no timeline: {}", "没有时间线：{}", one.no_shares});
      return close_section();
    }
    const StepTimeline& step = *one.timeline;
    paragraph({"Step {} of {} that were profiled, the one of median length: {:.2f} ms.",
               "共记录 {1} 步，此为其中第 {0} 步（时长居中）：{2:.2f} ms。", step.number, step.steps, step.step_ms});
    if (one.seen.steps.mean_ms > 0) {
      paragraph(
          {"It was recorded under the profiler, which slows the CPU down and leaves kernels as they are; without it "
           "a step takes {:.2f} ms.",
           "此步在性能分析下记录：CPU 变慢，核函数不受影响；不作分析时每步 {:.2f} ms。", one.seen.steps.mean_ms},
          "soft");
    }
    const std::size_t spans = std::max(kMostSpans / page_.ranks.size(), kFewestSpans);
    out_ += timeline_html(with_fewer_spans(step, spans), id, language_);
    paragraph(
        {"The GPU's rows show what ran in this time, whichever step launched it. Where the CPU's rows are empty the "
         "program's own code runs, or nothing. Paler rectangles stand for several events with gaps between them.",
         "GPU 各行为此段时间内的运行内容，不论由哪一步启动。CPU 各行的空白处为程序自身的代码或空闲。"
         "较淡的矩形代表有间隔的多个事件。"},
        "soft");
    if (step.more_threads + step.more_streams > 0) {
      paragraph({"Threads that are not shown: {}; streams: {}.", "未显示的线程：{}；流：{}。", step.more_threads,
                 step.more_streams},
                "soft");
    }
    close_section();
  }

  void kernels(const JudgedProcess& one) {
    if (!one.work || !one.shares || one.work->kinds.empty()) return;
    open_section(in("What the GPU does in a step", "每步 GPU 的工作"));
    out_ += fmt::format(
        "<div class=\"scroll\"><table>\n<tr><th>{}</th><th class=\"n\">ms</th><th class=\"n\">%</th>"
        "<th class=\"n\">{}</th><th>{}</th></tr>\n",
        in("kind", "种类"), in("events", "次数"), in("heaviest", "最耗时者"));
    for (const KernelKindTime& kind : one.work->kinds) {
      const auto row = std::ranges::find(kernel_kind_rows(), kind.kind, &KernelKindRow::kind);
      out_ += fmt::format(
          "<tr><td>{}</td><td class=\"n\">{:.3f}</td><td class=\"n\">{:.1f}</td>"
          "<td class=\"n\">{:.0f}</td><td><code>{}</code></td></tr>\n",
          words(row->name), kind.ms, 100 * kind.ms / one.shares->step_ms, kind.calls,
          html_text(short_kernel_name(kind.heaviest)));
    }
    out_ += "</table></div>\n";
    close_section();
  }

  void facts(const JudgedProcess& one) {
    open_section(in("What was seen", "观测结果"));
    out_ += "<ul>\n";
    for (const Text& line : observed_facts(one.seen)) out_ += fmt::format("<li>{}</li>\n", words(line));
    out_ += "</ul>\n";
    close_section();
  }

  void notes() {
    if (page_.notes.empty()) return;
    out_ += "<section>\n<ul>\n";
    for (const Text& note : page_.notes) out_ += fmt::format("<li>{}</li>\n", words(note));
    out_ += "</ul>\n</section>\n";
  }

  const ProgramPage& page_;
  Language language_;
  std::string out_;
};

}  // namespace

std::string program_html(const ProgramPage& page, Language language) {
  return Page(page, language).html();
}

}  // namespace wring
