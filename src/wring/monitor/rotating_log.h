#pragma once
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace wring {

struct RotationOptions {
  std::int64_t max_bytes = 100LL << 20;  // a file that would grow beyond is put aside; 0: never
  int old_files = 5;                     // FILE.1 is the newest of those put aside
};

// A file that grows by whole records and never beyond a size. Each record goes to the system at once, so what was
// appended survives the death of this program. What is not a regular file (a pipe, /dev/null) is never put aside.
class RotatingLog {
 public:
  // Appends to what is there; `header` begins every file. Throws Error{failed} naming the file and the reason: also for
  // a file that begins otherwise.
  RotatingLog(std::filesystem::path path, std::string header, RotationOptions options = {});
  ~RotatingLog();
  RotatingLog(const RotatingLog&) = delete;
  RotatingLog& operator=(const RotatingLog&) = delete;

  // One or more whole lines that stay together. A record that does not fit on the disk leaves no half line. Throws
  // Error{failed}.
  void append(std::string_view record);

  // The next append() opens the path anew: for programs that move the file away (logrotate). From any thread.
  void reopen() { reopen_ = true; }

 private:
  void open();
  void close();
  void refuse_foreign_file();
  void put_aside();
  void write(std::string_view text);

  const std::filesystem::path path_;
  const std::string header_;
  const RotationOptions options_;
  std::atomic<bool> reopen_ = false;
  int descriptor_ = -1;
  bool regular_ = false;
  std::int64_t bytes_ = 0;
};

}  // namespace wring
