#pragma once
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <vector>

namespace wring {

// The folder of real photographs (Set5, Set14) that some tests compare with published figures on. It is not
// part of the repository: WRING_TEST_DATA names it; else it is looked for beside the source tree.
inline std::filesystem::path photographs() {
  const char* named = std::getenv("WRING_TEST_DATA");
  return named != nullptr ? std::filesystem::path(named)
                          : std::filesystem::path(WRING_SOURCE_DIR) / ".." / "shared" / "data";
}

inline std::vector<std::filesystem::path> files_in(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace wring

#define WRING_SKIP_WITHOUT_PHOTOGRAPHS(set)                         \
  if (!std::filesystem::is_directory(wring::photographs() / (set))) \
  GTEST_SKIP() << "no " << (set) << " in " << wring::photographs()  \
               << "; set WRING_TEST_DATA to the folder"             \
                  " that holds it"
