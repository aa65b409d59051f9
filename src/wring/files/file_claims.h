#pragma once
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <sys/types.h>

#include "wring/files/folder.h"

namespace wring {

// The files that a command reads and those that it has written, by device and number: no result may replace an input or
// another result, whatever names, links or spellings (a file system without case) lead to it.
class FileClaims {
 public:
  // One that is not there claims nothing.
  void add_input(const std::filesystem::path& path);
  // Before a result of `source` is written under that name, where links are followed. Throws Error{usage} naming both
  // where it would replace an input, Error{failed} where it would replace the result of another source.
  void check(const Folder& folder, const std::string& name, const std::filesystem::path& source) const;
  // After it has been written.
  void add_result(const Folder& folder, const std::string& name, const std::filesystem::path& source);

 private:
  using Number = std::pair<dev_t, ino_t>;
  std::map<Number, std::filesystem::path> inputs_;
  std::map<Number, std::filesystem::path> results_;  // by which source they are
};

// One name a result: the first of its own candidates that no other result has, so that a.jpg and a.png do not both
// become "a". Where the last ones are equal too, a number follows.
std::vector<std::string> distinct_names(const std::vector<std::vector<std::string>>& candidates);

}  // namespace wring
