#include "wring/report/program/timeline.h"

#include <algorithm>
#include <array>
#include <map>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "wring/base/display_text.h"
#include "wring/report/html_text.h"
#include "wring/report/svg_plot.h"

namespace wring {
namespace {

// How much wider the timeline can be made; the style sheet knows each.
constexpr std::array kZooms = {1, 4, 16};
// In pixels; the page's style sheet has the same heights for the names.
constexpr int kAxisHeight = 24;
constexpr int kRowHeight = 26;
constexpr int kBarHeight = 18;

struct KindWords {
  std::string_view css_class;
  Text name;
};

const KindWords& words_of(HostPart part) {
  static const std::array<std::pair<HostPart, KindWords>, 7> rows = {{
      {HostPart::operators, {"k-operators", {"operators of PyTorch", "PyTorch 算子"}}},
      {HostPart::loader, {"k-loader", {"waits for data", "等待数据"}}},
      {HostPart::optimizer, {"k-optimizer", {"optimiser's step", "优化器步"}}},
      {HostPart::launch, {"k-launch", {"launches", "启动核函数"}}},
      {HostPart::sync, {"k-synchronisation", {"waits for the GPU", "等待 GPU"}}},
      {HostPart::copy, {"k-copy", {"copies from pageable memory", "从可分页内存拷贝"}}},
      {HostPart::call, {"k-call", {"other calls of CUDA", "其他 CUDA 调用"}}},
  }};
  return std::ranges::find(rows, part, &std::pair<HostPart, KindWords>::first)->second;
}

KindWords words_of(KernelKind kind) {
  const auto row = std::ranges::find(kernel_kind_rows(), kind, &KernelKindRow::kind);
  static const std::map<KernelKind, std::string_view> classes = {{KernelKind::product, "k-product"},
                                                                 {KernelKind::fp32_product, "k-fp32-product"},
                                                                 {KernelKind::elementwise, "k-elementwise"},
                                                                 {KernelKind::layout, "k-layout"},
                                                                 {KernelKind::reduction, "k-reduction"},
                                                                 {KernelKind::update, "k-optimizer"},
                                                                 {KernelKind::copy, "k-copy"},
                                                                 {KernelKind::collective, "k-collective"},
                                                                 {KernelKind::other, "k-other"}};
  return {classes.at(kind), row->name};
}

KindWords words_of(const SpanKind& kind) {
  return std::visit([](auto one) -> KindWords { return words_of(one); }, kind);
}

// So that 3 µs within a second is more than 0.00.
std::string ms_figure(double ms) {
  return ms >= 100 ? fmt::format("{:.1f}", ms) : ms >= 1 ? fmt::format("{:.2f}", ms) : fmt::format("{:.4f}", ms);
}

Text name_of(const TimelineRow& row) {
  switch (row.of) {
    case TimelineRow::Of::work:
      if (row.steps) return {"CPU: the training loop", "CPU：训练循环"};
      return {"CPU: thread {}", "CPU：线程 {}", row.number};
    case TimelineRow::Of::calls:
      return {"its calls of CUDA", "其 CUDA 调用"};
    case TimelineRow::Of::stream:
      return {"GPU: stream {}", "GPU：流 {}", row.number};
  }
  return {};
}

class Drawing {
 public:
  Drawing(const StepTimeline& timeline, const std::string& id, Language language)
      : timeline_(timeline), id_(id), language_(language) {}

  std::string html() {
    legend();
    zoom();
    out_ += "<div class=\"timeline\">\n<div class=\"names\">";
    for (const TimelineRow& row : timeline_.rows) out_ += fmt::format("<span>{}</span>", words(name_of(row)));
    out_ += "</div>\n";
    const int height = kAxisHeight + kRowHeight * static_cast<int>(timeline_.rows.size());
    out_ += fmt::format("<div class=\"scroll\"><svg role=\"img\" aria-label=\"{}\" style=\"height:{}px\">\n",
                        words({"timeline of one step", "一步的时间线"}), height);
    for (const int factor : kZooms) axis(factor, height);
    int top = kAxisHeight;
    for (const TimelineRow& row : timeline_.rows) {
      draw(row, top);
      top += kRowHeight;
    }
    out_ += "</svg></div>\n</div>\n";
    return std::move(out_);
  }

 private:
  std::string words(const Text& text) const { return html_text(text.in(language_)); }
  double percent(double ms) const { return 100 * ms / timeline_.step_ms; }

