#pragma once
#include <string>

#include <sys/types.h>

#include "wring/files/descriptor.h"
#include "wring/files/folder.h"

namespace wring {

// A file that takes its name only when it is whole. Until then it has none, or where the file system cannot do that
// (network folders), one that nobody can guess. It is locked meanwhile, so that what a killed process left is told from
// what another one is writing.
class NewFile {
 public:
  enum class Naming { none_if_possible, random };
  // Throws Error{failed} naming `name`, which the file is to get.
  NewFile(const Folder& folder, std::string name, Naming naming = Naming::none_if_possible);
  ~NewFile();
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;

  int descriptor() const { return descriptor_.get(); }
  // Flushes it to disk and gives it its name; what that named is replaced, and its permissions are kept. Throws
  // Error{failed}.
  void publish();

 private:
  bool open_unnamed();
  void open_named();

  const Folder& folder_;
  std::string name_;
  std::string temporary_;  // its name until then; empty: none
  Descriptor descriptor_;
};

// Removes what killed processes of this user left in the folder of files that they were writing.
void remove_unfinished_files(const Folder& folder);

}  // namespace wring
