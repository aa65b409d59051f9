#include "wring/plan/machine.h"

#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wring/base/error.h"
#include "wring/gpu/inventory.h"

namespace wring {
namespace {
using testing::HasSubstr;
using testing::StartsWith;

struct Spelling {
  const char* written;
  const char* full_name;
  double gib;
};

class FindCard : public testing::TestWithParam<Spelling> {};

TEST_P(FindCard, TakesTheUsualSpellings) {
  const Card card = find_card(GetParam().written);
  EXPECT_EQ(card.name, GetParam().full_name);
  EXPECT_NEAR(card.memory_gib, GetParam().gib, 0.01);
}

INSTANTIATE_TEST_SUITE_P(Names, FindCard,
                         testing::Values(Spelling{"4090", "NVIDIA GeForce RTX 4090", 23.99},
                                         Spelling{"RTX 4090", "NVIDIA GeForce RTX 4090", 23.99},
                                         Spelling{"rtx4090", "NVIDIA GeForce RTX 4090", 23.99},
                                         Spelling{"NVIDIA GeForce RTX 4090", "NVIDIA GeForce RTX 4090", 23.99},
                                         Spelling{"geforce_rtx_4080", "NVIDIA GeForce RTX 4080", 15.99},
                                         Spelling{"4070", "NVIDIA GeForce RTX 4070", 11.99},
                                         Spelling{"gtx-1080", "NVIDIA GeForce GTX 1080", 7.93},
                                         Spelling{"A100", "NVIDIA A100-SXM4-80GB", 80.0},
                                         Spelling{"a100-80gb", "NVIDIA A100-SXM4-80GB", 80.0},
                                         Spelling{"A100-40GB", "NVIDIA A100-SXM4-40GB", 40.0},
                                         Spelling{"A100 40 GB", "NVIDIA A100-SXM4-40GB", 40.0},
                                         Spelling{"H100", "NVIDIA H100 80GB HBM3", 79.65},
                                         Spelling{"nvidia h200", "NVIDIA H200", 140.4}),
                         [](const auto& test) { return std::to_string(test.index); });

TEST(Cards, EveryKnownNameAndEveryFullNameIsFound) {
  for (const std::string& name : known_cards()) {
    const Card card = find_card(name);
    EXPECT_EQ(find_card(card.name).name, card.name);
    EXPECT_TRUE(card.compute_major.has_value());
  }
}

TEST(Cards, AnUnknownNameIsAnsweredWithTheKnownOnesTheNearestFirst) {
  try {
    find_card("RTX 4071");
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::usage);
    EXPECT_THAT(error.message().en, HasSubstr("unknown card 'RTX 4071'"));
    EXPECT_THAT(error.hint().en, StartsWith("known: RTX 40"));
    for (const std::string& name : known_cards()) EXPECT_THAT(error.hint().en, HasSubstr(name));
    EXPECT_THAT(error.hint().en, HasSubstr("--gpu-memory"));
  }
  EXPECT_THROW(find_card(""), Error);
  EXPECT_THROW(find_card("RTX 4080 SUPER"), Error);
}

TEST(Cards, AMemorySizeMakesACard) {
  EXPECT_EQ(card_of_memory(24).memory_gib, 24.0);
  EXPECT_EQ(card_of_memory(24).name, "24 GiB card");
  EXPECT_FALSE(card_of_memory(24).compute_major.has_value());
  for (const double wrong : {0.0, -1.0, 1e-9, 1e-320, 0.2, 24576.0, 1e300, std::numeric_limits<double>::infinity(),
                             std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_THROW(card_of_memory(wrong), Error) << wrong;
  }
}

Gpu gpu(const char* name, std::optional<std::int64_t> memory_mib) {
  Gpu result;
  result.name = name;
  result.memory_total_mib = memory_mib;
  result.compute_capability_major = 9;
  return result;
}

TEST(Machines, TheCardWithTheLeastMemoryDecides) {
  Inventory inventory;
  inventory.gpus = {gpu("large", 81920), gpu("small", 40960), gpu("unreadable", std::nullopt)};
  const Machine machine = machine_of(inventory, 12);
  ASSERT_TRUE(machine.card.has_value());
  EXPECT_EQ(machine.card->name, "small");
  EXPECT_EQ(machine.card->memory_gib, 40.0);
  EXPECT_EQ(machine.card->compute_major, 9);
  EXPECT_EQ(machine.gpus, 2);
  EXPECT_EQ(machine.cpu_cores, 12);
}

TEST(Machines, WithoutAReadableCardThereIsNone) {
  EXPECT_FALSE(machine_of(Inventory{}, 4).card.has_value());
  Inventory inventory;
  inventory.gpus = {gpu("unreadable", std::nullopt)};
  EXPECT_FALSE(machine_of(inventory, 4).card.has_value());
  EXPECT_EQ(machine_of(inventory, 4).gpus, 0);
}

TEST(Machines, AContainersQuotaLimitsTheCores) {
  EXPECT_EQ(usable_cores(16, 4.0), 4);
  EXPECT_EQ(usable_cores(16, 1.5), 2);
  EXPECT_EQ(usable_cores(16, 0.05), 1);
  EXPECT_EQ(usable_cores(2, 4.0), 2);
  EXPECT_EQ(usable_cores(16, std::nullopt), 16);
  EXPECT_EQ(usable_cores(0, std::nullopt), 1);
}

}  // namespace
}  // namespace wring
