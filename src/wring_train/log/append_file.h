#pragma once
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "wring/files/descriptor.h"
#include "wring/files/folder.h"

namespace wring {

// A file that grows by whole records. Each goes to the system in one piece and unbuffered, so what was
// appended survives the death of this program, and a reader sees no half record.
class AppendFile {
 public:
  // Creates the file where there is none. Throws Error{failed} naming the file and the system's reason.
  AppendFile(std::shared_ptr<const Folder> folder, std::string name);

  // Throws Error{failed} naming the file and the system's reason; nothing of the record is left in the file then, and
  // it may be appended again.
  void append(std::string_view record);

  std::filesystem::path path() const { return folder_->path_of(name_); }

 private:
  std::shared_ptr<const Folder> folder_;
  std::string name_;
  Descriptor descriptor_;
};

}  // namespace wring
