#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "wring/agent/agent_server.h"
#include "wring/gpu/telemetry.h"

namespace wring {

// Samples the cards of a program's processes from outside, while their agents are in the window `steps`
// (telemetry/sampler.h): a driver call that hangs holds nothing up.
class CardWatch {
 public:
  using Open = std::function<std::shared_ptr<Telemetry>()>;
  // `open` is called once a process computes on a GPU, not before: others wait for no driver. Null: no driver.
  explicit CardWatch(Open open = open_all_cards, double interval_s = 0.1);
  ~CardWatch();
  CardWatch(const CardWatch&) = delete;
  CardWatch& operator=(const CardWatch&) = delete;

  // To be called whenever the processes may have said something, always with the same ones and those that came since.
  void see(const std::vector<AgentClient>& clients);

  // Of the process at this place; absent where its card is not known, or its window was too short for two readings.
  std::optional<ObservedCard> of(std::size_t client) const;

  // Null where there is no driver, or no card.
  static std::shared_ptr<Telemetry> open_all_cards();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace wring
