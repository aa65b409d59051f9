// What the agent says by a key, in the reader's language.
#include "wring/agent/words.h"

#include <gtest/gtest.h>

namespace wring {
namespace {

TEST(AgentWords, AKnownReasonIsSaidInBothLanguages) {
  AgentReason reason{.words = "some words", .key = "ended_early", .steps = 7, .error = ""};
  EXPECT_EQ(reason_text(reason).en, "the program ended after 7 steps, before the ones to measure");
  EXPECT_EQ(reason_text(reason).zh, "程序在 7 步后结束，尚未开始测量");
  reason = {.words = "some words", .key = "agent_error", .steps = {}, .error = "KeyError: 3"};
  EXPECT_NE(reason_text(reason).en.find("KeyError: 3"), std::string::npos);
  EXPECT_NE(reason_text(reason).zh.find("KeyError: 3"), std::string::npos);
}

TEST(AgentWords, EveryReasonHasChineseWordsOfItsOwn) {
  for (const char* key : {"ended_early", "own_profiler", "profiler_in_between", "no_profiler", "unwritten",
                          "ended_in_profile", "profile_not_begun", "profile_damaged", "agent_error"}) {
    const Text text = reason_text({.words = "its words", .key = key, .steps = 3, .error = "why"});
    EXPECT_NE(text.en, "its words") << key;
    EXPECT_NE(text.en, text.zh) << key;
  }
}

TEST(AgentWords, WhatIsNotKnownIsSaidInTheAgentsOwnWords) {
  EXPECT_EQ(reason_text({.words = "its words", .key = "new_reason", .steps = {}, .error = ""}).zh, "its words");
  EXPECT_EQ(reason_text({.words = "its words", .key = "", .steps = {}, .error = ""}).en, "its words");
  EXPECT_EQ(reason_text({.words = "its words", .key = "ended_early", .steps = {}, .error = ""}).en, "its words")
      << "the steps are missing";
  EXPECT_EQ(reason_text({}).en, "the agent gave up");
}

TEST(AgentWords, WindowsHaveNames) {
  EXPECT_EQ(window_text("warmup").en, "the warm-up");
  EXPECT_EQ(window_text("syncs").zh, "查找同步调用");
  EXPECT_EQ(window_text("rate").en, "the timing of a large matrix product");
  EXPECT_EQ(window_text("").en, "the start");
  EXPECT_EQ(window_text("later").zh, "later");
}

}  // namespace
}  // namespace wring
