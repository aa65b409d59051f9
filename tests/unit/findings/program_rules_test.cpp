#include <gtest/gtest.h>

#include "wring/findings/judge.h"
#include "wring/findings/program.h"

namespace wring {
namespace {

// A program that runs well: 100 ms a step, of which kernels run 96.
struct Planted {
  Observation seen;
  StepShares shares;
  StepWork work;

  Planted() {
    seen.process.device = "cuda:0";
    seen.process.device_name = "NVIDIA H200";
    seen.steps.n = 50;
    seen.steps.step_ms = {100, 0.5, 102, 50};
    seen.steps.mean_ms = 100;
    seen.steps.batches_per_step = 1;
    ObservedLoader loader;
    loader.place = {"train.py", 31};
    loader.batch_size = 64;
    loader.num_workers = 8;
    loader.pin_memory = loader.persistent_workers = true;
    seen.loaders = {loader};
    ObservedOptimizer optimizer;
    optimizer.place = {"train.py", 35};
    optimizer.type = "AdamW";
    optimizer.fused = true;
    optimizer.tensors = 160;
    optimizer.counted = true;
    seen.optimizers = {optimizer};
    seen.precision.autocast = "bfloat16";
    seen.cpu_cores = 16;
    shares.step_ms = 100;
    shares.computing_ms = 96;
    shares.launch_ms = 4;
    work.kernels = 800;
    work.mean_kernel_us = 120;
  }

  // So much of the computing is lost to something else.
  void lose(double StepShares::*what, double ms) {
    shares.*what += ms;
    shares.computing_ms -= ms;
  }

