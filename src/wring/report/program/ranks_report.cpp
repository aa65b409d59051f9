#include "wring/report/program/ranks_report.h"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <nlohmann/json.hpp>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "wring/report/program/facts.h"
#include "wring/report/program/json.h"
#include "wring/report/program/text.h"
#include "wring/report/report_lines.h"

namespace wring {
namespace {

using Json = nlohmann::ordered_json;

// So many ranks stand side by side; of more the least, the median and the most, and the straggler.
constexpr std::size_t kMostColumns = 8;
constexpr double kShownPercent = 0.05;

const JudgedProcess* process_of(const JudgedProgram& program, std::int64_t rank) {
  const JudgedProcess* found = nullptr;  // the last one of that rank
  for (const JudgedProcess& one : program.ranks) {
    const ObservedProcess& process = one.seen.process;
    if (process.rank == rank && process.world_size == program.verdict->world_size) found = &one;
  }
  return found;
}

std::vector<const JudgedProcess*> ranks_with_shares(const JudgedProgram& program) {
  std::vector<const JudgedProcess*> ranks;
  for (const std::int64_t rank : program.verdict->ranks) {
    const JudgedProcess* const one = process_of(program, rank);
    if (one != nullptr && one->shares) ranks.push_back(one);
  }
  return ranks;
}

using Value = std::function<double(const StepShares&)>;

// The columns of the table, and what each shows of a row's values by rank.
struct Columns {
  std::vector<std::string> titles;
  std::function<std::vector<double>(const Value&)> values;
};

Columns columns_of(const std::vector<const JudgedProcess*>& ranks, const RanksVerdict& verdict, TextStyle style) {
  const auto of_each = [&ranks](const Value& value) {
    std::vector<double> values;
    for (const JudgedProcess* const rank : ranks) values.push_back(value(*rank->shares));
    return values;
  };
  const auto title = [](const JudgedProcess* rank) { return fmt::format("rank {}", rank->seen.process.rank); };
  if (ranks.size() <= kMostColumns) {
    std::vector<std::string> titles;
    for (const JudgedProcess* const rank : ranks) titles.push_back(title(rank));
    return {std::move(titles), of_each};
  }
  const auto slow = std::ranges::find_if(ranks, [&](const JudgedProcess* rank) {
    return !verdict.stragglers.empty() && rank->seen.process.rank == verdict.stragglers.front();
  });
  std::vector<std::string> titles = {Text("least", "最小").in(style.language),
                                     Text("median", "中位").in(style.language),
                                     Text("most", "最大").in(style.language)};
  if (slow != ranks.end()) titles.push_back(title(*slow));
  const std::size_t extra = static_cast<std::size_t>(slow - ranks.begin());
  return {std::move(titles), [of_each, extra](const Value& value) {
            const std::vector<double> all = of_each(value);
            std::vector<double> sorted = all;
            std::ranges::sort(sorted);
            std::vector<double> shown = {sorted.front(), sorted[sorted.size() / 2], sorted.back()};
            if (extra < all.size()) shown.push_back(all[extra]);
            return shown;
          }};
}

void add_shares(ReportLines& lines, const JudgedProgram& program, TextStyle style) {
  const std::vector<const JudgedProcess*> ranks = ranks_with_shares(program);
  if (ranks.empty()) return;
  const Columns columns = columns_of(ranks, *program.verdict, style);
  const auto name = [&](const Text& text) { return text.in(style.language); };
  std::vector<TextTable::Column> titles = {{name({"a step's time, %", "每步时间，%"}), TextTable::Align::left}};
  for (const std::string& title : columns.titles) titles.push_back({title});
  TextTable table(titles);
  const auto add_row = [&](const Text& title, const char* format, const Value& value) {
    std::vector<std::string> cells = {name(title)};
    for (const double one : columns.values(value)) cells.push_back(fmt::format(fmt::runtime(format), one));
    table.row(cells);
  };
  for (const ShareRow& row : kShareRows) {
    const Value percent = [&row](const StepShares& shares) { return 100 * shares.*row.ms / shares.step_ms; };
    const std::vector<double> values = columns.values(percent);
    if (*std::ranges::max_element(values) >= kShownPercent) add_row(row.name, "{:.1f}", percent);
  }
  add_row({"step, ms", "每步，ms"}, "{:.2f}", [](const StepShares& shares) { return shares.step_ms; });
  add_row({"of it without other ranks, ms", "其中不等其他进程，ms"}, "{:.2f}",
          [](const StepShares& shares) { return shares.step_ms - shares.collective_ms; });
  lines.add_table(table);
}

// "on both ranks", "on all 8 ranks", "on rank 3", "on ranks 0, 3".
Text where(const std::vector<std::int64_t>& ranks, const RanksVerdict& verdict) {
  if (ranks.size() == verdict.ranks.size()) {
    return ranks.size() == 2 ? Text("on both ranks", "两个 rank 都是")
                             : Text("on all {} ranks", "全部 {} 个 rank 都是", ranks.size());
  }
  const std::string list = fmt::format("{}", fmt::join(ranks, ", "));
  return ranks.size() == 1 ? Text("on rank {}", "rank {}", list) : Text("on ranks {}", "rank {}", list);
}

}  // namespace

std::string ranks_text(const JudgedProgram& program, TextStyle style) {
  const RanksVerdict& verdict = *program.verdict;
  ReportLines lines(style);
  const Text seen =
      verdict.ranks.size() == static_cast<std::size_t>(verdict.world_size)
          ? Text("{} ranks, seen together", "{} 个 rank，一并判断", verdict.ranks.size())
          : Text("{} of {} ranks, seen together; the others were not measured here",
                 "{1} 个 rank 中的 {0} 个，一并判断；其余未在此测量", verdict.ranks.size(), verdict.world_size);
  lines.add(seen);
  add_shares(lines, program, style);
  lines.gap();
  std::size_t number = 0;
  if (verdict.straggler) {
    const JudgedProcess* const slow = process_of(program, verdict.stragglers.front());
    add_finding(lines, verdict.straggler->found, ++number, slow->seen.process);
  }
  for (const CauseOfRanks& cause : verdict.causes) {
    ProgramFinding found = cause.found;
    found.finding.headline = {"{}: {}", "{}：{}", where(cause.ranks, verdict), cause.found.finding.headline};
    add_finding(lines, found, ++number, process_of(program, cause.of_rank)->seen.process);
  }
  return lines.text();
}

std::vector<Text> rank_facts(const JudgedProgram& program, const JudgedProcess& rank) {
  std::vector<Text> lines = observed_facts(rank.seen);
  const JudgedProcess& first = program.ranks.front();
  if (&rank != &first) {
    const std::vector<Text> known = observed_facts(first.seen);
    std::erase_if(lines, [&](const Text& line) {
      return std::ranges::any_of(known, [&](const Text& other) { return other.en == line.en; });
    });
  }
  if (rank.findings.empty()) {
    Text line{"no verdict: {}", "没有结论：{}", rank.no_finding};
    lines.push_back(std::move(line));
  }
  return lines;
}

Json ranks_json(const JudgedProgram& program, Language language) {
  if (!program.verdict) return {};
  const RanksVerdict& verdict = *program.verdict;
  Json straggler;
  if (verdict.straggler) {
    straggler = finding_json(verdict.straggler->found, language);
    straggler["ranks"] = verdict.stragglers;
    straggler["own_ms"] = verdict.straggler->own_ms;
    straggler["others_own_ms"] = verdict.straggler->others_own_ms;
    straggler["others_wait_ms"] = verdict.straggler->others_wait_ms;
    straggler["reason"] = verdict.straggler->reason;
  }
  Json causes = Json::array();
  for (const CauseOfRanks& cause : verdict.causes) {
    Json json = finding_json(cause.found, language);
    json["ranks"] = cause.ranks;
    causes.push_back(std::move(json));
  }
  return {{"ranks", verdict.ranks},
          {"world_size", verdict.world_size},
          {"straggler", std::move(straggler)},
          {"causes", std::move(causes)}};
}

}  // namespace wring
