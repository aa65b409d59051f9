#pragma once
#include <filesystem>
#include <string>
#include <thread>

#include "fixtures/temporary_folder.h"
#include "wring/base/error.h"
#include "wring/files/files.h"

namespace wring::testing_support {

// Shell functions that speak the trial protocol.
inline const std::string kFakeWorkerWords = R"sh(
take() { read -r line || exit 0; id=${line#*\"id\":}; id=${id%%,*}; }
phase() { echo "{\"v\":1,\"id\":$id,\"event\":\"phase\",\"phase\":\"$1\"}"; }
ok() { echo "{\"v\":1,\"id\":$id,\"event\":\"done\",\"outcome\":\"ok\",\"samples_per_s\":$1}"; }
failed() { echo "{\"v\":1,\"id\":$id,\"event\":\"done\",\"outcome\":\"$1\",\"message\":\"$2\"}"; }
)sh";

// Gone, or dead and not yet reaped by whoever inherited it.
inline bool has_ended(pid_t process) {
  try {
    return read_file("/proc/" + std::to_string(process) + "/stat").find(") Z") != std::string::npos;
  } catch (const Error&) {
    return true;
  }
}

// Waits for it: a process that was killed takes a moment. False when it has not within 10 s.
inline bool ends(pid_t process) {
  for (int i = 0; i < 2000 && !has_ended(process); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  return has_ended(process);
}

// The process number that a script wrote into a file.
inline pid_t pid_in(const std::filesystem::path& file) {
  return static_cast<pid_t>(std::stoi(read_file(file)));
}

// How many descriptors this process has open.
inline std::ptrdiff_t open_descriptors() {
  using Entries = std::filesystem::directory_iterator;
  return std::distance(Entries("/proc/self/fd"), Entries());
}

}  // namespace wring::testing_support
