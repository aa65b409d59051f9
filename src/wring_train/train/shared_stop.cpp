#include "wring_train/train/shared_stop.h"

#include <algorithm>

namespace wring {
namespace {

constexpr std::chrono::milliseconds kBetween{500};

}  // namespace

bool SharedStop::requested() {
  if (ranks_.alone()) return stop_.requested();
  if (std::chrono::steady_clock::now() - asked_ < kBetween) return false;
  return ask(false).stop;
}

bool SharedStop::all_finished() {
  if (ranks_.alone()) return true;
  while (true) {
    const Answer answer = ask(true);
    if (answer.finished) return true;
    if (answer.stop) return false;
  }
}

SharedStop::Answer SharedStop::ask(bool finished) {
  const auto answers = ranks_.gather({stop_.requested() ? 1.0 : 0.0, finished ? 1.0 : 0.0});
  asked_ = std::chrono::steady_clock::now();
  Answer answer;
  answer.finished = std::ranges::all_of(answers, [](const auto& one) { return one[1] > 0; });
  answer.stop = !answer.finished && std::ranges::any_of(answers, [](const auto& one) { return one[0] > 0; });
  return answer;
}

}  // namespace wring
