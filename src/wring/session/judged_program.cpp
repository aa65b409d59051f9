#include "wring/session/judged_program.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <utility>

#include "wring/session/judged_process.h"

namespace wring {
namespace {

// The places of the ranks of the largest world, each rank's last report; empty where that is one process.
std::vector<std::size_t> ranks_of(const std::vector<JudgedProcess>& processes) {
  std::int64_t world = 1;
  for (const JudgedProcess& one : processes) world = std::max(world, one.seen.process.world_size);
  std::map<std::int64_t, std::size_t> by_rank;
  for (std::size_t i = 0; i < processes.size(); ++i) {
    const ObservedProcess& process = processes[i].seen.process;
    if (process.world_size == world) by_rank[process.rank] = i;
  }
  std::vector<std::size_t> places;
  if (world == 1 || by_rank.size() < 2) return places;
  for (const auto& [rank, place] : by_rank) places.push_back(place);
  return places;
}

// Of the ranks at these places; silent unless all of them can be weighed.
std::optional<HeldUpRanks> straggler_of(const std::vector<JudgedProcess>& processes,
                                        const std::vector<std::size_t>& places) {
  std::vector<ProgramInput> inputs;
  for (const std::size_t place : places) {
    const JudgedProcess& one = processes[place];
    if (!can_be_weighed(one)) return std::nullopt;
    inputs.push_back({one.seen, *one.shares, *one.work});
  }
  return find_straggler(inputs);
}

void add_cause(std::vector<CauseOfRanks>& causes, const ProgramFinding& found, std::int64_t rank) {
  const auto same =
      std::ranges::find_if(causes, [&](const CauseOfRanks& one) { return one.found.finding.key == found.finding.key; });
  if (same == causes.end()) {
    causes.push_back({found, rank, {rank}});
    return;
  }
  same->ranks.push_back(rank);
  if (found.give_back_ms <= same->found.give_back_ms) return;
  same->found = found;
  same->of_rank = rank;
}

// What a cause gives back to all ranks together, as far as its largest tells.
double weight(const CauseOfRanks& cause) {
  return cause.found.give_back_ms * static_cast<double>(cause.ranks.size());
}

RanksVerdict verdict_on(const std::vector<JudgedProcess>& processes, const std::vector<std::size_t>& places,
                        std::optional<HeldUpRanks> straggler) {
  RanksVerdict verdict;
  for (const std::size_t place : places) {
    const JudgedProcess& one = processes[place];
    verdict.world_size = one.seen.process.world_size;
    verdict.ranks.push_back(one.seen.process.rank);
    for (const ProgramFinding& found : one.findings) add_cause(verdict.causes, found, one.seen.process.rank);
  }
  std::ranges::stable_sort(verdict.causes, std::greater{}, weight);
  if (!straggler) return verdict;
  // Beside one that holds all up nobody is told that nothing holds it back.
  std::erase_if(verdict.causes, [](const CauseOfRanks& cause) { return cause.found.give_back_ms <= 0; });
  for (const std::size_t place : straggler->stragglers) verdict.stragglers.push_back(verdict.ranks[place]);
  // The change that gives most back where the others are held up.
  const JudgedProcess& slowest = processes[places[straggler->stragglers.front()]];
  if (!slowest.findings.empty() && slowest.findings.front().give_back_ms > 0) {
    const ProgramFinding& own = slowest.findings.front();
    straggler->found.finding.next_step = {"its own largest cause: {}; {}", "它自身最大的原因：{}；{}",
                                          own.finding.headline, own.finding.next_step};
    straggler->found.changes = own.changes;
  }
  verdict.straggler = std::move(straggler);
  return verdict;
}

}  // namespace

JudgedProgram judge_program(const std::vector<Observation>& seen) {
  JudgedProgram program;
  for (const Observation& one : seen) program.ranks.push_back(measured_process(one));
  const std::vector<std::size_t> places = ranks_of(program.ranks);
  std::optional<HeldUpRanks> straggler = straggler_of(program.ranks, places);
  std::map<std::size_t, double> held_up_ms;
  for (std::size_t i = 0; straggler && i < places.size(); ++i) held_up_ms[places[i]] = straggler->held_up_ms[i];
  for (std::size_t i = 0; i < program.ranks.size(); ++i) {
    const auto held = held_up_ms.find(i);
    weigh_causes(program.ranks[i], held == held_up_ms.end() ? 0 : held->second);
  }
  if (!places.empty()) program.verdict = verdict_on(program.ranks, places, std::move(straggler));
  return program;
}

}  // namespace wring
