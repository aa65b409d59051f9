#include "wring_train/data/image_digest.h"

#include <cstdint>
#include <system_error>

#include "wring_train/data/fingerprint.h"

namespace wring {
namespace fs = std::filesystem;
namespace {

std::uint64_t bytes_of(const fs::path& file) {
  std::error_code gone;  // who reads it says so
  return fs::file_size(file, gone);
}

}  // namespace

std::string image_files_digest(const ImageSet& images, const fs::path& folder) {
  Fingerprint fingerprint;
  for (std::size_t i = 0; i < images.pairs.size(); ++i) {
    const ImagePair& pair = images.pairs[i];
    fingerprint.add(pair.hr.lexically_relative(folder).string());
    fingerprint.add(bytes_of(pair.hr));
    fingerprint.add(pair.lr ? bytes_of(*pair.lr) : 0);
    fingerprint.add(static_cast<std::uint64_t>(images.sizes[i].width));
    fingerprint.add(static_cast<std::uint64_t>(images.sizes[i].height));
  }
  return fingerprint.text();
}

}  // namespace wring
