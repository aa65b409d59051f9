#include "wring_train/weights/zip_archive.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>

#include <fmt/format.h>

#include "wring/base/display_text.h"

namespace wring {
namespace {

constexpr std::uint32_t kLocalHeader = 0x04034b50, kCentralHeader = 0x02014b50, kEnd = 0x06054b50;
constexpr std::uint32_t kEnd64 = 0x06064b50, kLocator64 = 0x07064b50;
constexpr std::size_t kEndBytes = 22, kLongestComment = 65535, kLocatorBytes = 20;
constexpr std::size_t kLocalBytes = 30, kCentralBytes = 46;
constexpr std::uint64_t kElsewhere = 0xffffffff;  // the value stands in the zip64 part

class ZipReader {
 public:
  using Files = std::map<std::string, std::span<const std::byte>>;

  ZipReader(std::span<const std::byte> archive, const std::function<Error(const Text&)>& error)
      : archive_(archive), error_(error) {}

  Files read() {
    const Directory directory = find_directory();
    Files files;
    std::uint64_t at = directory.offset;
    for (std::uint64_t i = 0; i < directory.files; ++i) {
      const Entry entry = read_entry(at);
      if (!files.emplace(entry.name, data_of(entry)).second) {
        refuse({"it has two files named '{}'", "其中有两个名为“{}”的文件", shown(entry.name)});
      }
      at += entry.bytes;
    }
    return files;
  }

 private:
  struct Directory {
    std::uint64_t offset = 0;
    std::uint64_t files = 0;
  };
  struct Entry {
    std::string name;
    std::uint64_t bytes = 0;  // of the entry itself
    std::uint64_t size = 0;   // of the file
    std::uint64_t header = 0;
  };

  static std::string shown(const std::string& name) { return without_controls(name); }
  [[noreturn]] void refuse(const Text& why) const { throw error_(why); }

  std::span<const std::byte> part(std::uint64_t at, std::uint64_t size) const {
    if (at > archive_.size() || size > archive_.size() - at) {
      refuse({"it points to bytes {} to {}, and has {} (truncated?)",
              "它指向第 {} 至 {} 字节，而文件只有 {} 字节（不完整？）", at, at + size, archive_.size()});
    }
    return archive_.subspan(static_cast<std::size_t>(at), static_cast<std::size_t>(size));
  }
  // Little-endian.
  std::uint64_t number(std::uint64_t at, std::size_t bytes) const {
    std::uint64_t value = 0;
    const auto found = part(at, bytes);
    for (std::size_t i = 0; i < bytes; ++i) value |= std::to_integer<std::uint64_t>(found[i]) << (8 * i);
    return value;
  }

  // Its end record is the last thing of an archive but a comment.
  std::uint64_t find_end() const {
    const std::size_t size = archive_.size();
    const std::size_t furthest = size - std::min(size, kEndBytes + kLongestComment);
    for (std::size_t at = size - std::min(size, kEndBytes); size >= kEndBytes; --at) {
      if (number(at, 4) == kEnd && at + kEndBytes + number(at + 20, 2) == size) return at;
      if (at == furthest) break;
    }
    refuse({"the end of a zip archive is missing (truncated?)", "缺少 zip 归档的结尾（文件不完整？）"});
  }

  Directory find_directory() const {
    const std::uint64_t end = find_end();
    Directory directory{number(end + 16, 4), number(end + 10, 2)};
    const bool more = directory.offset == kElsewhere || directory.files == 0xffff;
    if (!more || end < kLocatorBytes || number(end - kLocatorBytes, 4) != kLocator64) return directory;
    const std::uint64_t end64 = number(end - kLocatorBytes + 8, 8);
    if (number(end64, 4) != kEnd64) refuse({"its zip64 part is damaged", "其 zip64 部分已损坏"});
    return {number(end64 + 48, 8), number(end64 + 32, 8)};
  }

  Entry read_entry(std::uint64_t at) const {
    part(at, kCentralBytes);
    if (number(at, 4) != kCentralHeader) refuse({"its table of files is damaged", "其文件表已损坏"});
    const std::uint64_t name = number(at + 28, 2), extra = number(at + 30, 2), comment = number(at + 32, 2);
    const auto bytes = part(at + kCentralBytes, name);
    Entry entry{std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()),
                kCentralBytes + name + extra + comment, number(at + 24, 4), number(at + 42, 4)};
    require_plain(entry, number(at + 8, 2), number(at + 10, 2));
    std::uint64_t packed = number(at + 20, 4);
    read_extra(at + kCentralBytes + name, extra, {&entry.size, &packed, &entry.header});
    if (packed != entry.size) refuse_compressed(entry);
    return entry;
  }

  // Of the zip64 part: those values that did not fit, in this order.
  void read_extra(std::uint64_t at, std::uint64_t size, std::initializer_list<std::uint64_t*> values) const {
    const std::uint64_t end = at + size;
    while (at + 4 <= end) {
      const std::uint64_t kind = number(at, 2), length = number(at + 2, 2);
      std::uint64_t from = at + 4;
      for (std::uint64_t* value : values) {
        if (kind != 1 || *value != kElsewhere || from + 8 > at + 4 + length) continue;
        *value = number(from, 8);
        from += 8;
      }
      at += 4 + length;
    }
  }

  void require_plain(const Entry& entry, std::uint64_t flags, std::uint64_t method) const {
    if ((flags & 1) != 0) {
      refuse({"'{}' in it is encrypted", "其中的“{}”已加密", shown(entry.name)});
    }
    if (method != 0) refuse_compressed(entry);
  }
  [[noreturn]] void refuse_compressed(const Entry& entry) const {
    refuse({"'{}' in it is compressed, which torch.save never does", "其中的“{}”经过压缩，而 torch.save 不会压缩",
            shown(entry.name)});
  }

  std::span<const std::byte> data_of(const Entry& entry) const {
    part(entry.header, kLocalBytes);
    if (number(entry.header, 4) != kLocalHeader) {
      refuse({"'{}' is not where its table of files says", "“{}”不在文件表所示的位置", shown(entry.name)});
    }
    const std::uint64_t before = kLocalBytes + number(entry.header + 26, 2) + number(entry.header + 28, 2);
    part(entry.header, before);
    return part(entry.header + before, entry.size);
  }

  std::span<const std::byte> archive_;
  const std::function<Error(const Text&)>& error_;
};

}  // namespace

std::map<std::string, std::span<const std::byte>> stored_files(std::span<const std::byte> archive,
                                                               const std::function<Error(const Text&)>& error) {
  return ZipReader(archive, error).read();
}

}  // namespace wring
