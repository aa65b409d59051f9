// Which files a plan may touch.
#include "wring/config/own_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config_test_support.h"
#include "fixtures/foreign_configs.h"
#include "wring/config/reader.h"
#include "wring/config/unknown_keys.h"

namespace wring {
namespace {

using namespace testing_support;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

ConfigFile kept(const std::string& text, const std::string& name = "c.yaml") {
  return parse_config(text, name, UnknownKeys::keep);
}

Error refusal(const std::string& text, const std::string& name = "c.yaml") {
  try {
    kept(text, name);
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "not refused:\n" << text;
  return {ErrorCode::failed, {}};
}

TEST(OwnConfig, RefusesOtherProgramsFilesByNameWithWhatToDo) {
  for (const ForeignConfig& foreign : foreign_configs()) {
    const Error error = refusal(foreign.text, foreign.name);
    EXPECT_EQ(error.code(), ErrorCode::usage) << foreign.name;
    EXPECT_THAT(error.message().en, StartsWith(foreign.name));
    EXPECT_THAT(error.message().en + error.hint().en, HasSubstr(foreign.whose)) << foreign.name;
    EXPECT_THAT(error.hint().en, HasSubstr("docs/config.md")) << foreign.name;
    EXPECT_FALSE(error.message().zh.empty() || error.hint().zh.empty()) << foreign.name;
    EXPECT_NE(error.message().zh, error.message().en) << foreign.name;
  }
}

TEST(OwnConfig, NamesTheKeysThatItKnowsTheFileBy) {
  EXPECT_THAT(refusal(foreign_configs().front().text).message().en,
              HasSubstr("this looks like an option file of BasicSR or of a program after its model, by its network_g "
                        "(line 17)"));
  EXPECT_THAT(refusal("x: {y: {_target_: a.B}}\nseed: 1\n").message().en, HasSubstr("x.y._target_ (line 1)"));
}

TEST(OwnConfig, TellsToWatchAProgramThatTrainsAndNoOther) {
  EXPECT_THAT(refusal("network_g: {type: EDSR}\n").hint().en, HasSubstr("wring monitor -- COMMAND"));
  EXPECT_THAT(refusal("services: {web: {image: nginx}}\n").hint().en,
              AllOf(Not(HasSubstr("monitor")), HasSubstr("the configuration of a training")));
}

TEST(OwnConfig, OffersTheBatchSearchWhereThatProgramsBatchCanBeEdited) {
  EXPECT_THAT(refusal("per_device_train_batch_size: 8\noutput_dir: x\n", "hf.yaml").hint().en,
              HasSubstr("wring benchmark hf.yaml --command \"… {config} …\" --batch-key per_device_train_batch_size"));
  EXPECT_THAT(refusal("batch_size: 8\nopt: sgd\nsched: step\n", "timm.yaml").hint().en,
              AllOf(HasSubstr("wring benchmark timm.yaml --command"), Not(HasSubstr("--batch-key"))));
  EXPECT_THAT(refusal("{\"per_device_train_batch_size\": 8}", "hf.json").hint().en, Not(HasSubstr("wring benchmark")));
}

TEST(OwnConfig, NamesEverySlipAsTrainingDoesTheFirst) {
  const Error error = refusal("# mine\nbatch_size: 8\nlearning_rate: 1e-4\nn_workers: 2\n");
  EXPECT_EQ(error.message().en, "c.yaml:3: learning_rate: unknown key");
  EXPECT_EQ(error.hint().en, "did you mean lr? And n_workers (line 4): num_workers");
  const auto trained = error_of([] { parse_config("learning_rate: 1\n", "c.yaml", UnknownKeys::reject); });
  EXPECT_THAT(trained, AllOf(HasSubstr("learning_rate: unknown key"), HasSubstr("did you mean lr?")));
}

TEST(OwnConfig, AKeyBesideTheOneThatItResemblesIsNoSlip) {
  EXPECT_EQ(kept("batch_size: 8\nbatch_size_per_gpu: 4\nscale_factor: 2\n").values.batch_size, 8);
}

TEST(OwnConfig, KeepsUnknownKeysOfAnyShape) {
  const char* const text =
      "base_channels: 32\nbatch_size: 16\nteam_note: \"ask Li\"\nhooks:\n- one\n- {two: 3}\nmy: {lr: 3, x: y}\nlr: "
      "1e-4\n";
  EXPECT_EQ(kept(text).entries.size(), 6U);
  EXPECT_EQ(kept("lr: 1e-4\nnotes: {seen: yes}\n").values.lr, 1e-4);
}

// Whatever else stands in it: few other programs have one of these keys, none two.
TEST(OwnConfig, AFileWithTheKeysOfWringAloneIsWrings) {
  EXPECT_EQ(kept("num_blocks: 4\npatch_size: 96\nimgsz: 640\nservices: {a: b}\n").values.num_blocks, 4);
  EXPECT_THAT(error_of([] { kept("num_blocks: 4\npatch_size: 96\noptimizer: {name: adam}\n"); }),
              HasSubstr("c.yaml:3: optimizer: a map is not a word"));
}

TEST(OwnConfig, ChecksTheValuesOfItsKeysAsEver) {
  EXPECT_THAT(error_of([] { kept("other: 1\nbatch_size: many\n"); }), StartsWith("c.yaml:2: batch_size: 'many'"));
  EXPECT_THAT(error_of([] { kept(""); }), HasSubstr("holds no settings"));
}

TEST(OwnConfig, SurvivesAliasesWithoutEnd) {
  EXPECT_THAT(error_of([] { kept("a: &x [*x]\nb: &y {c: *y}\n"); }), HasSubstr("none of the keys"));
  std::string bomb = "a0: &a0 {k: v}\n";
  for (int level = 1; level <= 9; ++level) {
    const std::string below = "*a" + std::to_string(level - 1);
    bomb += "a" + std::to_string(level) + ": &a" + std::to_string(level) + " [" + below;
    for (int i = 0; i < 9; ++i) bomb += ", " + below;
    bomb += "]\n";
  }
  EXPECT_EQ(kept(bomb + "seed: 4\n").values.seed, 4);
}

TEST(UnknownKeysNote, NamesWhatTrainingWillRefuse) {
  EXPECT_THAT(unknown_keys_note(kept("lr: 1e-4\nteam_note: x\nbatch_size: 2\n")).en,
              AllOf(HasSubstr("team_note (line 2)"), Not(HasSubstr("batch_size"))));
  EXPECT_TRUE(unknown_keys_note(kept("lr: 1e-4\n")).empty());
}

}  // namespace
}  // namespace wring
