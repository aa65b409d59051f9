#include "wring/files/mapping_guard.h"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include "fixtures/with_folder.h"
#include "wring/files/descriptor.h"
#include "wring_train/data/memory_block.h"

namespace wring {
namespace {

class MappingGuardTest : public WithFolder {
 protected:
  static constexpr std::size_t kBytes = std::size_t{64} << 12;

  void SetUp() override {
    WithFolder::SetUp();
    std::ofstream(path(), std::ios::binary) << std::string(kBytes, 'x');
  }
  std::filesystem::path path() const { return folder_ / "file"; }
  MemoryBlock mapped() const {
    return MemoryBlock::of_file(Descriptor(::open(path().c_str(), O_RDWR | O_CLOEXEC)).get(), kBytes, true);
  }
};

TEST_F(MappingGuardTest, WhatWasCutOffReadsAsZerosAndIsNoted) {
  const MemoryBlock block = mapped();
  EXPECT_EQ(std::ranges::count(block.bytes(), 'x'), std::ssize(block.bytes()));
  EXPECT_FALSE(block.lost());
  std::filesystem::resize_file(path(), kBytes / 2);
  EXPECT_EQ(block.bytes()[kBytes / 2 - 1], 'x');
  EXPECT_FALSE(block.lost());
  EXPECT_EQ(block.bytes()[kBytes / 2 + 5000], 0);
  EXPECT_TRUE(block.lost());
  EXPECT_EQ(block.bytes()[kBytes - 1], 0);
}

TEST_F(MappingGuardTest, ManyThreadsMayMeetTheLossAtOnce) {
  const MemoryBlock block = mapped();
  std::filesystem::resize_file(path(), 0);
  std::vector<std::jthread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&block] { EXPECT_EQ(std::ranges::count(block.bytes(), 0), std::ssize(block.bytes())); });
  }
  threads.clear();
  EXPECT_TRUE(block.lost());
}

TEST_F(MappingGuardTest, AWriterGoesOnToo) {
  const MemoryBlock block = mapped();
  std::filesystem::resize_file(path(), 0);
  std::memset(block.bytes().data(), 'y', kBytes);
  EXPECT_TRUE(block.lost());
}

TEST_F(MappingGuardTest, OneBlocksLossIsNotAnothers) {
  const MemoryBlock first = mapped();
  MemoryBlock moved = mapped();
  const MemoryBlock second = std::move(moved);
  std::filesystem::resize_file(path(), 0);
  EXPECT_EQ(second.bytes()[0], 0);
  EXPECT_TRUE(second.lost());
  EXPECT_FALSE(first.lost());
}

TEST_F(MappingGuardTest, ElsewhereTheSignalStillEndsTheProcess) {
  EXPECT_DEATH(
      {
        const MemoryBlock guarded = mapped();
        const Descriptor file(::open(path().c_str(), O_RDONLY | O_CLOEXEC));
        const auto* bytes =
            static_cast<const volatile char*>(::mmap(nullptr, kBytes, PROT_READ, MAP_SHARED, file.get(), 0));
        std::filesystem::resize_file(path(), 0);
        static_cast<void>(bytes[0]);
      },
      "");
}

}  // namespace
}  // namespace wring
