#include "wring_train/dist/host/rank_place.h"

#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wring/base/error.h"

namespace wring {
namespace {

using testing::AllOf;
using testing::HasSubstr;

RankPlace place_in(const std::map<std::string, std::string>& variables) {
  return rank_place([&](VariableName name) {
    const auto found = variables.find(name.text());
    return found == variables.end() ? std::nullopt : std::optional<std::string_view>(found->second);
  });
}

std::string message_of(const std::map<std::string, std::string>& variables) {
  try {
    place_in(variables);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::usage);
    return error.message().en + "; " + error.hint().en;
  }
  return "no error";
}

TEST(RankPlace, AProcessThatNobodyLaunchedIsAlone) {
  EXPECT_EQ(place_in({}).size, 1);
  EXPECT_EQ(place_in({}).rank, 0);
}

TEST(RankPlace, TorchrunsVariablesAreUnderstood) {
  const RankPlace place = place_in({{"RANK", "5"},
                                    {"WORLD_SIZE", "8"},
                                    {"LOCAL_RANK", "1"},
                                    {"LOCAL_WORLD_SIZE", "4"},
                                    {"MASTER_ADDR", "gpu01"},
                                    {"MASTER_PORT", "29511"},
                                    {"TORCHELASTIC_USE_AGENT_STORE", "True"},
                                    {"TORCHELASTIC_RESTART_COUNT", "2"}});
  EXPECT_EQ(place.rank, 5);
  EXPECT_EQ(place.size, 8);
  EXPECT_EQ(place.local_rank, 1);
  EXPECT_EQ(place.local_size, 4);
  EXPECT_EQ(place.address, "gpu01");
  EXPECT_EQ(place.port, 29511);
  EXPECT_TRUE(place.store_runs);
  EXPECT_EQ(place.attempt, 2);
}

TEST(RankPlace, SlurmsStepIsUnderstoodAndItsBatchScriptIsNoStep) {
  const std::map<std::string, std::string> batch{
      {"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "16"}, {"SLURM_LOCALID", "0"}, {"SLURM_JOB_ID", "123456"}};
  EXPECT_EQ(place_in(batch).size, 1);
  std::map<std::string, std::string> step = batch;
  step["SLURM_PROCID"] = "9";
  step["SLURM_LOCALID"] = "1";
  step["SLURM_STEP_NODELIST"] = "gpu[03-04]";
  step["SLURM_STEP_NUM_TASKS"] = "16";
  step["SLURM_STEP_TASKS_PER_NODE"] = "8(x2)";
  const RankPlace place = place_in(step);
  EXPECT_EQ(place.rank, 9);
  EXPECT_EQ(place.size, 16);
  EXPECT_EQ(place.local_rank, 1);
  EXPECT_EQ(place.local_size, 8);
  EXPECT_EQ(place.address, "gpu03");
  EXPECT_EQ(place.port, 20000 + 123456 % 10000);
  step["MASTER_ADDR"] = "10.0.0.3";
  step["MASTER_PORT"] = "4000";
  EXPECT_EQ(place_in(step).address, "10.0.0.3");
  EXPECT_EQ(place_in(step).port, 4000);
}

TEST(RankPlace, TheFirstMachineIsReadOffSlurmsShortForms) {
  EXPECT_EQ(first_machine("gpu1"), "gpu1");
  EXPECT_EQ(first_machine("gpu1,gpu2"), "gpu1");
  EXPECT_EQ(first_machine("gpu[03-06,9],x1"), "gpu03");
  EXPECT_EQ(first_machine("a[7,9]"), "a7");
}

TEST(RankPlace, MpirunOnOneMachineNeedsNoAddressAndOnSeveralSaysSo) {
  std::map<std::string, std::string> variables{{"OMPI_COMM_WORLD_RANK", "1"},
                                               {"OMPI_COMM_WORLD_SIZE", "2"},
                                               {"OMPI_COMM_WORLD_LOCAL_RANK", "1"},
                                               {"OMPI_COMM_WORLD_LOCAL_SIZE", "2"}};
  EXPECT_EQ(place_in(variables).rank, 1);
  EXPECT_EQ(place_in(variables).address, "127.0.0.1");
  variables["OMPI_COMM_WORLD_LOCAL_SIZE"] = "1";
  EXPECT_THAT(message_of(variables), testing::HasSubstr("mpirun -x MASTER_ADDR="));
}

TEST(RankPlace, AMissingOrWrongVariableIsNamed) {
  EXPECT_THAT(message_of({{"RANK", "0"}}), AllOf(HasSubstr("RANK is set to 0, but WORLD_SIZE is not set"),
                                                 HasSubstr("alone: env -u RANK wring train"), HasSubstr("--nproc N")));
  EXPECT_THAT(message_of({{"WORLD_SIZE", "1"}}),
              AllOf(HasSubstr("WORLD_SIZE is set to 1, but RANK is not set"), HasSubstr("env -u WORLD_SIZE wring")));
  // A job system's variables are not at fault where it did not start this process.
  EXPECT_THAT(message_of({{"RANK", "0"}, {"SLURM_PROCID", "0"}, {"SLURM_JOB_ID", "7"}}),
              testing::Not(HasSubstr("SLURM")));
  EXPECT_THAT(message_of({{"SLURM_PROCID", "0"}, {"SLURM_STEP_NODELIST", "a"}}),
              HasSubstr("SLURM_PROCID is set to 0, but SLURM_NTASKS is not set"));
  EXPECT_THAT(message_of({{"OMPI_COMM_WORLD_RANK", "1"}}),
              HasSubstr("OMPI_COMM_WORLD_RANK is set to 1, but OMPI_COMM_WORLD_SIZE is not set"));
  EXPECT_THAT(message_of({{"RANK", "2"}, {"WORLD_SIZE", "2"}}), testing::HasSubstr("RANK is \"2\""));
  EXPECT_THAT(message_of({{"RANK", "x"}, {"WORLD_SIZE", "2"}}), testing::HasSubstr("from 0 to 1"));
  EXPECT_THAT(message_of({{"RANK", "0"}, {"WORLD_SIZE", "2"}}),
              AllOf(HasSubstr("RANK is set to 0, WORLD_SIZE is set to 2, but MASTER_PORT is not set"),
                    HasSubstr("env -u RANK -u WORLD_SIZE wring train")));
}

TEST(OwnGpu, EveryRankOfAMachineGetsOneOfTheVisibleGpus) {
  RankPlace place;
  place.local_rank = 1;
  EXPECT_EQ(own_gpu(std::nullopt, place), "1");
  EXPECT_EQ(own_gpu("4,6", place), "6");
  EXPECT_EQ(own_gpu("3", place), "3");  // the launcher has chosen
  place.local_rank = 2;
  EXPECT_THROW(own_gpu("4,6", place), Error);
}

}  // namespace
}  // namespace wring
