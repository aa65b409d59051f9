#include "wring/doctor/checks.h"

#include <algorithm>
#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wring/base/error.h"

namespace wring {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

// A machine on which nothing is to be said.
MachineFacts sound_machine() {
  MachineFacts facts;
  Gpu gpu;
  gpu.name = "NVIDIA H200";
  gpu.memory_total_mib = 143771;
  facts.gpus.source = GpuSource::nvml;
  facts.gpus.gpus = {gpu};
  facts.gpus.driver_version = "580.1";
  facts.wring_train = "/opt/bin/wring-train";
  facts.engine = EngineFacts{"2.11.0", true, true, "13.0", "13.1", "9.19.0", "2.28.9", 1, std::nullopt};
  facts.cores = facts.cores_online = 16;
  facts.memory_mib = 128 << 10;
  facts.memory_available_mib = 100 << 10;
  facts.shared_memory_mib = facts.shared_memory_free_mib = 64 << 10;
  facts.disk = {"/data/experiments", 100 << 10, 900.0, 2000.0, ""};
  facts.utf8 = true;
  facts.locale = "LANG=C.UTF-8";
  return facts;
}

Check check_of(const std::string& id, const MachineFacts& facts, bool needs_gpu = false) {
  for (const Check& check : check_machine(facts, needs_gpu)) {
    if (check.id == id) return check;
  }
  throw std::runtime_error("there is no check " + id);
}

TEST(Checks, ASoundMachineHasNothingToExplain) {
  const auto checks = check_machine(sound_machine(), true);
  for (const Check& check : checks) {
    EXPECT_EQ(check.state, CheckState::good) << check.id;
    EXPECT_FALSE(check.found.empty()) << check.id;
    EXPECT_TRUE(check.means.empty() && check.cure.empty()) << check.id;
  }
  EXPECT_TRUE(can_train(checks));
  EXPECT_TRUE(trains_on_gpu(sound_machine()));
}

TEST(Checks, WhateverIsNotGoodSaysWhatThatMeansInBothLanguages) {
  MachineFacts facts;  // nothing at all
  facts.disk = {"/data/experiments", {}, {}, {}, "Permission denied"};
  for (const Check& check : check_machine(facts, true)) {
    EXPECT_NE(check.state, CheckState::good) << check.id;
    EXPECT_FALSE(check.found.zh.empty()) << check.id;
    if (check.state == CheckState::missing) {
      EXPECT_FALSE(check.means.en.empty() || check.means.zh.empty()) << check.id;
    }
  }
}

TEST(Checks, WithoutWringTrainOrLibTorchThereIsNoTraining) {
  MachineFacts facts = sound_machine();
  facts.engine.reset();
  facts.engine_problem = "libtorch.so: cannot open shared object file";
  EXPECT_EQ(check_of("libtorch", facts).state, CheckState::missing);
  EXPECT_THAT(check_of("libtorch", facts).found.en, HasSubstr("libtorch.so: cannot open"));
  EXPECT_EQ(check_of("wring_train", facts).state, CheckState::good);
  facts.wring_train.reset();
  EXPECT_EQ(check_of("wring_train", facts).state, CheckState::missing);
  EXPECT_FALSE(can_train(check_machine(facts, false)));
}

TEST(Checks, WithoutAGpuTrainingRunsUnlessOneIsNeeded) {
  MachineFacts facts = sound_machine();
  facts.gpus = {GpuSource::none, {}, "", {{"NVML: not found", "install the driver", 12}}};
  facts.engine->gpus = 0;
  EXPECT_EQ(check_of("gpu", facts).state, CheckState::warning);
  EXPECT_EQ(check_of("gpu", facts).cure.en, "install the driver");
  EXPECT_TRUE(can_train(check_machine(facts, false)));
  EXPECT_FALSE(can_train(check_machine(facts, true)));
  EXPECT_FALSE(trains_on_gpu(facts));
}

TEST(Checks, ACardThatDoesNotComputeStopsTraining) {
  MachineFacts facts = sound_machine();
  facts.engine->gpu_problem = "no kernel image is available";
  EXPECT_EQ(check_of("cuda", facts).state, CheckState::missing);
  EXPECT_THAT(check_of("cuda", facts).means.en, HasSubstr("no kernel image"));
  EXPECT_THAT(check_of("cuda", facts).cure.en, HasSubstr("--device cpu"));
}

TEST(Checks, ACardThatCudaDoesNotShowIsAWarning) {
  MachineFacts facts = sound_machine();
  facts.engine->gpus = 0;
  EXPECT_EQ(check_of("cuda", facts).state, CheckState::warning);
  EXPECT_EQ(check_of("cuda", facts, true).state, CheckState::missing);
  EXPECT_THAT(check_of("cuda", facts).cure.en, HasSubstr("CUDA_VISIBLE_DEVICES"));
  EXPECT_EQ(check_of("cuda", facts).found.en, "runtime 13.0, driver up to 13.1");
  facts.engine->cuda_driver.reset();
  EXPECT_EQ(check_of("cuda", facts).found.en, "runtime 13.0, no driver");
}

TEST(Checks, ABuildWithoutCudaOrKernelsIsNamed) {
  MachineFacts facts = sound_machine();
  facts.engine->kernels = false;
  EXPECT_EQ(check_of("cuda", facts).state, CheckState::warning);
  EXPECT_THAT(check_of("cuda", facts).cure.en, HasSubstr("nvcc"));
  facts.engine->cuda = false;
  EXPECT_THAT(check_of("cuda", facts).found.en, HasSubstr("without"));
  EXPECT_FALSE(trains_on_gpu(facts));
}

TEST(Checks, NcclMattersWithSeveralGpusOnly) {
  MachineFacts facts = sound_machine();
  facts.engine->nccl.reset();
  EXPECT_EQ(check_of("nccl", facts).state, CheckState::note);
  facts.engine->gpus = 2;
  EXPECT_EQ(check_of("nccl", facts).state, CheckState::warning);
}

TEST(Checks, NvidiaSmiInPlaceOfNvmlCostsMetrics) {
  MachineFacts facts = sound_machine();
  facts.gpus.source = GpuSource::nvidia_smi;
  facts.gpus.problems = {{"NVML: version mismatch", "reboot", 18}};
  EXPECT_EQ(check_of("nvml", facts).state, CheckState::warning);
  EXPECT_THAT(check_of("nvml", facts).means.en, HasSubstr("nvidia-smi"));
  EXPECT_EQ(check_of("nvml", facts).cure.en, "reboot");
}

TEST(Checks, FewCoresAreBlamedOnTheQuotaOnlyWhereThereIsOne) {
  MachineFacts facts = sound_machine();
  facts.cores = facts.cores_online = 2;
  EXPECT_EQ(check_of("cpu", facts).state, CheckState::warning);
  EXPECT_TRUE(check_of("cpu", facts).cure.empty());
  facts.cores_online = 64;
  facts.core_quota = 1.5;
  EXPECT_THAT(check_of("cpu", facts).found.en, HasSubstr("2 of 64 cores usable, quota 1.5"));
  EXPECT_THAT(check_of("cpu", facts).cure.en, HasSubstr("--cpus"));
}

TEST(Checks, TheGroupsMemoryLimitCounts) {
  MachineFacts facts = sound_machine();
  facts.memory_limit_mib = 4 << 10;
  EXPECT_EQ(check_of("memory", facts).state, CheckState::warning);
  EXPECT_THAT(check_of("memory", facts).found.en, HasSubstr("limited to 4.0 GiB"));
}

TEST(Checks, DockersSharedMemoryIsANoteAndBetweenGpusAWarning) {
  MachineFacts facts = sound_machine();
  facts.shared_memory_mib = facts.shared_memory_free_mib = 64;
  EXPECT_EQ(check_of("shared_memory", facts).state, CheckState::note);
  EXPECT_THAT(check_of("shared_memory", facts).cure.en, HasSubstr("--shm-size"));
  facts.gpus.gpus.push_back(facts.gpus.gpus.front());
  EXPECT_EQ(check_of("shared_memory", facts).state, CheckState::warning);
}

TEST(Checks, ADiskThatIsFullSlowOrForbiddenIsNamed) {
  MachineFacts facts = sound_machine();
  facts.disk.free_mib = 100;
  EXPECT_EQ(check_of("disk", facts).state, CheckState::warning);
  facts = sound_machine();
  facts.disk.read_mib_s = 12;
  EXPECT_EQ(check_of("disk", facts).state, CheckState::warning);
  EXPECT_THAT(check_of("disk", facts).cure.en, HasSubstr("SSD"));
  facts.disk.problem = "Read-only file system";
  EXPECT_EQ(check_of("disk", facts).state, CheckState::missing);
  EXPECT_THAT(check_of("disk", facts).means.en, HasSubstr("Read-only file system"));
}

TEST(Checks, ALocaleWithoutUtf8IsANote) {
  MachineFacts facts = sound_machine();
  facts.utf8 = false;
  facts.locale = "LC_ALL=C";
  EXPECT_EQ(check_of("locale", facts).state, CheckState::note);
  EXPECT_EQ(check_of("locale", facts).found.en, "LC_ALL=C");
}

TEST(Checks, WhatIsLittleBeginsBelowAFixedAmount) {
  const auto state = [](const std::string& id, const std::function<void(MachineFacts&)>& change) {
    MachineFacts facts = sound_machine();
    change(facts);
    return check_of(id, facts).state;
  };
  EXPECT_EQ(state("cpu", [](auto& f) { f.cores = 4; }), CheckState::good);
  EXPECT_EQ(state("cpu", [](auto& f) { f.cores = 3; }), CheckState::warning);
  EXPECT_EQ(state("memory", [](auto& f) { f.memory_available_mib = 8192; }), CheckState::good);
  EXPECT_EQ(state("memory", [](auto& f) { f.memory_available_mib = 8191; }), CheckState::warning);
  EXPECT_EQ(state("memory", [](auto& f) { f.memory_limit_mib = 8192; }), CheckState::good);
  EXPECT_EQ(state("memory", [](auto& f) { f.memory_limit_mib = 8191; }), CheckState::warning);
  EXPECT_EQ(state("shared_memory", [](auto& f) { f.shared_memory_free_mib = 1024; }), CheckState::good);
  EXPECT_EQ(state("shared_memory", [](auto& f) { f.shared_memory_free_mib = 1023; }), CheckState::note);
  EXPECT_EQ(state("disk", [](auto& f) { f.disk.free_mib = 2048; }), CheckState::good);
  EXPECT_EQ(state("disk", [](auto& f) { f.disk.free_mib = 2047; }), CheckState::warning);
  EXPECT_EQ(state("disk", [](auto& f) { f.disk.write_mib_s = 50; }), CheckState::good);
  EXPECT_EQ(state("disk", [](auto& f) { f.disk.write_mib_s = 49.9; }), CheckState::warning);
  EXPECT_EQ(state("disk", [](auto& f) { f.disk.read_mib_s = 49.9; }), CheckState::warning);
}

TEST(Checks, WhatCouldNotBeReadIsUnknownAndNotLittle) {
  MachineFacts facts = sound_machine();
  facts.disk = {"/data/experiments", {}, {}, {}, ""};
  EXPECT_EQ(check_of("disk", facts).state, CheckState::good);
  EXPECT_EQ(check_of("disk", facts).found.en, "/data/experiments");
  facts.memory_mib.reset();
  facts.memory_available_mib.reset();
  EXPECT_EQ(check_of("memory", facts).state, CheckState::note);
  EXPECT_EQ(check_of("memory", facts).found.en, "unknown");
  facts.shared_memory_mib.reset();
  facts.shared_memory_free_mib.reset();
  EXPECT_EQ(check_of("shared_memory", facts).state, CheckState::note);
  EXPECT_EQ(check_of("shared_memory", facts).found.en, "none");
}

TEST(Checks, WhatWasFoundIsShownWithItsNumbers) {
  MachineFacts facts = sound_machine();
  Gpu second;
  second.index = 1;
  facts.gpus.gpus.push_back(second);
  facts.engine->cuda = false;
  facts.core_quota = 2.5;
  EXPECT_EQ(check_of("wring_train", facts).found.en, "/opt/bin/wring-train");
  EXPECT_EQ(check_of("libtorch", facts).found.en, "2.11.0 (without CUDA)");
  EXPECT_EQ(check_of("libtorch", facts).found.zh, "2.11.0（不含 CUDA）");
  EXPECT_EQ(check_of("gpu", facts).found.en, "0: NVIDIA H200, 140.4 GiB; 1: ?");
  EXPECT_EQ(check_of("driver", facts).found.en, "580.1");
  EXPECT_EQ(check_of("cpu", facts).found.en, "16 of 16 cores usable, quota 2.5");
  EXPECT_EQ(check_of("cpu", facts).found.zh, "16 个核心可用（共 16 个），配额 2.5");
  EXPECT_EQ(check_of("memory", facts).found.en, "128.0 GiB, 100.0 GiB available");
  EXPECT_EQ(check_of("shared_memory", facts).found.en, "65536 MiB, 65536 MiB free");
  EXPECT_EQ(check_of("disk", facts).found.en, "/data/experiments, 100.0 GiB free, writes 900 MiB/s, reads 2000 MiB/s");
  EXPECT_EQ(check_of("disk", facts).found.zh, "/data/experiments，空闲 100.0 GiB，写 900 MiB/s，读 2000 MiB/s");
}

TEST(Checks, ACardWithAProblemIsNamedWithItsCure) {
  MachineFacts facts = sound_machine();
  Gpu lost;
  lost.index = 1;
  lost.problem = GpuProblem{"fell off the bus", "reboot", 15};
  facts.gpus.gpus.push_back(lost);
  const Check check = check_of("gpu", facts);
  EXPECT_EQ(check.state, CheckState::warning);
  EXPECT_EQ(check.means.en, "GPU 1: fell off the bus");
  EXPECT_EQ(check.cure.en, "reboot");
}

TEST(Checks, ACardThatOnlyCudaShowsCountsAsOne) {
  MachineFacts facts = sound_machine();
  facts.gpus = {GpuSource::none, {}, "", {{"NVML: not found", "install the driver", 12}}};
  facts.engine->gpus = 2;
  EXPECT_EQ(check_of("gpu", facts, true).state, CheckState::good);
  EXPECT_EQ(check_of("gpu", facts).found.en, "2 shown by CUDA");
  EXPECT_EQ(check_of("driver", facts).state, CheckState::note);
  EXPECT_EQ(check_of("driver", facts).cure.en, "install the driver");
  EXPECT_EQ(check_of("nvml", facts).state, CheckState::warning);
  EXPECT_EQ(check_of("nvml", facts).found.en, "NVML: not found");
  EXPECT_THAT(check_of("nvml", facts).means.en, HasSubstr("cannot be watched"));
  facts.engine->gpus = 0;
  EXPECT_EQ(check_of("nvml", facts).state, CheckState::note);
  facts.gpus.gpus = {Gpu{}};
  EXPECT_EQ(check_of("driver", facts).state, CheckState::warning) << "a card whose driver has no version";
}

TEST(Checks, WithoutWringTrainTheLibrariesAreNotSaidToBeMissing) {
  MachineFacts facts = sound_machine();
  facts.wring_train.reset();
  facts.engine.reset();
  for (const char* id : {"cuda", "cudnn", "nccl"}) {
    EXPECT_EQ(check_of(id, facts, true).state, CheckState::note) << id;
    EXPECT_THAT(check_of(id, facts).found.en, HasSubstr("not asked")) << id;
  }
  EXPECT_THAT(check_of("libtorch", facts).found.en, HasSubstr("not asked"));
  EXPECT_EQ(check_of("libtorch", facts).cure.en, "get wring-train first");
}

TEST(Checks, CudnnMattersWithAnyGpu) {
  MachineFacts facts = sound_machine();
  facts.engine->cudnn.reset();
  EXPECT_EQ(check_of("cudnn", facts).state, CheckState::warning);
  EXPECT_THAT(check_of("cudnn", facts).means.en, HasSubstr("slower"));
  EXPECT_THAT(check_of("cudnn", facts).cure.en, HasSubstr("torch wheel"));
  facts.engine->gpus = 0;
  EXPECT_EQ(check_of("cudnn", facts).state, CheckState::note);
  EXPECT_EQ(check_of("cudnn", facts).means.en, "not needed here");
  EXPECT_TRUE(check_of("cudnn", facts).cure.empty());
}

TEST(Checks, EveryStateHasItsName) {
  EXPECT_EQ(state_name(CheckState::good), "good");
  EXPECT_EQ(state_name(CheckState::note), "note");
  EXPECT_EQ(state_name(CheckState::warning), "warning");
  EXPECT_EQ(state_name(CheckState::missing), "missing");
}

TEST(EngineFacts, AreReadOffWhatWringTrainPrints) {
  const EngineFacts facts = parse_engine_facts(
      R"({"libtorch":"2.11.0","cuda":true,"kernels":true,"cuda_runtime":"13.0","cudnn":null,"gpus":2,"gpu_problem":"x"})");
  EXPECT_EQ(facts.libtorch, "2.11.0");
  EXPECT_TRUE(facts.cuda && facts.kernels);
  EXPECT_EQ(facts.cuda_runtime, "13.0");
  EXPECT_FALSE(facts.cudnn.has_value());
  EXPECT_FALSE(facts.nccl.has_value());
  EXPECT_EQ(facts.gpus, 2);
  EXPECT_EQ(facts.gpu_problem, "x");
}

TEST(EngineFacts, OfAnotherProgramAreRefused) {
  for (const char* text : {"", "usage: …", "[]", "{}", R"({"libtorch":3})"}) {
    EXPECT_THROW(parse_engine_facts(text), Error) << text;
  }
}

}  // namespace
}  // namespace wring
