#include "wring_train/data/fingerprint.h"

#include <cerrno>

#include <unistd.h>

#include "wring/files/file_errors.h"
#include "wring/files/folder.h"

namespace wring {

Fingerprint file_fingerprint(const std::filesystem::path& path) {
  constexpr std::size_t kPiece = std::size_t{1} << 20;
  const Descriptor file = open_regular_file(path);
  Fingerprint fingerprint;
  std::string piece(kPiece, '\0');
  for (std::size_t held = 0;;) {  // pieces are filled, since their sizes count
    const ssize_t got = ::read(file.get(), piece.data() + held, kPiece - held);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw_unreadable(path, errno);
    held += static_cast<std::size_t>(got);
    if (got > 0 && held < kPiece) continue;
    piece.resize(held);
    fingerprint.add(piece);
    if (got == 0) return fingerprint;
    piece.resize(kPiece);
    held = 0;
  }
}

}  // namespace wring
