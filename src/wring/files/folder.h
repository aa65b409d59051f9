#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <sys/stat.h>
#include <sys/types.h>

#include "wring/files/descriptor.h"

namespace wring {

// A folder that is opened once and then worked in through its descriptor. What happens to its path meanwhile (moved,
// removed, replaced by a link) leads nothing astray: files are found and made where the folder is.
class Folder {
 public:
  // Throws Unreadable naming the folder and the reason: it is missing, no folder, not ours to read, not mounted.
  static Folder open(const std::filesystem::path& path);
  // The same, but nothing where there is no folder. A link that leads nowhere is not nothing: its disk may be absent.
  static std::optional<Folder> find(const std::filesystem::path& path);
  // Makes it, and its parents, where it is missing. Throws Error{failed} where that cannot be done.
  static Folder make(const std::filesystem::path& path);

  // A folder below this one; this one again for an empty name; elsewhere for an absolute one.
  Folder open_in(const std::filesystem::path& name) const;
  std::optional<Folder> find_in(const std::filesystem::path& name) const;
  Folder make_in(const std::string& name) const;

  int descriptor() const { return descriptor_.get(); }
  // Where it is, for messages: the path that it was opened by while that leads here, else the one it was moved to.
  std::filesystem::path path() const;
  std::filesystem::path path_of(const std::filesystem::path& name) const {
    return name.empty() ? path() : path() / name;
  }
  bool removed() const;
  bool is_at(const std::filesystem::path& path) const;

  // What is in it, in order. Throws Unreadable.
  std::vector<std::string> names() const;
  // Of the name itself: a link is not followed. Nothing where there is none. Throws Unreadable.
  std::optional<struct stat> status(const std::string& name) const;
  // The open file (O_CLOEXEC is added); where it holds none, errno says why.
  Descriptor open_file(const std::string& name, int flags, mode_t mode = 0) const;
  // Whether the name is gone now; where not, errno says why.
  bool remove(const std::string& name) const;
  // What `to` named is replaced. False where that cannot be done; errno says why.
  bool rename(const std::string& from, const std::string& to) const;
  // So that names outlive a loss of power. Some file systems cannot, which is no reason to fail.
  void flush() const;

 private:
  Folder(Descriptor descriptor, std::filesystem::path path)
      : descriptor_(std::move(descriptor)), path_(std::move(path)) {}
  static std::optional<Folder> find_at(int folder, const std::filesystem::path& name, std::filesystem::path path);

  Descriptor descriptor_;
  std::filesystem::path path_;
};

// Creates the folder and its parents. Throws Error{failed} naming the folder and the reason.
void make_folder(const std::filesystem::path& path);

// Whether both are of one file.
bool same_file(const struct stat& a, const struct stat& b);

// A file opened for reading, without waiting for the other side of a FIFO. Throws Unreadable naming it and the reason;
// Error{failed} where it is no regular file.
Descriptor open_regular_file(const std::filesystem::path& path);
Descriptor open_regular_file(const Folder& folder, const std::string& name);

// The same for a file that another program has written where this one told it to: a link in its place is not followed,
// and it belongs to this user, or to whom its folder belongs. Throws also Error{failed} where it does not.
Descriptor open_own_file(const std::filesystem::path& path);

}  // namespace wring
