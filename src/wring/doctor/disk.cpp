#include "wring/doctor/disk.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include "wring/files/descriptor.h"

namespace wring {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kPieceBytes = std::size_t{1} << 20;
constexpr int kPieces = 64;

double mib_per_s(std::chrono::duration<double> time) {
  return kPieces / std::max(time.count(), 1e-6);
}

fs::path existing_parent(const fs::path& folder) {
  std::error_code error;
  fs::path path = fs::absolute(folder, error);
  while (!fs::exists(path, error) && path.has_parent_path() && path != path.parent_path()) path = path.parent_path();
  return path;
}

// False with errno when the disk takes no more.
bool write_pieces(int file) {
  // Not zeros, which a file system may compress to nothing.
  std::vector<char> piece(kPieceBytes);
  std::uint32_t state = 1;
  for (char& byte : piece) byte = static_cast<char>((state = state * 1664525U + 1013904223U) >> 24);
  for (int i = 0; i < kPieces; ++i) {
    for (std::size_t done = 0; done < piece.size();) {
      const ssize_t written = ::write(file, piece.data() + done, piece.size() - done);
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) return false;
      done += static_cast<std::size_t>(written);
    }
  }
  return ::fsync(file) == 0;
}

bool read_pieces(int file) {
  std::vector<char> piece(kPieceBytes);
  if (::lseek(file, 0, SEEK_SET) != 0) return false;
  for (ssize_t got = 1; got != 0;) {
    got = ::read(file, piece.data(), piece.size());
    if (got < 0 && errno != EINTR) return false;
  }
  return true;
}

}  // namespace

DiskFacts measure_disk(const fs::path& folder, const DiskClock& now) {
  DiskFacts disk;
  disk.folder = existing_parent(folder);
  std::error_code error;
  const fs::space_info space = fs::space(disk.folder, error);
  if (!error) disk.free_mib = static_cast<std::int64_t>(space.available >> 20);

  std::string name = (disk.folder / ".wring-doctor-XXXXXX").string();
  const Descriptor file(::mkostemp(name.data(), O_CLOEXEC));
  if (file.get() < 0) {
    disk.problem = std::strerror(errno);
    return disk;
  }
  ::unlink(name.c_str());  // at once: whatever happens now, nothing stays behind
  const auto write_begin = now();
  if (!write_pieces(file.get())) {
    disk.problem = std::strerror(errno);
    return disk;
  }
  disk.write_mib_s = mib_per_s(now() - write_begin);
  ::posix_fadvise(file.get(), 0, 0, POSIX_FADV_DONTNEED);
  const auto read_begin = now();
  if (read_pieces(file.get())) disk.read_mib_s = mib_per_s(now() - read_begin);
  return disk;
}

}  // namespace wring
