// Files that are not Wring's: every command that would edit one refuses it, and the folder stays as it was.
#include <map>

#include "cli/tuning_test.h"
#include "fixtures/foreign_configs.h"

namespace wring {
namespace {

using namespace testing_support;
using testing::HasSubstr;
using testing::IsEmpty;

class ForeignConfigs : public TuningTest {
 protected:
  void SetUp() override {
    TuningTest::SetUp();
    programs_.use_machine("rtx4090");
    for (const ForeignConfig& foreign : foreign_configs())
      programs_.folder().write("theirs/" + foreign.name, foreign.text);
    before_ = contents();
  }

  std::map<std::string, std::string> contents() const {
    std::map<std::string, std::string> all;
    for (const std::string& name : files()) all[name] = programs_.read(name);
    return all;
  }

  // With {} in place of the file.
  void refuses(const std::string& program_name, const std::vector<std::string>& command) {
    for (const ForeignConfig& foreign : foreign_configs()) {
      std::vector<std::string> arguments = command;
      for (std::string& word : arguments) word = word == "{}" ? "theirs/" + foreign.name : word;
      const ChildResult result = programs_.run(program(program_name), arguments);
      EXPECT_EQ(result.exit_status, 2) << foreign.name << "\n" << result.out << result.err;
      EXPECT_THAT(result.out, IsEmpty()) << foreign.name;
      EXPECT_THAT(result.err, HasSubstr("theirs/" + foreign.name));
      EXPECT_THAT(result.err, HasSubstr(foreign.whose)) << foreign.name;
    }
    EXPECT_EQ(contents(), before_);
    EXPECT_TRUE(requests().empty()) << "nothing was measured";
  }

  std::map<std::string, std::string> before_;
};

TEST_F(ForeignConfigs, AreRefusedByOptimize) {
  refuses("wring", {"optimize", "{}"});
}

TEST_F(ForeignConfigs, AreRefusedByADryRunAndForAGivenCard) {
  refuses("wring", {"optimize", "{}", "--gpu", "RTX 4090", "--dry-run"});
  refuses("wring", {"optimize", "{}", "--gpu", "RTX 4090", "-o", "o.yml", "--json"});
}

TEST_F(ForeignConfigs, AreRefusedByTheGuidesCommand) {
  refuses("optimize_gpu", {"--config", "{}"});
  refuses("optimize_gpu", {"--config", "{}", "--skip-optimization", "--benchmark", "--quiet"});
}

TEST_F(ForeignConfigs, AreRefusedByBenchmarkWithoutACommand) {
  refuses("wring", {"benchmark", "{}"});
}

TEST_F(ForeignConfigs, AreRefusedByDiagnose) {
  refuses("wring", {"diagnose", "{}"});
}

TEST_F(ForeignConfigs, AreRefusedInChinese) {
  const ChildResult result = run({"optimize", "theirs/basicsr.yml", "--lang", "zh"});
  EXPECT_EQ(result.exit_status, 2);
  EXPECT_THAT(result.err, HasSubstr("theirs/basicsr.yml：这看起来是BasicSR"));
  EXPECT_THAT(result.err, HasSubstr("wring monitor -- 命令"));
}

}  // namespace
}  // namespace wring
