// Whose memory a batch is, and how far the workers run ahead.
#include "unit/data/loader_fixture.h"

namespace wring {
namespace {

TEST_F(LoaderTest, BuffersComeFromTheAllocatorAndAreUsedAgain) {
  for (const int workers : {0, 2}) {
    std::atomic<int> allocated = 0;
    std::atomic<int> freed = 0;
    LoaderOptions with = options();
    with.num_workers = workers;
    with.allocate = [&](std::size_t bytes) {
      EXPECT_THAT(bytes, testing::AnyOf(3U * 8 * 8 * 3, 3U * 4 * 4 * 3));
      ++allocated;
      return std::shared_ptr<std::uint8_t>(new std::uint8_t[bytes], [&](std::uint8_t* memory) {
        ++freed;
        delete[] memory;
      });
    };
    {
      Loader loader(images_, with);
      for (int step = 0; step < 200; ++step) loader.next();
      // One batch in the consumer's hand, and prefetch_factor × workers ahead of it; HR and LR each.
      EXPECT_LE(allocated, 2 * (1 + 2 * workers));
      EXPECT_EQ(freed, 0);
    }
    EXPECT_EQ(freed, allocated);
  }
}

TEST_F(LoaderTest, ABatchOutlivesItsLoader) {
  Batch kept;
  Bytes before;
  {
    LoaderOptions with = options();
    with.num_workers = 2;
    Loader loader(images_, with);
    kept = loader.next();
    before = hr_of(kept);
    loader.next();
  }
  EXPECT_EQ(hr_of(kept), before);
}

TEST_F(LoaderTest, AHeldBatchIsNotOverwritten) {
  LoaderOptions with = options();
  with.num_workers = 2;
  Loader loader(images_, with);
  const Batch kept = loader.next();
  const Bytes before = hr_of(kept);
  for (int step = 0; step < 20; ++step) loader.next();
  EXPECT_EQ(hr_of(kept), before);
}

TEST_F(LoaderTest, WorkersStayWithinTheWindow) {
  std::atomic<int> allocated = 0;
  LoaderOptions with = options();
  with.num_workers = 3;
  with.prefetch_factor = 2;
  with.allocate = [&](std::size_t bytes) {
    ++allocated;
    return std::shared_ptr<std::uint8_t>(new std::uint8_t[bytes], std::default_delete<std::uint8_t[]>());
  };
  Loader loader(images_, with);
  std::vector<Batch> held;  // nothing returns to the pool, so allocations count the batches begun
  for (int step = 0; step < 5; ++step) held.push_back(loader.next());
  EXPECT_GE(allocated, 2 * 5);
  EXPECT_LE(allocated, 2 * (5 + 2 * 3));
}

TEST_F(LoaderTest, DestructionDoesNotWaitForTheConsumer) {
  for (const bool persistent : {true, false}) {
    LoaderOptions with = options();
    with.num_workers = 3;
    with.persistent_workers = persistent;
    { Loader unused(images_, with); }
    Loader loader(images_, with);
    EXPECT_EQ(loader.next().step, 0);
  }
}

}  // namespace
}  // namespace wring
