// What wring monitor keeps: its log and its summary.
#include <nlohmann/json.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/monitor_fixture.h"

namespace wring {
namespace {

using namespace testing_support;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

TEST_F(Monitor, TheLogIsAppendedToInTheFormatOfItsName) {
  EXPECT_EQ(run({"0.2", "--log", "gpu.jsonl"}).exit_status, 0);
  const std::string before = programs_.read("gpu.jsonl");
  EXPECT_EQ(run({"0.2", "--log", "gpu.jsonl"}).exit_status, 0);
  const std::string after = programs_.read("gpu.jsonl");
  EXPECT_THAT(after, StartsWith(before));
  EXPECT_GT(after.size(), before.size());
  const auto lines = split(after, "\n");
  for (const std::string& line : lines) EXPECT_TRUE(nlohmann::json::accept(line)) << line;
  EXPECT_EQ(run({"0.2", "--log", "plain.log", "--lang", "zh"}).exit_status, 0);
  EXPECT_THAT(programs_.read("plain.log"), StartsWith(kChineseLine));
}

TEST_F(Monitor, TheLogIsPutAsideBeforeItGrowsBeyondItsSize) {
  EXPECT_EQ(run({"1.5", "--log", "gpu.csv", "--log-max-size", "1K", "--log-files", "2", "--quiet"}).exit_status, 0);
  for (const char* file : {"gpu.csv", "gpu.csv.1", "gpu.csv.2"}) {
    ASSERT_TRUE(programs_.exists(file)) << file;
    EXPECT_THAT(programs_.read(file), AllOf(StartsWith("timestamp, "), EndsWith("\n"))) << file;
    EXPECT_LE(programs_.read(file).size(), 1024u) << file;
  }
  EXPECT_FALSE(programs_.exists("gpu.csv.3"));
}

TEST_F(Monitor, HangUpOpensTheLogAnew) {
  const auto program = start({"--log", "gpu.log", "--quiet"});
  ASSERT_TRUE(RunningProgram::wait_until([&] { return program->content("gpu.log").ends_with("\n"); }));
  std::filesystem::rename(programs_.folder().path() / "gpu.log", programs_.folder().path() / "moved.log");
  program->send(SIGHUP);
  EXPECT_TRUE(RunningProgram::wait_until([&] { return program->content("gpu.log").ends_with("\n"); }));
  program->send(SIGTERM);
  EXPECT_EQ(program->wait(), 0);
  EXPECT_THAT(program->content("moved.log"), StartsWith(kEnglishLine));
}

TEST_F(Monitor, ALogThatCannotBeWrittenIsAnErrorBeforeAnythingStarts) {
  const ChildResult result = run({"--log", "no/such/folder/gpu.log"});
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.err, HasSubstr("no/such/folder/gpu.log"));
  EXPECT_THAT(result.out, IsEmpty());
}

TEST_F(Monitor, AKillLeavesTheSummaryOfTheTimeBefore) {
  const auto program = start({});
  const auto state = programs_.folder().path() / "state" / "wring";
  const auto saved = [&]() -> std::string {
    if (!std::filesystem::exists(state)) return "";
    for (const auto& file : std::filesystem::directory_iterator(state)) {
      if (file.path().extension() == ".json") return read_file(file.path());
    }
    return "";
  };
  ASSERT_TRUE(RunningProgram::wait_until([&] { return !saved().empty(); }));
  program->send(SIGKILL);
  EXPECT_EQ(program->wait(), 128 + SIGKILL);
  const auto summary = nlohmann::json::parse(saved());
  EXPECT_EQ(summary.at("schema"), "wring.monitor.summary/1");
  EXPECT_EQ(summary.at("complete"), false);
  EXPECT_GE(summary.at("duration_s"), 9);
  EXPECT_EQ(summary.at("gpus").at(0).at("metrics").at("gpu_util").at("mean"), 87);
}

TEST_F(Monitor, TheSummaryIsKeptWhereItIsAskedFor) {
  EXPECT_EQ(run({"0.3", "--summary", "summary.json", "--quiet"}).exit_status, 0);
  const auto summary = nlohmann::json::parse(programs_.read("summary.json"));
  EXPECT_EQ(summary.at("complete"), true);
  EXPECT_EQ(summary.at("gpus").at(0).at("sampled_peak_memory_mib"), 9584);
  EXPECT_TRUE(summary.at("gpus").at(0).at("metrics").at("tensor_activity").is_null());
  EXPECT_FALSE(programs_.exists("state")) << "a short run leaves nothing that nobody asked for";
}

TEST_F(Monitor, AClosedStreamDoesNotTurnTheLogIntoAPlaceForMessages) {
  const std::string wring = Programs::binary("wring");
  const ChildResult result = programs_.run("sh", {"-c", wring + " monitor 1 --format csv --log gpu.csv <&- >&- 2>&-"});
  EXPECT_EQ(result.exit_status, 0);
  EXPECT_THAT(programs_.read("gpu.csv"), AllOf(StartsWith("timestamp"), Not(HasSubstr("Monitor summary"))));
}

}  // namespace
}  // namespace wring
