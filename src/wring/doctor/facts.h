#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "wring/gpu/inventory.h"

namespace wring {

// What wring-train says about the libraries that it runs with (`wring-train about`). Versions are absent where the
// library is.
struct EngineFacts {
  std::string libtorch;                     // "2.11.0"
  bool cuda = false;                        // this LibTorch was built with CUDA
  bool kernels = false;                     // and so was wring-train
  std::optional<std::string> cuda_runtime;  // "13.0"
  std::optional<std::string> cuda_driver;   // the newest CUDA that the driver can run
  std::optional<std::string> cudnn;
  std::optional<std::string> nccl;
  int gpus = 0;                            // that CUDA shows
  std::optional<std::string> gpu_problem;  // what the first calculation on a GPU threw
};

struct DiskFacts {
  std::filesystem::path folder;  // where it was measured: the folder itself, or its nearest parent that exists
  std::optional<std::int64_t> free_mib;
  std::optional<double> write_mib_s;  // until the data is on the disk
  std::optional<double> read_mib_s;   // past the page cache, where the file system allows that
  std::string problem;                // why nothing can be written there; "" when something can
};

// What one look at a machine found. A value that could not be read is absent, never 0.
struct MachineFacts {
  Inventory gpus;
  std::optional<std::filesystem::path> wring_train;
  std::optional<EngineFacts> engine;
  Text engine_problem;  // why wring-train gave no facts; "" when it did or is missing
  int cores = 1;        // that this process may use
  int cores_online = 1;
  std::optional<double> core_quota;  // of the control group
  std::optional<std::int64_t> memory_mib, memory_available_mib;
  std::optional<std::int64_t> memory_limit_mib;  // of the control group, where it is below memory_mib
  std::optional<std::int64_t> shared_memory_mib, shared_memory_free_mib;
  DiskFacts disk;
  bool utf8 = false;
  std::string locale;  // what decides it: "LC_ALL=C"; "" when nothing is set
};

struct GatherOptions {
  std::optional<std::filesystem::path> wring_train;
  std::filesystem::path experiments;  // the folder that training writes to; it is not created
  std::filesystem::path root = "/";   // stands before /proc, /sys and /dev/shm, so that tests bring a machine
};

// Takes a few seconds: wring-train loads LibTorch, and 64 MiB are written, read and removed again. Never throws for
// something that is missing.
MachineFacts gather_facts(const GatherOptions& options);

// The answer of `wring-train about`. Throws Error{failed} when it is none.
EngineFacts parse_engine_facts(const std::string& json);

}  // namespace wring
