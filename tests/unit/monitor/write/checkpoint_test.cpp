#include "wring/monitor/write/checkpoint.h"

#include <ctime>
#include <nlohmann/json.hpp>
#include <set>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "fixtures/scoped_environment.h"
#include "fixtures/temporary_folder.h"
#include "wring/files/files.h"
#include "wring/monitor/write/summary_json.h"

namespace wring {
namespace {

namespace fs = std::filesystem;
using testing_support::ScopedEnvironment;
using testing_support::TemporaryFolder;

class Checkpoint : public testing::Test {
 protected:
  void SetUp() override {
    environment_.set("HOME", (folder_.path() / "home").string());
    environment_.set("XDG_STATE_HOME", std::nullopt);
  }
  std::set<std::string> files() const {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder_.path() / "home/.local/state/wring")) {
      names.insert(entry.path().filename());
    }
    return names;
  }
  void add(const std::string& name) const { folder_.write("home/.local/state/wring/" + name, "{}"); }

  ScopedEnvironment environment_;
  const TemporaryFolder folder_;
};

TEST_F(Checkpoint, StandsInTheStateFolderOfTheUser) {
  ASSERT_TRUE(default_checkpoint_path());
  EXPECT_EQ(default_checkpoint_path()->parent_path(), folder_.path() / "home/.local/state/wring");
  environment_.set("XDG_STATE_HOME", "relative");
  EXPECT_EQ(default_checkpoint_path()->parent_path(), folder_.path() / "home/.local/state/wring") << "to be ignored";
  environment_.set("XDG_STATE_HOME", (folder_.path() / "state").string());
  EXPECT_EQ(default_checkpoint_path()->parent_path(), folder_.path() / "state/wring");
  EXPECT_TRUE(fs::is_directory(folder_.path() / "state/wring")) << "it is made";
}

TEST_F(Checkpoint, ItsNameIsTheMomentAndTheProcess) {
  const auto name = [](std::time_t moment) {
    std::tm parts{};
    ::localtime_r(&moment, &parts);
    return fmt::format("monitor-{:%Y%m%d-%H%M%S}-{}.json", parts, ::getpid());
  };
  const std::time_t before = std::time(nullptr);
  const std::string given = default_checkpoint_path()->filename();
  const std::time_t after = std::time(nullptr);
  EXPECT_THAT(given, testing::AnyOf(name(before), name(after)));
}

TEST_F(Checkpoint, WithoutAFolderThatCanBeWrittenThereIsNone) {
  for (const char* home : {"", "relative", "/proc"}) {
    environment_.set("HOME", home);
    EXPECT_FALSE(default_checkpoint_path()) << home;
  }
}

TEST_F(Checkpoint, OnlyTheNewestAreKeptBesideTheNewOne) {
  for (const char* name : {"monitor-20250101-000000-9.json", "monitor-20250102-000000-1.json",
                           "monitor-20250103-000000-1.json", "monitor-notes.txt", "other-20240101-000000-1.json"}) {
    add(name);
  }
  default_checkpoint_path(3);
  EXPECT_THAT(files(), testing::ElementsAre("monitor-20250102-000000-1.json", "monitor-20250103-000000-1.json",
                                            "monitor-notes.txt", "other-20240101-000000-1.json"))
      << "two, with the new one three; other files are not ours";
  default_checkpoint_path(0);
  EXPECT_THAT(files(), testing::ElementsAre("monitor-notes.txt", "other-20240101-000000-1.json"));
}

TEST_F(Checkpoint, IsWrittenAsJsonThatPeopleCanRead) {
  JudgedSummary summary;
  summary.duration_s = 12.5;
  const fs::path file = folder_.path() / "summary.json";
  write_summary(file, summary_json(summary, Language::en, false));
  const std::string text = read_file(file);
  EXPECT_THAT(text, testing::AllOf(testing::StartsWith("{\n  \"schema\""), testing::EndsWith("}\n")));
  EXPECT_EQ(nlohmann::json::parse(text).at("complete"), false);
  write_summary(file, summary_json(summary, Language::en, true));
  EXPECT_EQ(nlohmann::json::parse(read_file(file)).at("complete"), true);
  EXPECT_EQ(nlohmann::json::parse(read_file(file)).at("duration_s"), 12.5);
}

}  // namespace
}  // namespace wring
