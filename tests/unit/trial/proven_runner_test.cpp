#include "wring/trial/proven_runner.h"

#include <deque>

#include <gtest/gtest.h>

#include "wring/base/error.h"

namespace wring {
namespace {

// Plays what it is given: nullopt runs, an error is thrown.
class Scripted : public TrialRunner {
 public:
  explicit Scripted(std::deque<std::optional<Error>> script) : script_(std::move(script)) {}
  TrialResult run(const TrialRequest&) override {
    const std::optional<Error> next = script_.front();
    script_.pop_front();
    if (next) throw Error(*next);
    return {};
  }

 private:
  std::deque<std::optional<Error>> script_;
};

const Error no_rate(ErrorCode::usage, "the command prints no rate");

TEST(ProvenRunner, RefusesAsLongAsNothingRan) {
  Scripted inner({no_rate, no_rate});
  ProvenRunner runner(inner);
  EXPECT_THROW(runner.run({}), Error);
  EXPECT_THROW(runner.run({}), Error);
}

TEST(ProvenRunner, AfterATrialThatRanARefusalIsAnOutcomeWithItsWords) {
  Scripted inner({std::nullopt, no_rate, std::nullopt});
  ProvenRunner runner(inner);
  EXPECT_EQ(runner.run({}).outcome, TrialOutcome::ok);
  const TrialResult refused = runner.run({});
  EXPECT_EQ(refused.outcome, TrialOutcome::error);
  EXPECT_EQ(refused.message, "the command prints no rate");
  EXPECT_EQ(runner.run({}).outcome, TrialOutcome::ok);
}

TEST(ProvenRunner, CtrlCAlwaysEnds) {
  Scripted inner({std::nullopt, Error(ErrorCode::interrupted, "interrupted")});
  ProvenRunner runner(inner);
  runner.run({});
  EXPECT_THROW(runner.run({}), Error);
}

}  // namespace
}  // namespace wring
