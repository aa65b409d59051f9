#pragma once
#include <filesystem>
#include <string_view>

namespace wring {

// A file that grows by whole records. Each goes to the system in one piece and unbuffered, so what was
// appended survives the death of this program, and a reader sees no half record.
class AppendFile {
 public:
  // Creates the file where there is none. Throws Error{failed} naming the file and the system's reason.
  explicit AppendFile(const std::filesystem::path& path);
  ~AppendFile();
  AppendFile(const AppendFile&) = delete;
  AppendFile& operator=(const AppendFile&) = delete;

  // Throws Error{failed} naming the file and the system's reason; nothing of the record is left in the file then, and
  // it may be appended again.
  void append(std::string_view record);

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
};

}  // namespace wring
