#pragma once
#include <string_view>

namespace wring {

// The style sheet of tuning_html(): the monitor page's colours.
inline constexpr std::string_view kTuningStyle = R"css(
:root {
  color-scheme: light dark;
  --ground: #f5f6f8; --card: #ffffff; --line: #e3e6eb; --ink: #1b2430; --soft: #5b6675; --grid: #edf0f4; --axis: #cfd5de;
  --blue: #2563eb; --teal: #0d9488; --amber: #d97706; --good: #15803d; --bad: #c02626; --calm: #f2f5fb;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #0d1117; --card: #151b23; --line: #262e3a; --ink: #e6ebf2; --soft: #9aa6b6; --grid: #1f2732;
    --axis: #364152; --blue: #6ea0ff; --teal: #2dd4bf; --amber: #f5a83b; --good: #4ade80; --bad: #ff7b7b; --calm: #1a2230;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 24px 20px 40px; max-width: 1120px; background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Noto Sans CJK SC", "PingFang SC",
    "Microsoft YaHei", sans-serif;
  font-variant-numeric: tabular-nums;
}
h1 { font-size: 22px; margin: 0 0 4px; letter-spacing: -0.01em; }
h2 { font-size: 16px; margin: 0 0 10px; }
h3 { font-size: 14px; margin: 0 0 6px; font-weight: 600; }
p { margin: 0 0 8px; }
.soft { color: var(--soft); }
section { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 16px 18px; margin-top: 16px; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 16px; margin-top: 16px; }
.tiles div { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 12px 16px; }
.tiles span { display: block; color: var(--soft); font-size: 13px; }
.tiles b { font-size: 22px; font-weight: 650; white-space: nowrap; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 420px), 1fr)); gap: 20px; }
figure { margin: 0; min-width: 0; }
figcaption { display: flex; gap: 4px 18px; flex-wrap: wrap; color: var(--soft); font-size: 13px; }
figcaption i { display: inline-block; width: 10px; height: 10px; border-radius: 50%; background: currentColor; margin-right: 6px; }
svg { width: 100%; height: auto; display: block; }
svg text { fill: var(--soft); font-size: 12px; }
.grid { stroke: var(--grid); } .axis { stroke: var(--axis); } .level { stroke: var(--bad); stroke-dasharray: 6 4; }
.measured { color: var(--blue); } .fitted { color: var(--teal); } .failed { color: var(--bad); } .chosen { color: var(--good); }
.dot { fill: currentColor; } .ring { fill: none; stroke: currentColor; stroke-width: 2.5; }
.fit { fill: none; stroke: currentColor; stroke-width: 2; }
.cross { fill: none; stroke: currentColor; stroke-width: 2.5; } .stem { stroke: currentColor; stroke-dasharray: 2 4; opacity: 0.6; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: 5px 14px 5px 0; border-top: 1px solid var(--line); vertical-align: top; }
tr:first-child th { border-top: 0; }
th { color: var(--soft); font-weight: 500; font-size: 13px; }
.n { text-align: right; white-space: nowrap; }
.bad { color: var(--bad); } tr.picked { background: var(--calm); }
.split { display: grid; grid-template-columns: max-content 1fr max-content; gap: 6px 14px; align-items: center; }
.split .bar { display: flex; height: 16px; border-radius: 4px; overflow: hidden; background: var(--grid); }
.split .wait { background: var(--amber); } .split .work { background: var(--blue); }
.key i { display: inline-block; width: 10px; height: 10px; border-radius: 3px; margin: 0 6px 0 14px; }
.key i.wait { background: var(--amber); margin-left: 0; } .key i.work { background: var(--blue); }
ul { margin: 0; padding-left: 20px; }
code { font: 13px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; word-break: break-word; }
@media print { body { background: none; } section, .tiles div { break-inside: avoid; } }
)css";

}  // namespace wring
