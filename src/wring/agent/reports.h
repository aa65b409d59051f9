#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "wring/agent/agent_files.h"
#include "wring/agent/observation_source.h"

namespace wring {

// The variables by which every Python that a program starts finds the agent, and the agent its way back.
std::vector<std::pair<std::string, std::optional<std::string>>> agent_environment(const AgentFiles& files);

// Whether the processes of a program have reported; to be asked again and again.
class ReportWatch {
 public:
  // All ranks that there are, of which one at least gave what we want. Where some never come, or all have failed, it is
  // over once nothing new has come for a while.
  bool all_in(const std::vector<AgentClient>& clients);

 private:
  std::int64_t reported_ = 0;
  std::chrono::steady_clock::time_point news_;  // when the last process reported
};

// What they have said, and those that have said nothing, each by rank.
void sort_reports(const std::vector<AgentClient>& clients, std::vector<Observation>& observations,
                  std::vector<AgentClient>& silent);

}  // namespace wring