  std::vector<ProgramFinding> judged() const { return diagnose_program({seen, shares, work}); }
};

std::string keys(const std::vector<ProgramFinding>& found) {
  std::string text;
  for (const ProgramFinding& one : found) text += std::string(one.finding.key) + " ";
  return text;
}

TEST(ProgramRules, AProgramThatComputesAllTheTimeIsToldSo) {
  EXPECT_EQ(keys(Planted().judged()), "compute_bound ");
}

TEST(ProgramRules, TheCauseThatGivesBackMostComesFirst) {
  Planted planted;
  planted.lose(&StepShares::copy_ms, 12);
  planted.lose(&StepShares::sync_ms, 30);
  EXPECT_EQ(keys(planted.judged()), "synchronisations transfer_bound ");
}

TEST(ProgramRules, ALoaderWithoutWorkersGetsAsManyAsItsBatchesTake) {
  Planted planted;
  planted.lose(&StepShares::loader_ms, 80);
  planted.seen.loaders[0].num_workers = 0;
  planted.seen.loaders[0].pin_memory = planted.seen.loaders[0].persistent_workers = false;
  planted.seen.loaders[0].wait_ms = planted.seen.steps.loader_wait_ms = 80;
  const auto found = planted.judged();
  ASSERT_EQ(found.at(0).finding.key, "input_bound");
  // A batch takes 80 ms, the rest of the step 20: four suffice, and a quarter more.
  ASSERT_EQ(found[0].changes.size(), 1U);
  EXPECT_EQ(found[0].changes[0].place->file, "train.py");
  EXPECT_EQ(found[0].changes[0].place->line, 31);
  EXPECT_EQ(found[0].changes[0].now, "DataLoader(…, num_workers=0)");
  EXPECT_EQ(found[0].changes[0].then, "num_workers=5, persistent_workers=True, pin_memory=True");
  EXPECT_DOUBLE_EQ(found[0].give_back_ms, 80);
}

TEST(ProgramRules, MoreWorkersThanCoresAreNotAskedForAndGiveBackLess) {
  Planted planted;
  planted.lose(&StepShares::loader_ms, 90);
  planted.seen.loaders[0].num_workers = 0;
  planted.seen.loaders[0].wait_ms = 90;
  planted.seen.cpu_cores = 2;
  const auto found = planted.judged();
  EXPECT_EQ(found.at(0).changes.at(0).then, "num_workers=2");
  EXPECT_DOUBLE_EQ(found[0].give_back_ms, 100 - 45);  // two workers make a batch every 45 ms
}

TEST(ProgramRules, WorkersThatUseAllCoresGetNoMore) {
  Planted planted;
  planted.lose(&StepShares::loader_ms, 50);
  planted.seen.loaders[0].num_workers = 16;
  const auto found = planted.judged();
  EXPECT_TRUE(found.at(0).changes.empty());
  EXPECT_NE(found[0].finding.next_step.en.find("use all 16 cores"), std::string::npos);
}

TEST(ProgramRules, SynchronisationsNameTheirLines) {
  Planted planted;
  planted.lose(&StepShares::sync_ms, 40);
  planted.seen.syncs = std::vector<ObservedSync>{{{"train.py", 40}, 62}, {{"train.py", 44}, 1}};
  const auto found = planted.judged();
  ASSERT_EQ(found.at(0).finding.key, "synchronisations");
  ASSERT_EQ(found[0].changes.size(), 2U);
  EXPECT_EQ(found[0].changes[0].place->line, 40);
  EXPECT_EQ(found[0].changes[0].then, "if step % 100 == 0: …");
  EXPECT_EQ(found[0].changes[0].note.en, "makes the CPU wait 62 × a step");
  EXPECT_EQ(found[0].changes[0].note.zh, "每步 62 次让 CPU 等待");
}

TEST(ProgramRules, AnOptimiserThatLaunchesTensorByTensorIsFused) {
  Planted planted;
  planted.lose(&StepShares::optimizer_ms, 20);
  planted.seen.optimizers[0].fused = std::nullopt;
  planted.seen.optimizers[0].foreach_ = false;
  const auto found = planted.judged();
  ASSERT_EQ(found.at(0).finding.key, "optimizer");
  EXPECT_EQ(found[0].changes.at(0).now, "AdamW(…, foreach=False)");
  EXPECT_EQ(found[0].changes[0].then, "fused=True");
}

TEST(ProgramRules, AnOptimiserWithoutAFusedFormIsNotToldToBeFused) {
  Planted planted;
  planted.lose(&StepShares::optimizer_ms, 20);
  planted.seen.optimizers[0].fused = std::nullopt;
  planted.seen.optimizers[0].type = "Lion";
  const auto found = planted.judged();
  EXPECT_TRUE(found.at(0).changes.empty());
  EXPECT_NE(found[0].finding.next_step.en.find("no fused form"), std::string::npos);
}

TEST(ProgramRules, AFusedOptimiserIsNotToldToBeFused) {
  Planted planted;
  planted.lose(&StepShares::optimizer_ms, 20);
  const auto found = planted.judged();
  EXPECT_TRUE(found.at(0).changes.empty());
  EXPECT_NE(found[0].finding.next_step.en.find("AdamW is fused already"), std::string::npos);
}

TEST(ProgramRules, SmallLaunchesAreCompiledAndACompiledModelReplaysThem) {
  Planted planted;
  planted.lose(&StepShares::launch_ms, 60);
  EXPECT_EQ(planted.judged().at(0).changes.at(0).then, "torch.compile(model)");
  planted.seen.compiled_modules = 1;
  EXPECT_EQ(planted.judged().at(0).changes.at(0).then, R"(torch.compile(model, mode="reduce-overhead"))");
}

TEST(ProgramRules, PageableCopiesArePinnedWhereTheLoaderDoesNotPin) {
  Planted planted;
  planted.lose(&StepShares::copy_ms, 25);
  planted.work.pageable_to_device = {2, 25, 150e6};
  planted.seen.loaders[0].pin_memory = false;
  const auto found = planted.judged();
  ASSERT_EQ(found.at(0).finding.key, "transfer_bound");
  EXPECT_EQ(found[0].changes.at(0).then, "pin_memory=True");
  planted.seen.loaders[0].pin_memory = true;
  EXPECT_TRUE(planted.judged().at(0).changes.empty());
}

TEST(ProgramRules, ProductsInFp32GiveBackLessWhereTf32IsOn) {
  Planted planted;
  planted.seen.precision.autocast = "";
  planted.work.products = {{"float32", 80}};
  EXPECT_DOUBLE_EQ(planted.judged().at(0).give_back_ms, 60);
  EXPECT_EQ(planted.judged()[0].finding.key, "tensor_cores_unused");
  EXPECT_EQ(planted.judged()[0].changes.size(), 2U);
  planted.seen.precision.tf32_matmul = planted.seen.precision.tf32_cudnn = true;
  EXPECT_DOUBLE_EQ(planted.judged().at(0).give_back_ms, 40);
  EXPECT_EQ(planted.judged()[0].changes.size(), 1U);
  planted.seen.precision.autocast = "bfloat16";
  EXPECT_EQ(keys(planted.judged()), "compute_bound ");
}

TEST(ProgramRules, ProductsInFp32AreNamedFromWhatSixteenBitsWouldGiveBack) {
  Planted planted;
  planted.seen.precision.autocast = "";
  planted.work.products = {{"float32", 19.9}};
  EXPECT_EQ(keys(planted.judged()), "compute_bound ");
  planted.work.products = {{"float32", 29.9}};
  EXPECT_EQ(planted.judged().at(0).finding.key, "tensor_cores_unused");
  planted.seen.precision.tf32_matmul = planted.seen.precision.tf32_cudnn = true;
  EXPECT_EQ(keys(planted.judged()), "compute_bound ") << "less than 15 % of the step";
  planted.work.products = {{"float32", 30.1}};
  EXPECT_EQ(planted.judged().at(0).finding.key, "tensor_cores_unused");
}

TEST(ProgramRules, ConversionsOfLayoutAreACauseOnlyBesideConvolutionsThatAreNotChannelsLast) {
  Planted planted;
  planted.work.order_conversions_ms = 18;
  planted.seen.conv_weights = planted.seen.channels_last = 53;
  EXPECT_EQ(keys(planted.judged()), "compute_bound ");
  planted.seen.channels_last = 0;
  EXPECT_EQ(keys(planted.judged()), "layout ");
  EXPECT_FALSE(planted.judged()[0].at_most) << "convolutions gain too";
}

// 28 TFLOP in a step of 100 ms, on a card that attains 700 TFLOP/s: 40 % of it.
Planted with_arithmetic(double tflop) {
  Planted planted;
  planted.seen.rate = ObservedRate{"bfloat16", 700, 8192};
  planted.work.products = {{"bfloat16", 60, tflop}};
  planted.work.kinds = {{KernelKind::product, 60, 0, 100, ""}, {KernelKind::elementwise, 36, 0, 700, ""}};
  return planted;
}

std::string headline(const Planted& planted) {
  return planted.judged().at(0).finding.headline.en;
}

TEST(ProgramRules, AWellRunningProgramIsToldItsShareOfTheAttainableRate) {
  const auto found = with_arithmetic(42).judged();
  EXPECT_EQ(keys(found), "compute_bound ");
  EXPECT_NE(found[0].finding.headline.en.find("nothing holds it back"), std::string::npos);
  EXPECT_NE(found[0].finding.numbers.en.find("420 of 700 TFLOP/s attainable in bf16 (60 %)"), std::string::npos);
  EXPECT_NE(found[0].finding.numbers.zh.find("420（60%）"), std::string::npos) << found[0].finding.numbers.zh;
}

TEST(ProgramRules, OneFarBelowItIsToldWhereTheComputingGoes) {
  const auto passes = with_arithmetic(21).judged();
  EXPECT_EQ(keys(passes), "compute_bound ");
  EXPECT_EQ(passes[0].finding.headline.en, "the GPU computes 96 % of a step, at 30 % of the attainable rate");
  EXPECT_NE(passes[0].finding.next_step.en.find("36 % of a step, are elementwise operations and reductions"),
            std::string::npos);
  Planted products = with_arithmetic(14);
  EXPECT_NE(products.judged()[0].finding.next_step.en.find("at 33 % of the rate of a large one"), std::string::npos);
  products.work.kinds[0].small_ms = 50;
  EXPECT_NE(products.judged()[0].finding.next_step.en.find("too small to fill the card"), std::string::npos);
  Planted fp32 = with_arithmetic(7);
  fp32.work.kinds = {{KernelKind::fp32_product, 70, 0, 10, ""}, {KernelKind::product, 20, 0, 10, ""}};
  EXPECT_NE(fp32.judged()[0].finding.next_step.en.find("in fp32 within a step of 16 bits"), std::string::npos);
}

TEST(ProgramRules, WithoutArithmeticOrARateNoShareIsGuessed) {
  Planted planted = with_arithmetic(21);
  planted.work.products[0].tflop.reset();
  EXPECT_NE(headline(planted).find("nothing holds it back"), std::string::npos);
  EXPECT_EQ(planted.judged()[0].finding.numbers.en.find("attainable"), std::string::npos);
  planted = with_arithmetic(21);
  planted.seen.rate.reset();
  EXPECT_EQ(planted.judged()[0].finding.numbers.en.find("attainable"), std::string::npos);
  planted = with_arithmetic(21);
  planted.work.products[0].type = "float16";  // the rate is another type's
  EXPECT_EQ(planted.judged()[0].finding.numbers.en.find("attainable"), std::string::npos);
}

TEST(ProgramRules, TheRateOfProductsIsNoneOfConvolutionsThatMayUseTf32Alone) {
  Planted planted = with_arithmetic(2);
  planted.seen.rate = ObservedRate{"float32", 50, 4096};
  planted.work.products = {{"float32", 10, 2, true}};
  planted.seen.precision.tf32_cudnn = true;
  EXPECT_EQ(planted.judged()[0].finding.numbers.en.find("attainable"), std::string::npos);
  planted.seen.precision.tf32_matmul = true;
  EXPECT_NE(planted.judged()[0].finding.numbers.en.find("attainable in TF32"), std::string::npos);
}

TEST(ProgramRules, HeatHoldsTheClocksDownAndAPowerCapIsUsual) {
  Planted planted;
  ObservedCard& card = planted.seen.card.emplace();
  card.readings = 20;
  card.throttled_by_power = 90;
  card.throttled_by_heat = 0;
  EXPECT_EQ(keys(planted.judged()), "compute_bound ");
  card.throttled_by_heat = 50;
  EXPECT_EQ(keys(planted.judged()), "throttled ");
  EXPECT_DOUBLE_EQ(planted.judged()[0].give_back_ms, 24);
  card.readings = 2;
  EXPECT_EQ(keys(planted.judged()), "compute_bound ");
}

// Seen by its traces: neither settings nor places are known.
Planted without_agent() {
  Planted program;
  program.seen.without_agent = true;
  program.seen.loaders.clear();
  program.seen.precision = {};
  program.seen.optimizers[0].place = {};
  program.seen.optimizers[0].tensors = 0;
  program.seen.optimizers[0].fused.reset();
  return program;
}

TEST(ProgramRules, WithoutTheAgentALoaderIsToldToHaveWorkersOnlyWhereItHasNone) {
  Planted program = without_agent();
  program.lose(&StepShares::loader_ms, 50);
  EXPECT_TRUE(program.judged()[0].changes.empty());
  program.seen.loads_in_step = true;
  const auto found = program.judged();
  ASSERT_EQ(found[0].changes.size(), 1U);
  EXPECT_FALSE(found[0].changes[0].place);
  EXPECT_EQ(found[0].changes[0].then, "num_workers=…, persistent_workers=True");
  EXPECT_EQ(found[0].changes[0].note.en, "num_workers: 1 or more");
}

TEST(ProgramRules, WithoutTheAgentNoPlaceAndNoCountOfTensorsIsTold) {
  Planted program = without_agent();
  program.lose(&StepShares::optimizer_ms, 30);
  const auto found = program.judged();
  ASSERT_EQ(keys(found), "optimizer ");
  EXPECT_EQ(found[0].finding.numbers.en, "while AdamW updates its tensors the GPU is idle 30.00 ms of 100.00");
  ASSERT_EQ(found[0].changes.size(), 1U);
  EXPECT_FALSE(found[0].changes[0].place);
}

TEST(ProgramRules, WithoutTheAgentNothingIsSaidOfTf32) {
  Planted program = without_agent();
  program.work.products = {{"float32", 40}};
  const auto found = program.judged();
  ASSERT_EQ(found[0].finding.key, "tensor_cores_unused");
  EXPECT_EQ(found[0].finding.numbers.en, "convolutions and matrix products of fp32 tensors take 40.00 ms of 100.00");
}

TEST(ProgramRules, ARuleCanBeDisabledByName) {
  Planted planted;
  planted.lose(&StepShares::sync_ms, 40);
  const std::vector<std::string> disabled = {"synchronisations"};
  EXPECT_TRUE(diagnose_program({planted.seen, planted.shares, planted.work}, disabled).empty());
}

}  // namespace
}  // namespace wring
