#include "wring/trial/outcome.h"

#include <fstream>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

namespace wring {
namespace {

using testing::HasSubstr;
using testing::Not;

struct Case {
  const char* output;
  bool certain = true;
  bool host = false;
};

// One or more for every row of the table, as the programs print them.
const Case kOutOfMemory[] = {
    {"torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 7.79 GiB"},
    {"RuntimeError: CUDA out of memory. Tried to allocate 20.00 MiB (GPU 0; 7.79 GiB total capacity)"},
    {"CUDA out of memory. Tried to allocate 20.00 MiB"},
    {"[rank1]: torch.cuda.OutOfMemoryError: Allocation on device 0 would exceed allowed memory."},
    {"torch.OutOfMemoryError"},
    {"RuntimeError: CUDA error: out of memory"},
    {"  what():  CUDA error: out of memory"},
    {"torch.AcceleratorError: CUDA error: out of memory"},
    {"RuntimeError: HIP out of memory. Tried to allocate 2.00 GiB"},
    {"RuntimeError: MPS backend out of memory (MPS allocated: 8.00 GB)"},
    {"GPUassert: out of memory train.cu 55"},
    {"numba.cuda error: cudaErrorMemoryAllocation"},
    {"numba.cuda.cudadrv.driver.CudaAPIError: [2] Call to cuMemAlloc results in CUDA_ERROR_OUT_OF_MEMORY"},
    {"XlaRuntimeError: RESOURCE_EXHAUSTED: Out of memory while trying to allocate 100 bytes."},
    {"tensorflow.python.framework.errors_impl.ResourceExhaustedError: OOM when allocating tensor"},
    {"RuntimeError: CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"},
    {"RuntimeError: cuDNN error: CUDNN_STATUS_ALLOC_FAILED"},
    {"RuntimeError: cusolver error: CUSOLVER_STATUS_ALLOC_FAILED, when calling `cusolverDnCreate(handle)`"},
    {"RuntimeError: cuFFT error: CUFFT_ALLOC_FAILED"},
    {"node1:12:34 [0] include/alloc.h:99 NCCL WARN Cuda failure 2 'out of memory'"},
    {"ncclUnhandledCudaError: Call to CUDA function failed.\nLast error:\nCuda failure 'out of memory'"},
    {"RuntimeError: NCCL Error 1: unhandled cuda failure 'out of memory'"},
    {"RuntimeError: cuDNN error: CUDNN_STATUS_INTERNAL_ERROR", false},
    {"RuntimeError: GET was unable to find an engine to execute this computation", false},
    {"RuntimeError: Unable to find a valid cuDNN algorithm to run convolution", false},
    {"RuntimeError: [enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory: you "
     "tried",
     true, true},
    {"RuntimeError: [enforce fail at alloc_cpu.cpp:80] . DefaultCPUAllocator: not enough memory: you tried to allocate",
     true, true},
    {"terminate called after throwing an instance of 'std::bad_alloc'", true, true},
    {"  what():  std::bad_alloc", true, true},
    {"MemoryError", true, true},
    {"[rank0]: MemoryError: Unable to allocate", true, true},
    {"numpy.core._exceptions._ArrayMemoryError: Unable to allocate 7 GiB", true, true},
    {"OSError: [Errno 12] Cannot allocate memory", true, true},
    {"RuntimeError: DataLoader worker (pid 71) is killed by signal: Bus error. It is possible that dataloader's "
     "workers "
     "are out of shared memory: insufficient shared memory (shm)",
     false, true},
    {"RuntimeError: DataLoader worker (pid 4711) is killed by signal: Killed. ", false, true},
};

TEST(Outcome, EverySpellingOfMemoryThatRanOutIsRecognisedAmongOtherLines) {
  for (const Case& c : kOutOfMemory) {
    const auto found = find_out_of_memory(std::string("step 1\n") + c.output + "\nbye\n");
    ASSERT_TRUE(found) << c.output;
    EXPECT_EQ(found->certain, c.certain) << c.output;
    EXPECT_EQ(found->host, c.host) << c.output;
  }
}

TEST(Outcome, EveryRowOfTheTableHasACaseThatNeedsNoOther) {
  for (const OutOfMemorySign& sign : out_of_memory_signs()) {
    const bool has_case = std::ranges::any_of(kOutOfMemory, [&](const Case& c) {
      const std::string_view output = c.output;
      const std::size_t at = output.find(sign.words);
      return at != std::string_view::npos && output.find(sign.also, at) != std::string_view::npos;
    });
    EXPECT_TRUE(has_case) << sign.words;
  }
}

TEST(Outcome, TalkOfMemoryIsNoOutOfMemory) {
  for (const char* benign : {
           "",
           "error",
           "RuntimeError: something failed with an error",
           "UserWarning: raise_on_errors=False hides every error",
           "memory: 12 GiB of 80 GiB, alloc_retries: 0, num_ooms: 0",
           "To avoid CUDA out of memory, lower the batch size.",
           "hint: see 'CUDA out of memory' in the manual",
           "    except torch.cuda.OutOfMemoryError:",
           "    raise MemoryError",
           "  File \"/x/train.py\", line 3, in MemoryError",
           "except MemoryError: pass",
           "catching OutOfMemoryError is on",
           "MemoryErrors are counted",
           "triton.runtime.errors.OutOfResources: out of resource: shared memory, Required: 262144",
           "NCCL INFO Channel 00/24 : 0 1",
           "NCCL WARN Cuda failure 1 'invalid argument'",
           "RuntimeError: cuDNN error: CUDNN_STATUS_NOT_SUPPORTED. This error may appear if you passed a "
           "non-contiguous",
           "RuntimeError: CUDA error: CUBLAS_STATUS_EXECUTION_FAILED",
           "RuntimeError: CUDA error: device-side assert triggered",
           "RuntimeError: DataLoader worker (pid 4711) exited unexpectedly",
           "DefaultCPUAllocator: memory profiling is on",
           "handler for std::bad_alloc installed",
           "RESOURCE_EXHAUSTED: quota of requests",
           "OSError: [Errno 28] No space left on device",
       }) {
    EXPECT_FALSE(find_out_of_memory(benign)) << benign;
  }
}

TEST(Outcome, ACertainSignGoesBeforeALikelyOneThatCameFirst) {
  const auto found = find_out_of_memory(
      "W cuDNN error: CUDNN_STATUS_INTERNAL_ERROR\nprogress 1\rRuntimeError: CUDA error: out of memory\rend");
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->certain);
  EXPECT_EQ(found->line, "RuntimeError: CUDA error: out of memory");
}

TEST(Outcome, AnExitIsAnErrorInTheProgramsOwnWords) {
  const TrialResult result =
      failed_result({.exit_status = 1, .signal = {}}, "Traceback\nValueError: no such \x1b[1mkey\n\n");
  EXPECT_EQ(result.outcome, TrialOutcome::error);
  EXPECT_EQ(result.message, "ValueError: no such key\nTraceback\nValueError: no such \\x1b[1mkey") << "why comes first";
}

TEST(Outcome, TheLineThatSaysWhyLeadsHoweverMuchFollowsIt) {
  std::string output = "Traceback (most recent call last):\n  File \"a.py\", line 1\nRuntimeError: the disk is gone\n";
  for (int i = 0; i < 20; ++i) output += "cleaning up\n";
  EXPECT_THAT(failed_result({.exit_status = 1, .signal = {}}, output).message,
              testing::StartsWith("RuntimeError: the disk is gone\ncleaning up\n"));
}

TEST(Outcome, AnExitWithoutAWordNamesItsCode) {
  EXPECT_THAT(failed_result({.exit_status = 7, .signal = {}}, "\n  \n").message, HasSubstr("exit code 7"));
}

TEST(Outcome, AnExitAfterMemoryRanOutIsOom) {
  const TrialResult certain = failed_result({.exit_status = 1, .signal = {}}, "x\nMemoryError\n");
  EXPECT_EQ(certain.outcome, TrialOutcome::oom);
  EXPECT_EQ(certain.message, "MemoryError");
  const TrialResult likely = failed_result({.exit_status = 1, .signal = {}}, "E: CUDNN_STATUS_INTERNAL_ERROR");
  EXPECT_EQ(likely.outcome, TrialOutcome::oom);
  EXPECT_EQ(likely.message, "most likely out of memory: E: CUDNN_STATUS_INTERNAL_ERROR");
}

TEST(Outcome, AbortAfterBadAllocIsOomAndNotKilled) {
  EXPECT_EQ(failed_result({.exit_status = {}, .signal = SIGABRT},
                          "terminate called after throwing an instance of 'std::bad_alloc'")
                .outcome,
            TrialOutcome::oom);
}

TEST(Outcome, SigkillNamesTheHostsMemory) {
  const TrialResult guess = failed_result({.exit_status = {}, .signal = SIGKILL}, "loading");
  EXPECT_EQ(guess.outcome, TrialOutcome::killed);
  EXPECT_THAT(guess.message, HasSubstr("SIGKILL"));
  EXPECT_THAT(guess.message, HasSubstr("most likely the host's memory"));
  EXPECT_THAT(guess.message, HasSubstr("loading"));
  const TrialResult known = failed_result({.exit_status = {}, .signal = SIGKILL}, "", 1);
  EXPECT_THAT(known.message, HasSubstr("the kernel killed it"));
}

TEST(Outcome, AnotherSignalIsNamedAndNotBlamedOnMemory) {
  const TrialResult result = failed_result({.exit_status = {}, .signal = SIGTERM}, "");
  EXPECT_EQ(result.outcome, TrialOutcome::killed);
  EXPECT_THAT(result.message, HasSubstr("SIGTERM"));
  EXPECT_THAT(result.message, Not(HasSubstr("memory")));
}

TEST(Outcome, ACrashIsTheProgramsOwn) {
  for (const auto& [signal, name] : {std::pair(SIGSEGV, "SIGSEGV"), std::pair(SIGABRT, "SIGABRT"),
                                     std::pair(SIGBUS, "SIGBUS"), std::pair(SIGFPE, "SIGFPE")}) {
    const TrialResult result = failed_result({.exit_status = {}, .signal = signal}, "epoch 1\n");
    EXPECT_EQ(result.outcome, TrialOutcome::error) << name;
    EXPECT_THAT(result.message, HasSubstr(std::string("it crashed with ") + name));
    EXPECT_THAT(result.message, HasSubstr("epoch 1"));
    EXPECT_THAT(result.message, Not(HasSubstr("memory")));
  }
}

TEST(Outcome, LastWordsAreShortHoweverMuchWasPrinted) {
  EXPECT_EQ(last_words("1\n2\r\n3\n\n4\n", 2), "3\n4");
  EXPECT_EQ(last_words(""), "");
  EXPECT_LE(last_words(std::string(100'000, 'x') + "\n" + std::string(100'000, 'y')).size(), 2001u);
}

TEST(Outcome, TheKernelsKillsForLackOfMemoryAreCounted) {
  std::ifstream statistics("/proc/vmstat");
  std::optional<long long> count;
  for (std::string line; std::getline(statistics, line);) {
    if (line.starts_with("oom_kill ")) count = std::stoll(line.substr(line.find(' ')));
  }
  if (!count) GTEST_SKIP() << "this kernel does not count them";
  const std::optional<long long> told = kernel_oom_kills();
  ASSERT_TRUE(told);
  EXPECT_GE(*told, *count);
  EXPECT_GE(kernel_oom_kills_since(*told - 3), 3);
  EXPECT_FALSE(kernel_oom_kills_since(std::nullopt));
}

}  // namespace
}  // namespace wring
