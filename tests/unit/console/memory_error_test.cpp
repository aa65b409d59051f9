#include "wring/console/memory_error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

namespace wring {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

TEST(MemoryEnded, SaysWhatWasAskedForAndThePeak) {
  const Error error = memory_ended(std::int64_t{5} << 30, {"a cure"});
  EXPECT_THAT(error.message().en, AllOf(HasSubstr("memory of this computer ended: 5.0 GiB more were asked for"),
                                        HasSubstr("it has had "), HasSubstr(" at most")));
  EXPECT_EQ(error.hint().en, "a cure");
  EXPECT_EQ(error.code(), ErrorCode::failed);
}

TEST(MemoryEnded, SaysNothingOfWhatIsNotKnown) {
  EXPECT_THAT(memory_ended(std::nullopt, {"a cure"}).message().en, Not(HasSubstr("asked for")));
}

TEST(MemoryEnded, NamesTheProcesssLimit) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_AS, &before), 0);
  const rlimit limited{std::min<rlim_t>(before.rlim_max, rlim_t{1} << 45), before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_AS, &limited), 0);
  const Error error = memory_ended(std::nullopt, {"a cure"});
  ::setrlimit(RLIMIT_AS, &before);
  EXPECT_THAT(error.message().en, HasSubstr("this process may have 32768.0 GiB (ulimit -v)"));
}

TEST(MemoryEnded, TheBytesAreReadOffTheMessageOfLibTorchsAllocator) {
  EXPECT_EQ(
      bytes_denied("[enforce fail at alloc_cpu.cpp:124] err == 0. DefaultCPUAllocator: can't allocate memory: you "
                   "tried to allocate 37748736 bytes. Error code 12 (Cannot allocate memory)"),
      37748736);
  EXPECT_EQ(bytes_denied("DefaultCPUAllocator: not enough memory: you tried to allocate 7 bytes."), 7);
  EXPECT_EQ(bytes_denied("CUDA out of memory. Tried to allocate 2.00 GiB"), std::nullopt);
  EXPECT_EQ(bytes_denied("you tried to allocate 7 bytes"), std::nullopt);
  EXPECT_EQ(bytes_denied(""), std::nullopt);
}

}  // namespace
}  // namespace wring
