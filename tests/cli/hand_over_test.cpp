// wring train, evaluate and upscale: what is checked before wring-train takes over, and that it does.
#include <csignal>
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixtures/programs.h"

namespace wring {
namespace {

using namespace testing_support;
using testing::HasSubstr;

// wring copied to a folder where no other wring-train lies, so that the test decides which one is found.
class HandOver : public testing::Test {
 protected:
  void SetUp() override {
    const std::filesystem::path bin = programs_.folder().path() / "prefix/bin";
    std::filesystem::create_directories(bin);
    std::filesystem::copy_file(Programs::binary("wring"), bin / "wring");
    programs_.folder().write("config.yaml", sample_config_without_note());
    programs_.folder().write("net.safetensors", "");
    std::filesystem::create_directory(programs_.folder().path() / "images");
    programs_.set("PATH", "/usr/bin:/bin");
  }
  // wring train refuses foreign keys.
  static std::string sample_config_without_note() {
    const std::string text = kSampleConfig;
    return text.substr(0, text.find("team_note"));
  }
  void install(const std::string& where) {
    programs_.folder().write_script(where, "echo \"$0\"; for a in \"$@\"; do echo \"[$a]\"; done; exit 7\n");
  }
  ChildResult run(const std::vector<std::string>& arguments) {
    return programs_.run((programs_.folder().path() / "prefix/bin/wring").string(), arguments);
  }

  Programs programs_;
};

TEST_F(HandOver, WringTrainBesideWringGetsTheArgumentsAndItsExitCodeIsOurs) {
  install("prefix/bin/wring-train");
  const ChildResult result = run({"train", "config.yaml", "--set", "batch_size=8", "--lang", "zh"});
  EXPECT_EQ(result.exit_status, 7) << result.err;
  EXPECT_THAT(result.out, HasSubstr("[train]\n[config.yaml]\n[--set]\n[batch_size=8]\n[--lang]\n[zh]\n"));
}

TEST_F(HandOver, LibexecComesBeforePath) {
  install("prefix/libexec/wring/wring-train");
  install("elsewhere/wring-train");
  programs_.set("PATH", (programs_.folder().path() / "elsewhere").string() + ":/usr/bin:/bin");
  EXPECT_THAT(run({"upscale", "net.safetensors", "images"}).out, HasSubstr("libexec/wring/wring-train"));
  std::filesystem::remove_all(programs_.folder().path() / "prefix/libexec");
  EXPECT_THAT(run({"upscale", "net.safetensors", "images"}).out, HasSubstr("elsewhere/wring-train"));
}

TEST_F(HandOver, WithoutWringTrainTheErrorSaysHowToGetIt) {
  const ChildResult result = run({"evaluate", "net.safetensors", "images"});
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.err, HasSubstr("error: wring-train was not found"));
  EXPECT_THAT(result.err, HasSubstr("LibTorch"));
}

TEST_F(HandOver, HelpAndWrongUsageNeedNoWringTrain) {
  EXPECT_EQ(run({"train", "--help"}).exit_status, 0);
  EXPECT_EQ(run({"train"}).exit_status, 2);
  EXPECT_EQ(run({"evaluate", "net.safetensors"}).exit_status, 2);
  EXPECT_EQ(run({"upscale", "net.safetensors", "images", "--tile", "x"}).exit_status, 2);
}

// Its libraries load for tenths of a second in which it cannot listen: what comes then waits, but Ctrl-C.
TEST_F(HandOver, SignalsWaitWhileWringTrainLoads) {
  // No shell: some take all signals in when they start a program.
  const auto program = programs_.folder().write(
      "prefix/bin/wring-train",
      "#!/usr/bin/env python3\nprint(*(l for l in open('/proc/self/status') if 'SigBlk' in l))\n");
  std::filesystem::permissions(program, std::filesystem::perms::owner_all);
  const std::string out = run({"upscale", "net.safetensors", "images"}).out;
  const auto blocked = std::stoull(out.substr(out.find(':') + 1), nullptr, 16);
  const auto is_blocked = [&](int signal) { return (blocked >> (signal - 1) & 1) != 0; };
  for (const int signal : {SIGTERM, SIGHUP, SIGUSR1, SIGUSR2}) EXPECT_TRUE(is_blocked(signal)) << signal;
  EXPECT_FALSE(is_blocked(SIGINT));
}

TEST_F(HandOver, AConfigThatCannotWorkIsRefusedBeforeWringTrainStarts) {
  install("prefix/bin/wring-train");
  programs_.folder().write("typo.yaml", "batch_sise: 8\n");
  const ChildResult typo = run({"train", "typo.yaml"});
  EXPECT_EQ(typo.exit_status, 2);
  EXPECT_THAT(typo.err, HasSubstr("batch_size"));
  const ChildResult patch = run({"train", "config.yaml", "--set", "patch_size=127"});
  EXPECT_EQ(patch.exit_status, 2);
  EXPECT_THAT(patch.err, HasSubstr("error: --set patch_size=127: patch_size 127 is not a multiple"));
  EXPECT_EQ(run({"train", "config.yaml", "--set", "batch_sise=8"}).exit_status, 2);
  EXPECT_EQ(run({"train", "missing.yaml"}).exit_status, 1);
}

}  // namespace
}  // namespace wring
