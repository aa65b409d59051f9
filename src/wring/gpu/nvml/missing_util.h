#pragma once
#include <filesystem>

#include "wring/gpu/inventory.h"
#include "wring/gpu/reading.h"

namespace wring {

// Why a card has no GPU-Util. People have asked about this N/A for years, so it is never shown without its reason.

extern const GpuProblem kMigCardHasNoUtil;      // the whole card while MIG is on
extern const GpuProblem kMigInstanceHasNoUtil;  // one of its instances
extern const GpuProblem kWslHasNoUtil;

// /proc/version names Microsoft: the driver is Windows', behind a library that answers a part of NVML.
bool under_wsl(const std::filesystem::path& root);

// From what is known of the card beforehand (Gpu::no_util), else from the reading that failed.
GpuProblem why_no_gpu_util(const Gpu& gpu, const Reading& reading);

}  // namespace wring
