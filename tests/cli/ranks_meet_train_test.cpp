// How the ranks of wring train find each other: who is waited for, who is refused, and what must be equal.
#include <filesystem>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "cli/ranks_train_fixture.h"

namespace wring {
namespace {

using namespace testing_support;
using testing::AllOf;
using testing::HasSubstr;
namespace fs = std::filesystem;

// Two ranks that somebody starts one by one, each with arguments of its own.
class TwoRanks : public RanksTrain {
 protected:
  struct End {
    int code = -1;
    std::string err;
  };

  void SetUp() override {
    RanksTrain::SetUp();
    programs_.set("WORLD_SIZE", "2");
    programs_.set("MASTER_ADDR", "127.0.0.1");
    programs_.set("MASTER_PORT", std::to_string(port_));
    programs_.set("WRING_CACHE_DIR", "");
  }

  static std::string command(int rank, const std::vector<std::string>& more) {
    const std::string number = std::to_string(rank);
    std::string line =
        "RANK=" + number + " LOCAL_RANK=" + number + " " + Programs::binary("wring") + " train tiny.yaml";
    line += " --device cpu --set experiment_name=run";
    for (const std::string& word : more) line += " " + word;
    return line + " 2> err" + number;
  }
  // `between` is shell that runs before rank 1 is started.
  std::vector<End> run(const std::vector<std::string>& first, const std::vector<std::string>& second,
                       const std::string& between = ":") {
    const ChildResult result =
        programs_.run("bash", {"-c", command(0, first) + " & p=$!\n" + between + "\n" + command(1, second) +
                                         "; echo $? > code1; wait $p; echo $? > code0"});
    EXPECT_EQ(result.exit_status, 0) << result.err;
    return {{std::stoi(programs_.read("code0")), programs_.read("err0")},
            {std::stoi(programs_.read("code1")), programs_.read("err1")}};
  }

  int port_ = 20000 + ::getpid() % 10000;
};

TEST_F(TwoRanks, WhatDiffersInTheirConfigsIsNamedByBothBeforeAnyStep) {
  const auto ends = run({"lr=0.001", "val_freq=3"}, {"lr=0.5", "val_freq=2", "seed=5", "num_workers=0"});
  for (const End& end : ends) {
    EXPECT_EQ(end.code, 1);
    EXPECT_THAT(end.err, AllOf(HasSubstr("lr is 0.001 on rank 0 and 0.5 on rank 1 ("),
                               HasSubstr("val_freq is 3 on rank 0 and 2 on rank 1 ("),
                               HasSubstr("seed is 0 on rank 0 and 5 on rank 1 ("), HasSubstr("the same config")));
    EXPECT_THAT(end.err, testing::Not(testing::AnyOf(HasSubstr("num_workers is"), HasSubstr("GPU"))));
  }
  EXPECT_FALSE(programs_.exists("experiments"));
}

TEST_F(TwoRanks, OtherImagesAreNamedByBothBeforeAnyStep) {
  fs::copy(programs_.folder().path() / "data", programs_.folder().path() / "other", fs::copy_options::recursive);
  const std::vector<std::string> there{"data_dir=other"};
  draw_photograph(programs_, "other/val/HR/3.png", 40, 36, 30);
  for (const End& end : run({}, there)) {
    EXPECT_EQ(end.code, 1);
    EXPECT_THAT(end.err, HasSubstr("the number of validation images is 3 on rank 0 and 4 on rank 1 ("));
  }
  fs::remove(programs_.folder().path() / "other/val/HR/3.png");
  draw_photograph(programs_, "other/train/HR/0.png", 48, 40, 31);
  for (const End& end : run({}, there)) {
    EXPECT_EQ(end.code, 1);
    EXPECT_THAT(end.err, HasSubstr("training images' pixels is "));
  }
  EXPECT_FALSE(programs_.exists("experiments"));
}

// And with own workers and a copy of the images in a folder of its own.
TEST_F(TwoRanks, StrangersAtTheirPortsCostNothing) {
  fs::copy(programs_.folder().path() / "data", programs_.folder().path() / "other", fs::copy_options::recursive);
  const std::string port = std::to_string(port_);
  const auto ends =
      run({}, {"data_dir=other", "num_workers=0"},
          "until exec 3<>/dev/tcp/127.0.0.1/" + port +
              "; do sleep 0.05; done 2> /dev/null\n"
              "printf '\\0' >&3; exec 4<>/dev/tcp/127.0.0.1/" +
              port +
              "\n"
              "for port in $(awk '$4 == \"0A\" && $2 ~ /^0100007F:/ {sub(/.*:/, \"\", $2); print $2}' "
              "/proc/net/tcp); do [ $((0x$port)) -ge 20000 ] && exec 5<>/dev/tcp/127.0.0.1/$((0x$port)); done\n");
  for (const End& end : ends) EXPECT_EQ(end.code, 0) << end.err;
  EXPECT_EQ(values("run", "loss").size(), 6U);
}

TEST_F(TwoRanks, AnotherNumberOfRanksIsNamedByBoth) {
  const auto ends = run({}, {}, "export WORLD_SIZE=3");
  for (const End& end : ends) {
    EXPECT_EQ(end.code, 1);
    EXPECT_THAT(end.err, HasSubstr("was started as one of 3 ranks"));
  }
}

// In one test, because it waits for as long as a user does.
TEST_F(TwoRanks, WhoIsWaitedForIsNamedAfterTenSeconds) {
  const std::string elsewhere = "MASTER_PORT=" + std::to_string(port_ == 29999 ? 20000 : port_ + 1);
  const ChildResult result =
      programs_.run("bash", {"-c", command(0, {}) + " & zero=$!\n" + elsewhere + " " + command(1, {}) +
                                       " & one=$!\n"
                                       "for i in $(seq 300); do [ -s err0 ] && [ -s err1 ] && break; sleep 0.1; done\n"
                                       "kill $zero $one; wait"});
  EXPECT_THAT(programs_.read("err0"), HasSubstr("rank 0 waits for these ranks of 2: 1 (0:10 so far, at most 4:"));
  EXPECT_THAT(programs_.read("err1"), AllOf(HasSubstr("waiting for rank 0 at 127.0.0.1 port "),
                                            HasSubstr(": nothing listens there, or a firewall lies between (0:1")));
}

}  // namespace
}  // namespace wring
