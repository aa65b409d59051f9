#include "wring/tune/search/words.h"

#include <gtest/gtest.h>

#include "wring/tune/search/types.h"

namespace wring {
namespace {

TrialResult failed(const std::string& message) {
  TrialResult result;
  result.outcome = TrialOutcome::error;
  result.message = message;
  return result;
}

TEST(SearchWords, AFailureIsToldByTheFirstLineOfItsMessage) {
  EXPECT_EQ(failure_text(failed("no images in data\nframe #1")).en, "the program failed: no images in data");
}

}  // namespace
}  // namespace wring
