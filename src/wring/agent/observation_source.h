#pragma once
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "wring/agent/observation.h"
#include "wring/base/text.h"

namespace wring {

// What is known of one process that has reported.
struct AgentClient {
  ObservedProcess process;
  std::string phase;                       // the window that it was last in; "" before the first
  std::optional<Observation> observation;  // once it is done
  std::optional<Text> failure;             // why there will be none: the agent's own words, or what is wrong with them
  bool gone = false;                       // it has closed its end

  bool finished() const { return observation || failure || gone; }
};

// Where the processes of a program report: the agents' socket, or what stands in for it. Nothing in it blocks, and
// nothing that a process says is believed beyond its own report.
class ObservationSource {
 public:
  virtual ~ObservationSource() = default;

  // Waits until a process says something, or `also` can be read, or the time is up, and takes in what there is.
  virtual void wait(std::chrono::milliseconds timeout, int also = -1) = 0;
  // In the order in which they came.
  virtual const std::vector<AgentClient>& clients() const = 0;
  // All is known that will be, and the program runs on.
  virtual void let_go() = 0;
};

}  // namespace wring