  void legend() {
    std::map<SpanKind, bool> seen;
    for (const TimelineRow& row : timeline_.rows) {
      for (const TimelineSpan& span : row.spans) seen[span.kind] = true;
    }
    out_ += "<p class=\"key soft\">";
    for (const auto& [kind, is_seen] : seen) {
      const KindWords kind_words = words_of(kind);
      out_ += fmt::format("<span><i class=\"{}\"></i>{}</span> ", kind_words.css_class, words(kind_words.name));
    }
    out_ += "</p>\n";
  }

  // Radio buttons before the timeline, which the style sheet looks at.
  void zoom() {
    for (const int factor : kZooms) {
      out_ += fmt::format("<input type=\"radio\" name=\"zoom-{0}\" id=\"zoom-{0}-{1}\" class=\"zoom{1}\"{2}/>", id_,
                          factor, factor == 1 ? " checked=\"checked\"" : "");
      out_ += fmt::format("<label for=\"zoom-{0}-{1}\">{1} ×</label>\n", id_, factor);
    }
  }

  // Shown where the timeline is so many times as wide.
  void axis(int factor, int height) {
    constexpr int kTicks = 10;
    out_ += fmt::format("<g class=\"at{}\">", factor);
    for (const double tick : round_ticks(0, timeline_.step_ms, kTicks * factor)) {
      const double at = percent(tick);
      if (at > 100) break;
      out_ += fmt::format("<line class=\"grid\" x1=\"{0:.2f}%\" y1=\"{1}\" x2=\"{0:.2f}%\" y2=\"{2}\"/>", at,
                          kAxisHeight - 6, height);
      const char* anchor = tick == 0 ? "start" : at > 97 ? "end" : "middle";
      out_ += fmt::format("<text x=\"{:.2f}%\" y=\"13\" text-anchor=\"{}\">{:.6g}{}</text>\n", at, anchor, tick,
                          tick == 0 ? " ms" : "");
    }
    out_ += "</g>\n";
  }

  void draw(const TimelineRow& row, int top) {
    out_ += fmt::format("<g transform=\"translate(0 {})\">", top);
    std::string_view open;  // the class of the group that stands open
    for (const TimelineSpan& span : row.spans) {
      const KindWords kind = words_of(span.kind);
      if (kind.css_class != open) {
        out_ += fmt::format("{}<g class=\"{}\">", open.empty() ? "" : "</g>\n", kind.css_class);
        open = kind.css_class;
      }
      rectangle(span, kind);
    }
    out_ += "</g></g>\n";
  }

  void rectangle(const TimelineSpan& span, const KindWords& kind) {
    const double begin = percent(span.begin_ms);
    const double width = percent(span.end_ms) - begin;
    // What is made of many pieces with gaps between them is paler.
    const double length_ms = span.end_ms - span.begin_ms;
    const double density = length_ms > 0 ? span.busy_ms / length_ms : 1;
    const std::string pale = density < 0.85 ? fmt::format(" opacity=\"{:.1f}\"", std::max(0.4, density)) : "";
    out_ += fmt::format("<rect x=\"{:.3f}%\" width=\"{:.3f}%\" height=\"{}\"{}><title>{}</title></rect>", begin, width,
                        kBarHeight, pale, html_text(tip_of(span, kind).in(language_)));
  }

  static Text tip_of(const TimelineSpan& span, const KindWords& kind) {
    const std::string begin = ms_figure(span.begin_ms), busy = ms_figure(span.busy_ms);
    const std::string name = short_kernel_name(span.name);
    if (span.count == 1) {
      const Text what = name.empty() ? kind.name : Text("{}\n{}", "{}\n{}", name, kind.name);
      return {"{}\n{} ms, from {}", "{}\n{} ms，始于 {}", what, busy, begin};
    }
    const std::string length = ms_figure(span.end_ms - span.begin_ms);
    return {"{} events, most of the time: {}\namong them {}\n{} of {} ms, from {}",
            "{} 个事件，主要为：{}\n其中有 {}\n{} / {} ms，始于 {}",
            span.count,
            kind.name,
            name.empty() ? kind.name : Text(name),
            busy,
            length,
            begin};
  }

  const StepTimeline& timeline_;
  const std::string& id_;
  Language language_;
  std::string out_;
};

}  // namespace

std::string short_kernel_name(std::string_view name) {
  constexpr int kColumns = 64;
  constexpr std::string_view kVoid = "void ";
  if (name.starts_with(kVoid)) name.remove_prefix(kVoid.size());
  const std::string clean = without_controls(name);
  const std::string_view head = fit_columns(clean, kColumns);
  return std::string(head) + (head.size() < clean.size() ? "…" : "");
}

std::string timeline_html(const StepTimeline& timeline, const std::string& id, Language language) {
  return Drawing(timeline, id, language).html();
}

}  // namespace wring
