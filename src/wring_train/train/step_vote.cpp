#include "wring_train/train/step_vote.h"

#include <algorithm>

namespace wring {
namespace {

constexpr double kSecondsBetween = 0.25;

}  // namespace

StepVote::Outcome StepVote::after(std::int64_t step, bool unstable) {
  if (ranks_.alone()) return {stop_.requested(), unstable};
  if (step <= asked_at_) asked_at_ = next_ = -1;  // training went back to a checkpoint
  if (step < next_) return {};
  const auto now = std::chrono::steady_clock::now();
  const double elapsed = asked_at_ < 0 ? 0 : std::chrono::duration<double>(now - asked_when_).count();
  const auto votes = ranks_.gather({stop_.requested() ? 1.0 : 0.0, unstable ? 1.0 : 0.0, elapsed});
  // Rank 0's clock decides when to ask again: all have to agree on that too. The pace may change, so never much later
  // than the last time.
  const std::int64_t steps = asked_at_ < 0 ? 0 : step - asked_at_;
  const double per_second = votes[0][2] > 0 ? static_cast<double>(steps) / votes[0][2] : 0;
  next_ = step + std::clamp<std::int64_t>(static_cast<std::int64_t>(per_second * kSecondsBetween), 1,
                                          std::max<std::int64_t>(1, 4 * steps));
  asked_at_ = step;
  asked_when_ = now;
  Outcome outcome;
  for (const auto& vote : votes) {
    outcome.stop = outcome.stop || vote[0] > 0;
    outcome.unstable = outcome.unstable || vote[1] > 0;
  }
  return outcome;
}

}  // namespace wring
