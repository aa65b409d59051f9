#include "wring/agent/reports.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <string_view>

#include "wring/base/environment.h"

namespace wring {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto kRanksPatience = 30s;  // with ranks that have not said hello: they may be on other machines

}  // namespace

std::vector<std::pair<std::string, std::optional<std::string>>> agent_environment(const AgentFiles& files) {
  std::string path = files.site().string();
  const std::string_view before = environment("PYTHONPATH").value_or("");
  if (!before.empty()) path.append(":").append(before);
  return {{"PYTHONPATH", path}, {"WRING_AGENT_SOCKET", files.socket().string()}};
}

bool ReportWatch::all_in(const std::vector<AgentClient>& clients) {
  std::int64_t world = 1, reported = 0, observed = 0;
  std::set<std::int64_t> ranks;  // of the largest world: a script's other processes are none of them
  bool all_finished = true;
  for (const AgentClient& client : clients) world = std::max(world, client.process.world_size);
  for (const AgentClient& client : clients) {
    const bool spoke = client.observation || client.failure;
    reported += spoke ? 1 : 0;
    observed += client.observation ? 1 : 0;
    if (spoke && client.process.world_size == world) ranks.insert(client.process.rank);
    all_finished = all_finished && client.finished();
  }
  if (std::exchange(reported_, reported) != reported) news_ = Clock::now();
  if (observed > 0 && std::ssize(ranks) >= world) return true;
  return reported > 0 && all_finished && Clock::now() - news_ >= kRanksPatience;
}

void sort_reports(const std::vector<AgentClient>& clients, std::vector<Observation>& observations,
                  std::vector<AgentClient>& silent) {
  observations.clear();
  silent.clear();
  for (const AgentClient& client : clients) {
    if (client.observation) {
      observations.push_back(*client.observation);
    } else {
      silent.push_back(client);
    }
  }
  std::ranges::stable_sort(observations, {}, [](const Observation& one) { return one.process.rank; });
  std::ranges::stable_sort(silent, {}, [](const AgentClient& one) { return one.process.rank; });
}

}  // namespace wring
