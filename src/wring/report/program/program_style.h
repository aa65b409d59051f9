#pragma once
#include <string_view>

namespace wring {

// What program_html() has beyond the style sheet of the tuning page: the colours of shares, host and kernels, and the
// timeline's rows, whose heights are those of timeline.cpp. The thin line round a rectangle is what is left to see of
// one kernel of a long step.
inline constexpr std::string_view kProgramStyle = R"css(
.k-computing, .k-product { --k: #2563eb; } .k-loader { --k: #d97706; } .k-synchronisation { --k: #c02626; }
.k-launch { --k: #7c3aed; } .k-copy { --k: #0d9488; } .k-collective { --k: #db2777; } .k-optimizer { --k: #15803d; }
.k-operators { --k: #94a3b8; } .k-call { --k: #c4b5fd; } .k-fp32-product { --k: #1e3a8a; } .k-elementwise { --k: #38bdf8; }
.k-layout { --k: #ea580c; } .k-reduction { --k: #64748b; } .k-other { --k: #9ca3af; }
@media (prefers-color-scheme: dark) {
  .k-computing, .k-product { --k: #6ea0ff; } .k-loader { --k: #f5a83b; } .k-synchronisation { --k: #ff7b7b; }
  .k-launch { --k: #a78bfa; } .k-copy { --k: #2dd4bf; } .k-collective { --k: #f472b6; } .k-optimizer { --k: #4ade80; }
  .k-operators { --k: #64748b; } .k-call { --k: #6d5ba8; } .k-fp32-product { --k: #3b5bdb; } .k-elementwise { --k: #0ea5e9; }
  .k-layout { --k: #fb923c; } .k-reduction { --k: #94a3b8; } .k-other { --k: #6b7280; }
}
h2.rank { font-size: 18px; margin: 28px 0 0; }
h3 + ul { margin-bottom: 14px; }
i[class^="k-"] { display: inline-block; width: 10px; height: 10px; border-radius: 3px; margin: 0 8px 0 0; background: var(--k); }
.key span { margin-right: 10px; white-space: nowrap; } .key i[class^="k-"] { margin: 0 6px 0 0; }
.shares { display: flex; height: 26px; border-radius: 6px; overflow: hidden; margin-bottom: 10px; background: var(--grid); }
.shares span { background: var(--k); }
table.narrow { width: auto; }
.timeline { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: 0 14px; margin: 6px 0 10px; }
.names { padding-top: 24px; } .names span { display: block; height: 26px; line-height: 18px; font-size: 13px; color: var(--soft); }
.timeline rect { fill: var(--k); stroke: var(--k); stroke-width: 0.6px; } .timeline rect:hover { stroke: var(--ink); stroke-width: 1px; }
.zoom1, .zoom4, .zoom16 { margin: 0 4px 0 0; } .zoom1 + label, .zoom4 + label, .zoom16 + label { margin-right: 12px; font-size: 13px; color: var(--soft); }
.zoom4:checked ~ .timeline svg { width: 400%; } .zoom16:checked ~ .timeline svg { width: 1600%; }
.at4, .at16, .zoom4:checked ~ .timeline .at1, .zoom16:checked ~ .timeline .at1 { display: none; }
.zoom4:checked ~ .timeline .at4, .zoom16:checked ~ .timeline .at16 { display: inline; }
@media (max-width: 640px) { .names span { max-width: 110px; overflow: hidden; white-space: nowrap; text-overflow: ellipsis; } }
@media print { .zoom1, .zoom4, .zoom16, label { display: none; } }
)css";

}  // namespace wring
