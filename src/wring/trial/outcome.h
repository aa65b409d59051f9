#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "wring/process/spawn.h"
#include "wring/trial/trial.h"

namespace wring {

// Where on a line the words of a sign must stand to be a report and not talk about one.
enum class SignPlace {
  anywhere,   // a status code or a sentence that nothing else prints
  said,       // at the beginning, or after what ends in ':', ']', ')' or '>': "RuntimeError: CUDA out of memory"
  exception,  // the name of an exception that ended a program: "torch.OutOfMemoryError: …", "[rank0]: MemoryError"
};

struct OutOfMemorySign {
  std::string_view words;
  std::string_view also = "";  // and this after it, on the same line
  SignPlace place = SignPlace::anywhere;
  bool certain = true;  // false: memory is the usual cause, not the only one
  bool host = false;    // the host's memory, not a card's
};

// One row a spelling.
std::span<const OutOfMemorySign> out_of_memory_signs();

struct OutOfMemory {
  std::string line;  // that says so
  bool certain = true;
  bool host = false;
};

// What of a program's output says that memory ran out: the first certain sign, else the first likely one. Never by the
// word "error" alone. A program's own message or the tail of its output; lines end in \n or \r.
std::optional<OutOfMemory> find_out_of_memory(std::string_view output);

// The result of a program that ended without one: oom where its output says so, killed where a signal from outside
// ended it, else error, its own crash (SIGSEGV, SIGABRT, …) included; the message holds its own words, the telling line
// (telling_line.h) first. `oom_kills`: how often the kernel has killed for memory meanwhile, where that is known.
TrialResult failed_result(const ProcessEnd& end, std::string_view output, std::optional<long long> oom_kills = {});

// The kernel's counter of processes killed for want of memory, since boot (/proc/vmstat). Absent where it has none.
std::optional<long long> kernel_oom_kills();
std::optional<long long> kernel_oom_kills_since(std::optional<long long> before);

// The last `lines` lines that are not empty, without control characters, at most 2000 bytes.
std::string last_words(std::string_view output, int lines = 5);

}  // namespace wring
