// docs/tuning_by_symptom.md and its Chinese twin advise only what there is: commands, options, keys and values.
#include <regex>
#include <set>

#include <gtest/gtest.h>

#include "wring/base/error.h"
#include "wring/cli/program.h"
#include "wring/config/reader.h"
#include "wring/files/files.h"

namespace wring {
namespace {

class TuningBySymptom : public testing::TestWithParam<const char*> {
 protected:
  std::string text_ = read_file(std::filesystem::path(WRING_SOURCE_DIR) / "docs" / GetParam());

  std::vector<std::smatch> all(const std::string& pattern) const {
    const std::regex regex(pattern);
    return {std::sregex_iterator(text_.begin(), text_.end(), regex), std::sregex_iterator()};
  }
};

TEST_P(TuningBySymptom, EverySettingIsOneThatAConfigTakes) {
  const auto settings = all("`([a-z_]+): ([^`]+)`");
  EXPECT_GT(settings.size(), 20U);
  for (const std::smatch& setting : settings) {
    TrainConfig config;
    EXPECT_NO_THROW(set_value(config, setting.str(1) + "=" + setting.str(2))) << setting.str();
  }
}

TEST_P(TuningBySymptom, EveryCommandAndOptionExists) {
  std::set<std::string> commands, flags;
  for (const CommandDescription& program : describe_programs()) {
    commands.insert(program.name);
    for (const OptionDescription& option : program.options) flags.insert(option.flags.begin(), option.flags.end());
  }
  const auto named = all("wring ([a-z]+)");
  EXPECT_GT(named.size(), 10U);
  for (const std::smatch& command : named) {
    EXPECT_TRUE(commands.contains(command.str())) << command.str();
  }
  for (const std::smatch& option : all("`?wring [^`\\n]*(--[a-z-]+)")) {
    if (option.str().find(" -- ") != std::string::npos || option.str().find("--command") != std::string::npos) continue;
    EXPECT_TRUE(flags.contains(option.str(1))) << option.str(1);
  }
}

INSTANTIATE_TEST_SUITE_P(Documents, TuningBySymptom,
                         testing::Values("tuning_by_symptom.md", "tuning_by_symptom.zh-CN.md"),
                         [](const auto& test) { return test.index == 0 ? "English" : "Chinese"; });

}  // namespace
}  // namespace wring
