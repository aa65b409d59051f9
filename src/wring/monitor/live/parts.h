#pragma once
#include <string>
#include <vector>

#include "wring/base/text.h"
#include "wring/monitor/live/canvas.h"
#include "wring/monitor/live/model.h"
#include "wring/monitor/live/plot.h"

namespace wring::live {

// The parts that layout_live() puts together. Each writes into its area and nowhere else.

// What every part is given.
struct Sheet {
  Canvas& canvas;
  const LiveModel& model;
  const LiveStatus& status;
  const LiveLook& look;

  const std::string& say(const Text& text) const { return text.in(look.language); }
  // A sign where it can be shown, else its stand-in.
  std::string sign(const char* utf8, const char* ascii) const { return look.utf8 ? utf8 : ascii; }
};

// One card with everything there is room for, down to its name and one bar.
void draw_card(const Sheet& sheet, const LiveGpu& gpu, const Area& area);

// The verdict with its numbers, below it where the area has more lines; `prefix` stands before it.
void draw_verdict(const Sheet& sheet, const Finding& verdict, const std::string& prefix, const Area& area);

// Plots of utilisation, memory and power; needs three lines at least.
void draw_plots(const Sheet& sheet, const LiveGpu& gpu, const Area& area);

// The processes on a card by memory, as many as fit below a line of titles.
void draw_processes(const Sheet& sheet, const std::vector<GpuProcess>& processes, const Area& area);

// All cards, one a line, below a line of titles; scrolled so that the selected one is among them.
void draw_table(const Sheet& sheet, const Area& area);

// What the keys do and the signs mean.
void draw_help(const Sheet& sheet, const Area& area);

// Text in lines of the area's width; returns how many it took.
int draw_paragraph(const Sheet& sheet, const std::string& text, Style style, const Area& area);

}  // namespace wring::live
