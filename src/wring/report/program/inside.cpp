#include "wring/report/program/inside.h"

#include <nlohmann/json.hpp>
#include <utility>

#include <fmt/format.h>

#include "wring/report/json_parts.h"
#include "wring/report/program/facts.h"
#include "wring/report/program/json.h"
#include "wring/report/program/text.h"
#include "wring/report/report_lines.h"

namespace wring {
namespace {

using Json = nlohmann::ordered_json;

// "more worker processes prepare the batches: train.py:31  DataLoader(…, num_workers=0)  →  num_workers=8"
Text next_step_at_its_place(const ProgramFinding& found, const ObservedProcess& process) {
  if (found.changes.empty() || !found.changes.front().place) return found.finding.next_step;
  const CodeChange& change = found.changes.front();
  const std::string now = change.now.empty() ? "" : change.now + "  →  ";
  return {"{}: {}  {}{}", "{}：{}  {}{}", found.finding.next_step, place_text(*change.place, process), now,
          change.then};
}

}  // namespace

std::vector<InsideFinding> inside_findings(const InsideReport& report) {
  std::vector<InsideFinding> findings;
  for (const JudgedProcess& rank : report.ranks) {
    if (rank.findings.empty()) continue;
    const ProgramFinding& first = rank.findings.front();
    InsideFinding& one = findings.emplace_back(rank.seen.process.device_uuid, first.finding, first.share);
    one.finding.next_step = next_step_at_its_place(first, rank.seen.process);
  }
  return findings;
}

std::string inside_text(const InsideReport& report, TextStyle style) {
  ReportLines lines(style);
  if (!report.reason.empty()) {
    Text line{"not seen from inside: {}", "未能从内部观察：{}", report.reason};
    if (!report.way_out.empty()) line += Text(" → {}", " → {}", report.way_out);
    lines.add(line);
    return lines.text();
  }
  std::string text;
  for (const JudgedProcess& rank : report.ranks) {
    ReportLines head(style);
    head.add(Text("inside the program, {}", "程序内部，{}", observed_facts(rank.seen).front()));
    head.add(Text("{} steady steps of {:.2f} ms", "{} 个稳定的训练步，每步 {:.2f} ms", rank.seen.steps.n,
                  rank.seen.steps.mean_ms));
    text += head.text() + judged_text(rank, style);
  }
  for (const SilentProcess& one : report.silent) lines.add(Text("not measured: {}", "未测量：{}", one.reason));
  return text + lines.text();
}

Json inside_json(const InsideReport& report, Language language) {
  Json ranks = Json::array();
  for (const JudgedProcess& rank : report.ranks) {
    Json json = judged_json(rank, language);
    if (rank.seen.trace) json["trace"]["path"] = nullptr;  // it is gone with the agent's folder
    ranks.push_back(std::move(json));
  }
  return {{"ranks", std::move(ranks)},
          {"silent", silent_json(report.silent, language)},
          {"reason", text_json(report.reason, language)},
          {"way_out", text_json(report.way_out, language)}};
}

}  // namespace wring
