// wring doctor: what it finds through stand-ins for the card and for wring-train, and who points to it.
#include <nlohmann/json.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixtures/programs.h"

namespace wring {
namespace {

using namespace testing_support;
using testing::HasSubstr;
using testing::Not;

const char* const kGpuEngine =
    R"({"libtorch":"2.11.0","cuda":true,"kernels":true,"cuda_runtime":"13.0","cuda_driver":"13.1","cudnn":"9.19.0","nccl":"2.28.9","gpus":1,"gpu_problem":null})";
const char* const kCpuEngine = R"({"libtorch":"2.11.0","cuda":false,"kernels":false,"gpus":0})";

// wring copied beside a wring-train that the test writes.
class Doctor : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(programs_.folder().path() / "bin");
    std::filesystem::copy_file(Programs::binary("wring"), programs_.folder().path() / "bin/wring");
    programs_.set("PATH", "/usr/bin:/bin");
  }
  void engine_says(const std::string& json) {
    programs_.folder().write_script("bin/wring-train", "[ \"$1\" = about ] && echo '" + json + "'\n");
  }
  ChildResult run(const std::vector<std::string>& arguments) {
    return programs_.run((programs_.folder().path() / "bin/wring").string(), arguments);
  }
  nlohmann::json checks_of(const ChildResult& result) {
    const nlohmann::json json = nlohmann::json::parse(result.out);
    nlohmann::json checks;
    for (const auto& check : json["checks"]) checks[check["id"].get<std::string>()] = check;
    return checks;
  }

  Programs programs_;
};

TEST_F(Doctor, OnAMachineWithAGpuItSaysWhatThereIsAndExitsWithZero) {
  engine_says(kGpuEngine);
  programs_.use_machine("rtx4090");
  const ChildResult result = run({"doctor"});
  EXPECT_EQ(result.exit_status, 0) << result.out << result.err;
  for (const char* words : {"4090", "2.11.0 (with CUDA)", "9.19.0", "2.28.9", "cores usable", "GiB free",
                            "LC_ALL=C.UTF-8", "Training can run, on the GPU."}) {
    EXPECT_THAT(result.out, HasSubstr(words));
  }
  EXPECT_FALSE(programs_.exists("experiments")) << "the folder is not created";
}

TEST_F(Doctor, WithoutAGpuTrainingRunsOnTheCpuAndTheCureIsNamed) {
  engine_says(kCpuEngine);
  const ChildResult result = run({"doctor"});
  EXPECT_EQ(result.exit_status, 0) << result.out;
  EXPECT_THAT(result.out, HasSubstr("Training can run, on the CPU."));
  EXPECT_THAT(result.out, HasSubstr("install the NVIDIA driver"));
  EXPECT_EQ(run({"doctor", "--device", "cuda"}).exit_status, 3);
}

TEST_F(Doctor, WithoutWringTrainTheExitCodeIsOne) {
  const ChildResult result = run({"doctor"});
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.out, HasSubstr("not found beside wring"));
  EXPECT_THAT(result.out, HasSubstr("Training cannot run here"));
}

TEST_F(Doctor, WhatTheLoaderSaysOfLibTorchIsShown) {
  programs_.folder().write_script("bin/wring-train",
                                  "echo 'libtorch.so: cannot open shared object file' >&2; exit 127\n");
  const ChildResult result = run({"doctor", "--json"});
  EXPECT_EQ(result.exit_status, 1);
  const auto libtorch = checks_of(result)["libtorch"];
  EXPECT_EQ(libtorch["state"], "missing");
  EXPECT_THAT(libtorch["found"].get<std::string>(), HasSubstr("libtorch.so: cannot open shared object file"));
}

TEST_F(Doctor, AWringTrainOfAnotherVersionIsNamed) {
  engine_says("hello");
  EXPECT_THAT(checks_of(run({"doctor", "--json"}))["libtorch"]["found"].get<std::string>(),
              HasSubstr("another version"));
}

TEST_F(Doctor, JsonHasEveryCheckAndTheVerdict) {
  engine_says(kGpuEngine);
  programs_.use_machine("rtx4090");
  const ChildResult result = run({"doctor", "--json"});
  const auto json = nlohmann::json::parse(result.out);
  EXPECT_EQ(json["schema"], 1);
  EXPECT_EQ(json["can_train"], true);
  EXPECT_EQ(json["on_gpu"], true);
  const auto checks = checks_of(result);
  for (const char* id : {"wring_train", "libtorch", "gpu", "driver", "nvml", "cuda", "cudnn", "nccl", "cpu", "memory",
                         "shared_memory", "disk", "locale"}) {
    EXPECT_TRUE(checks.contains(id)) << id;
  }
}

TEST_F(Doctor, AFolderThatCannotBeWrittenToStopsTraining) {
  engine_says(kCpuEngine);
  const ChildResult result = run({"doctor", "--experiments", "/proc/experiments"});
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.out, HasSubstr("nothing can be written"));
}

TEST_F(Doctor, SpeaksChinese) {
  engine_says(kCpuEngine);
  EXPECT_THAT(run({"doctor", "--lang", "zh"}).out, HasSubstr("可以训练（使用 CPU）。"));
}

TEST_F(Doctor, QuietPrintsWhatIsMissingOnly) {
  engine_says(kCpuEngine);
  EXPECT_EQ(run({"doctor", "--quiet"}).out, "");
  EXPECT_THAT(run({"doctor", "--quiet", "--device", "cuda"}).out, HasSubstr("GPU"));
}

TEST_F(Doctor, CommandsThatFailForTheMachinesSakePointToIt) {
  programs_.folder().write("config.yaml", "batch_size: 8\n");
  EXPECT_THAT(run({"train", "config.yaml"}).err, HasSubstr("wring doctor")) << "no wring-train";
  EXPECT_THAT(run({"benchmark", "config.yaml"}).err, HasSubstr("wring doctor")) << "no wring-train";
  EXPECT_THAT(run({"optimize", "config.yaml"}).err, HasSubstr("wring doctor")) << "no NVML";
  EXPECT_THAT(run({"monitor", "0.1", "--interval", "0.1"}).err, HasSubstr("wring doctor")) << "no NVML";
  const ChildResult strict = run({"monitor", "0.1", "--strict"});
  EXPECT_EQ(strict.exit_status, 3);
  EXPECT_THAT(strict.err, HasSubstr("wring doctor")) << "a GPU was asked for";
}

#ifdef WRING_HAS_TRAIN
TEST_F(Doctor, AWringTrainWhoseLibTorchIsGoneIsRefusedByName) {
  // The run path is broken in a copy, as if torch had been moved away.
  std::string program = read_file(Programs::binary("wring-train"));
  const std::string wanted = "libtorch_cpu.so";
  for (std::size_t at = 0; (at = program.find(wanted, at)) != std::string::npos; at += wanted.size()) {
    program.replace(at, wanted.size(), "libtorch_gon.so");
  }
  programs_.folder().write("bin/wring-train", program);
  std::filesystem::permissions(programs_.folder().path() / "bin/wring-train", std::filesystem::perms::owner_all);
  programs_.folder().write("config.yaml", "batch_size: 8\n");
  const ChildResult result = run({"train", "config.yaml"});
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.err, HasSubstr("libtorch_gon.so not found"));
  EXPECT_THAT(result.err, HasSubstr("wring doctor"));
}
#endif

}  // namespace
}  // namespace wring
