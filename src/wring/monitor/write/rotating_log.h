#pragma once
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "wring/files/descriptor.h"

namespace wring {

struct RotationOptions {
  std::int64_t max_bytes = 100LL << 20;  // a file that would grow beyond is put aside; 0: never
  int old_files = 5;                     // FILE.1 is the newest of those put aside
};

// What a log of ours looks like.
struct LogKind {
  std::string header;                                 // begins every file
  std::function<bool(std::string_view)> is_own_line;  // of the first line; absent: it is the header
};

// A file that grows by whole records and never beyond a size. Each record goes to the system at once, so what was
// appended survives the death of this program. What is not a regular file (a pipe, /dev/null) is never put aside.
// Several programs may append to one log: each puts it aside under a lock, and follows where another one has.
class RotatingLog {
 public:
  // Appends to what is there. Throws Error{failed} naming the file and the reason: also for a file that is no log of
  // this kind, and for a FIFO that nobody reads.
  RotatingLog(std::filesystem::path path, LogKind kind, RotationOptions options = {});
  RotatingLog(const RotatingLog&) = delete;
  RotatingLog& operator=(const RotatingLog&) = delete;

  // One or more whole lines that stay together. A record that does not fit on the disk leaves no half line. Throws
  // Error{failed}.
  void append(std::string_view record);

  // The next append() opens the path anew: for programs that move the file away (logrotate). From any thread.
  void reopen() { reopen_ = true; }

 private:
  void open();
  bool lock() const;
  bool was_put_aside() const;
  void follow_others();
  void begin();
  void refuse_foreign_file() const;
  bool is_own(std::string_view first_line) const;
  bool may_be_replaced(const std::filesystem::path& path) const;
  void put_aside();
  std::int64_t bytes() const;
  void write(std::string_view text);

  const std::filesystem::path path_;
  const LogKind kind_;
  const RotationOptions options_;
  std::atomic<bool> reopen_ = false;
  Descriptor file_;
  bool regular_ = false;
  bool begun_ = false;  // the file that is open has its header
};

}  // namespace wring
