#include "wring/trial/outcome.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <fstream>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <signal.h>

#include "wring/base/display_text.h"
#include "wring/trial/telling_line.h"

namespace wring {
namespace {

constexpr std::size_t kLongestMessageBytes = 2000;

// What programs print when memory has run out, and what they print otherwise is tested in outcome_test.cpp. cuDNN's
// INTERNAL_ERROR and its missing engines are what a denied workspace usually looks like, but not only that.
constexpr std::array kSigns{
    // PyTorch's allocator, then the CUDA runtime behind any call, then AMD's and Apple's spellings.
    OutOfMemorySign{.words = "CUDA out of memory", .place = SignPlace::said},
    OutOfMemorySign{.words = "OutOfMemoryError", .place = SignPlace::exception},
    OutOfMemorySign{.words = "CUDA error: out of memory", .place = SignPlace::said},
    OutOfMemorySign{.words = "HIP out of memory", .place = SignPlace::said},
    OutOfMemorySign{.words = "MPS backend out of memory", .place = SignPlace::said},
    OutOfMemorySign{.words = "GPUassert: out of memory"},
    OutOfMemorySign{.words = "cudaErrorMemoryAllocation", .place = SignPlace::said},
    OutOfMemorySign{.words = "CUDA_ERROR_OUT_OF_MEMORY"},
    // XLA and TensorFlow.
    OutOfMemorySign{.words = "RESOURCE_EXHAUSTED: ", .also = "ut of memory"},
    OutOfMemorySign{.words = "ResourceExhaustedError", .place = SignPlace::exception},
    // Libraries that allocate beside PyTorch.
    OutOfMemorySign{.words = "CUBLAS_STATUS_ALLOC_FAILED"},
    OutOfMemorySign{.words = "CUDNN_STATUS_ALLOC_FAILED"},
    OutOfMemorySign{.words = "CUSOLVER_STATUS_ALLOC_FAILED"},
    OutOfMemorySign{.words = "CUFFT_ALLOC_FAILED"},
    OutOfMemorySign{.words = "Cuda failure", .also = "'out of memory'"},  // NCCL, with and without the code between
    OutOfMemorySign{.words = "NCCL", .also = "uda failure 'out of memory"},
    // Usually memory.
    OutOfMemorySign{.words = "CUDNN_STATUS_INTERNAL_ERROR", .certain = false},
    OutOfMemorySign{.words = "unable to find an engine", .certain = false},
    OutOfMemorySign{.words = "Unable to find a valid cuDNN algorithm", .certain = false},
    // The host's memory.
    OutOfMemorySign{.words = "DefaultCPUAllocator: can't allocate memory", .host = true},
    OutOfMemorySign{.words = "DefaultCPUAllocator: not enough memory", .host = true},
    OutOfMemorySign{.words = "std::bad_alloc", .place = SignPlace::said, .host = true},
    OutOfMemorySign{.words = "instance of 'std::bad_alloc'", .host = true},
    OutOfMemorySign{.words = "MemoryError", .place = SignPlace::exception, .host = true},
    OutOfMemorySign{.words = "_ArrayMemoryError", .place = SignPlace::exception, .host = true},
    OutOfMemorySign{.words = "[Errno 12] Cannot allocate memory", .host = true},
    OutOfMemorySign{.words = "insufficient shared memory (shm)", .certain = false, .host = true},
    OutOfMemorySign{
        .words = "DataLoader worker (pid", .also = "killed by signal: Killed", .certain = false, .host = true},
};

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of("\r\n"), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

// "[rank0]: " stands before every line of a distributed program's traceback.
std::string_view without_rank(std::string_view line) {
  if (!line.starts_with('[')) return line;
  const std::size_t end = line.find("]: ");
  return end == std::string_view::npos ? line : line.substr(end + 3);
}

bool is_said(std::string_view before) {
  const std::size_t last = before.find_last_not_of(" \t");
  return last == std::string_view::npos || std::strchr(":])>", before[last]) != nullptr;
}

// `before` the name and `after` it: an exception's line begins with it, perhaps with its modules, and ends there or
// goes on with a colon. A line of source code in a traceback is indented.
bool is_exception(std::string_view before, std::string_view after) {
  const std::string_view modules = without_rank(before);
  const bool named = modules.empty() || (modules.ends_with('.') && modules.find(' ') == std::string_view::npos);
  return named && (after.empty() || after.starts_with(':'));
}

bool shows(std::string_view line, const OutOfMemorySign& sign) {
  for (std::size_t at = line.find(sign.words); at != std::string_view::npos; at = line.find(sign.words, at + 1)) {
    const std::string_view before = line.substr(0, at), after = line.substr(at + sign.words.size());
    if (after.find(sign.also) == std::string_view::npos) continue;
    if (sign.place == SignPlace::said && !is_said(before)) continue;
    if (sign.place == SignPlace::exception && !is_exception(before, after)) continue;
    return true;
  }
  return false;
}

std::string cleaned(std::string_view line) {
  const std::size_t begin = std::min(line.find_first_not_of(" \t"), line.size());
  return without_controls(line.substr(begin, kLongestMessageBytes));
}

// What a program brings upon itself: the processor or the kernel refuses what it does, or it gives up by abort().
bool is_crash(int signal) {
  constexpr std::array kCrashes = {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSYS, SIGTRAP};
  return std::ranges::find(kCrashes, signal) != kCrashes.end();
}

std::string signal_words(int signal, std::optional<long long> oom_kills) {
  const char* abbreviation = ::sigabbrev_np(signal);
  const std::string name = abbreviation != nullptr ? fmt::format("SIG{}", abbreviation) : fmt::format("{}", signal);
  if (is_crash(signal)) return fmt::format("it crashed with {} ({})", name, ::strsignal(signal));
  std::string words = fmt::format("killed by {} ({})", name, ::strsignal(signal));
  if (signal != SIGKILL) return words;
  if (oom_kills && *oom_kills > 0) return words + ": the kernel killed it, for the host's memory ran out";
  return words + ": most likely the host's memory ran out";
}

// The line that says why, then the last that were printed.
std::string led_words(std::string_view output) {
  const std::string line = telling_line(output).substr(0, kLongestMessageBytes), last = last_words(output);
  return line.empty() || last.starts_with(line) ? last : line + "\n" + last;
}

}  // namespace

std::span<const OutOfMemorySign> out_of_memory_signs() {
  return kSigns;
}

std::optional<OutOfMemory> find_out_of_memory(std::string_view output) {
  std::optional<OutOfMemory> likely;
  for (const std::string_view line : lines_of(output)) {
    for (const OutOfMemorySign& sign : kSigns) {
      if ((likely && !sign.certain) || !shows(line, sign)) continue;
      OutOfMemory found{cleaned(line), sign.certain, sign.host};
      if (sign.certain) return found;
      likely = std::move(found);
    }
  }
  return likely;
}

TrialResult failed_result(const ProcessEnd& end, std::string_view output, std::optional<long long> oom_kills) {
  TrialResult result;
  const std::string words = led_words(output);
  if (const auto memory = find_out_of_memory(output)) {
    result.outcome = TrialOutcome::oom;
    result.message = memory->certain ? memory->line : "most likely out of memory: " + memory->line;
  } else if (end.signal) {
    result.outcome = is_crash(*end.signal) ? TrialOutcome::error : TrialOutcome::killed;
    result.message = signal_words(*end.signal, oom_kills) + (words.empty() ? "" : "\n" + words);
  } else {
    result.outcome = TrialOutcome::error;
    result.message = !words.empty() ? words : fmt::format("ended with exit code {}", end.exit_status.value_or(0));
  }
  return result;
}

std::optional<long long> kernel_oom_kills() {
  std::ifstream in("/proc/vmstat");
  std::string name;
  long long value = 0;
  while (in >> name >> value) {
    if (name == "oom_kill") return value;
  }
  return std::nullopt;
}

std::optional<long long> kernel_oom_kills_since(std::optional<long long> before) {
  const std::optional<long long> now = kernel_oom_kills();
  if (!before || !now) return std::nullopt;
  return *now - *before;
}

std::string last_words(std::string_view output, int lines) {
  std::vector<std::string> kept;
  std::size_t bytes = 0;
  const std::vector<std::string_view> all = lines_of(output);
  for (auto line = all.rbegin(); line != all.rend() && std::ssize(kept) < lines; ++line) {
    if (line->find_first_not_of(" \t") == std::string_view::npos) continue;
    std::string words = without_controls(line->substr(0, kLongestMessageBytes));
    bytes += words.size() + 1;
    if (bytes > kLongestMessageBytes && !kept.empty()) break;
    kept.push_back(std::move(words));
  }
  std::ranges::reverse(kept);
  return fmt::format("{}", fmt::join(kept, "\n"));
}

}  // namespace wring
