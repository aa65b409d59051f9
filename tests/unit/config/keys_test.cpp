#include "wring/config/keys.h"

#include <cmath>
#include <regex>
#include <set>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wring/config/reader.h"
#include "wring/config/values.h"
#include "wring/files/files.h"

namespace wring {
namespace {

TEST(Keys, NoNameAndNoMemberAppearsTwice) {
  std::set<std::string> names;
  std::vector<Member> members;
  for (const Key& key : keys()) {
    EXPECT_TRUE(names.insert(key.name).second) << key.name;
    EXPECT_THAT(members, testing::Not(testing::Contains(key.member))) << key.name;
    members.push_back(key.member);
  }
  EXPECT_EQ(names.size(), key_names().size());
}

// C++ cannot list the members of a struct, but the header can be read.
TEST(Keys, EveryMemberOfTrainConfigIsInTheTableUnderItsName) {
  std::istringstream header(read_file(WRING_SOURCE_DIR "/src/wring/config/train_config.h"));
  const std::regex member(R"(^  (std::\S+|double|bool) (\w+)( = .*)?;( +//.*)?$)");
  std::vector<std::string> declared;
  std::smatch match;
  for (std::string line; std::getline(header, line);) {
    if (std::regex_match(line, match, member)) declared.push_back(match[2]);
  }
  EXPECT_THAT(key_names(), testing::UnorderedElementsAreArray(declared));
}

TEST(Keys, EveryKeyIsDocumentedInBothLanguages) {
  for (const Key& key : keys()) {
    EXPECT_GT(key.description.en.size(), 10U) << key.name;
    EXPECT_NE(key.description.en, key.description.zh) << key.name;
    EXPECT_THAT(key.description.en, testing::Not(testing::EndsWith("."))) << key.name;
  }
}

template <class Predicate>
std::vector<std::string> names_where(Predicate predicate) {
  std::vector<std::string> names;
  for (const Key& key : keys()) {
    if (predicate(key)) names.push_back(key.name);
  }
  return names;
}

TEST(Keys, OnlyTheSizeOfTheNetworkChangesTheModel) {
  EXPECT_THAT(names_where([](const Key& key) { return key.effect == Effect::model; }),
              testing::UnorderedElementsAre("model", "base_channels", "num_blocks", "scale_factor"));
}

TEST(Keys, WhatIsForSpeedAloneIsNamedOneByOne) {
  EXPECT_THAT(names_where([](const Key& key) { return key.effect == Effect::speed; }),
              testing::UnorderedElementsAre("num_workers", "prefetch_factor", "pin_memory", "persistent_workers",
                                            "channels_last", "compile_model", "use_mixed_precision", "amp_dtype",
                                            "fold_tail", "data_cache", "val_freq", "checkpoint_freq", "log_freq"));
}

TEST(Keys, ARunsNameAndWhatItKeepsAlterNothing) {
  EXPECT_THAT(names_where([](const Key& key) { return key.effect == Effect::none; }),
              testing::UnorderedElementsAre("keep_checkpoints", "experiment_name"));
}

TEST(Keys, TheLoadersOwnAreFour) {
  EXPECT_THAT(names_where([](const Key& key) { return key.scope == Scope::loader; }),
              testing::UnorderedElementsAre("num_workers", "prefetch_factor", "persistent_workers", "pin_memory"));
}

TEST(Keys, OfTheImagesAreTheirFoldersAndTheirCache) {
  EXPECT_THAT(names_where([](const Key& key) { return key.scope == Scope::images; }),
              testing::UnorderedElementsAre("data_dir", "train_hr_dir", "train_lr_dir", "train_meta_info", "val_hr_dir",
                                            "val_lr_dir", "data_cache"));
}

TEST(Keys, AMachinesOwnAreLoaderImagesAndWhatAltersNothing) {
  EXPECT_THAT(names_where(is_machine_key),
              testing::UnorderedElementsAre("num_workers", "pin_memory", "persistent_workers", "prefetch_factor",
                                            "data_cache", "data_dir", "train_hr_dir", "train_lr_dir", "train_meta_info",
                                            "val_hr_dir", "val_lr_dir", "keep_checkpoints", "experiment_name"));
}

TEST(Keys, OfTheRunIsWhatHappensBetweenSteps) {
  EXPECT_THAT(names_where([](const Key& key) { return key.scope == Scope::run; }),
              testing::UnorderedElementsAre("val_freq", "checkpoint_freq", "log_freq", "keep_checkpoints",
                                            "early_stopping_patience", "early_stopping_min_delta", "experiment_name"));
}

TEST(Keys, EveryNumberHasARange) {
  for (const Key& key : keys()) {
    const bool number = std::holds_alternative<std::int64_t TrainConfig::*>(key.member) ||
                        std::holds_alternative<double TrainConfig::*>(key.member);
    if (number && key.choices.empty()) {
      EXPECT_TRUE(std::isfinite(key.minimum) && std::isfinite(key.maximum)) << key.name;
    }
  }
}

TEST(Keys, DefaultsReadBackAsThemselves) {
  const TrainConfig defaults;
  const std::string yaml = to_yaml(defaults);
  const ConfigFile read = parse_config(yaml, "defaults.yaml", UnknownKeys::reject);
  EXPECT_EQ(read.entries.size(), keys().size());
  EXPECT_EQ(to_yaml(read.values), yaml);
}

TEST(Keys, ValuesFarFromTheDefaultsReadBackAsThemselves) {
  TrainConfig config;
  config.experiment_name = "a \"quoted\" \\ name: with # signs";
  config.data_dir = "/data/照片";
  config.train_hr_dir = "123";
  config.val_hr_dir = "true";
  config.milestones = {10, 20, 30};
  config.eta_min = 1.25e-11;
  config.pin_memory = false;
  config.compile_model = false;
  const ConfigFile read = parse_config(to_yaml(config), "x.yaml", UnknownKeys::reject);
  EXPECT_EQ(read.values.experiment_name, config.experiment_name);
  EXPECT_EQ(read.values.data_dir, config.data_dir);
  EXPECT_EQ(read.values.train_hr_dir, "123");
  EXPECT_EQ(read.values.val_hr_dir, "true");
  EXPECT_EQ(read.values.milestones, config.milestones);
  EXPECT_EQ(read.values.eta_min, config.eta_min);
  EXPECT_FALSE(read.values.pin_memory);
  EXPECT_EQ(read.values.compile_model, false);
  EXPECT_EQ(to_yaml(read.values), to_yaml(config));
}

// PyYAML takes 1e-07 for a string: YAML 1.1 wants a point in the mantissa.
TEST(Keys, NumbersAreWrittenWithAPoint) {
  EXPECT_EQ(number_text(1e-7), "1.0e-07");
  EXPECT_EQ(number_text(1.0), "1.0");
  EXPECT_EQ(number_text(0.0002), "0.0002");
  EXPECT_EQ(number_text(2.5e-9), "2.5e-09");
}

}  // namespace
}  // namespace wring
