#include "wring_train/weights/safetensors.h"

#include <algorithm>
#include <cerrno>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <libdeflate.h>
#include <sys/stat.h>
#include <unistd.h>

#include "wring/base/error.h"
#include "wring/files/file_errors.h"
#include "wring/files/files.h"

namespace wring {
namespace fs = std::filesystem;
using Json = nlohmann::json;
namespace {

constexpr std::size_t kLengthBytes = 8;
constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;  // the limit of the reference implementation
constexpr int kMaxDepth = 8;  // the format needs three; what is nested deeper would take the stack when it is printed
constexpr const char* kMetadataKey = "__metadata__";

[[noreturn]] void fail(const fs::path& path, const Text& what) {
  throw Error(ErrorCode::failed, {"cannot read {}: {}", "无法读取 {}：{}", path.string(), what},
              {"the file is damaged or not in the safetensors format; copy or save it again",
               "文件已损坏或不是 safetensors 格式；请重新复制或保存"});
}

// nlohmann keeps the last of two equal keys without a word; a header with two is ambiguous, so it is refused.
Json parse_header(const fs::path& path, const char* begin, std::size_t size) {
  std::vector<std::set<std::string>> open_objects;
  const auto refuse_duplicates = [&](int depth, Json::parse_event_t event, Json& value) {
    if (depth > kMaxDepth)
      fail(path, {"the header is nested deeper than the format allows", "文件头的嵌套层数超出格式允许"});
    if (event == Json::parse_event_t::object_start) open_objects.emplace_back();
    if (event == Json::parse_event_t::object_end) open_objects.pop_back();
    if (event == Json::parse_event_t::key && !open_objects.back().insert(value.get<std::string>()).second) {
      fail(path, {"the header names '{}' twice", "文件头中 '{}' 出现了两次", value.get<std::string>()});
    }
    return true;
  };
  Json header;
  try {
    header = Json::parse(begin, begin + size, refuse_duplicates);
  } catch (const Json::exception& error) {
    fail(path, {"the header is not valid JSON ({})", "文件头不是有效的 JSON（{}）", error.what()});
  }
  if (!header.is_object()) fail(path, {"the header is not a JSON object", "文件头不是 JSON 对象"});
  return header;
}

struct Placed {
  std::string name;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

std::vector<std::int64_t> parse_shape(const fs::path& path, const std::string& name, const Json& value) {
  std::vector<std::int64_t> shape;
  if (!value.is_array()) fail(path, {"tensor '{}' has no shape", "张量 '{}' 没有形状", name});
  for (const Json& extent : value) {
    if (!extent.is_number_unsigned() ||
        extent.get<std::uint64_t>() > std::uint64_t(std::numeric_limits<std::int64_t>::max())) {
      fail(path, {"tensor '{}' has the shape {}", "张量 '{}' 的形状为 {}", name, value.dump()});
    }
    shape.push_back(extent.get<std::int64_t>());
  }
  return shape;
}

Placed parse_offsets(const fs::path& path, const std::string& name, const Json& value, std::uint64_t data_bytes) {
  if (!value.is_array() || value.size() != 2 || !value[0].is_number_unsigned() || !value[1].is_number_unsigned()) {
    fail(path, {"tensor '{}' has no valid data_offsets", "张量 '{}' 没有有效的 data_offsets", name});
  }
  Placed placed{name, value[0].get<std::uint64_t>(), value[1].get<std::uint64_t>()};
  if (placed.begin > placed.end || placed.end > data_bytes) {
    fail(path, {"tensor '{}' lies at bytes {} to {}, outside the {} bytes of data (truncated?)",
                "张量 '{}' 位于第 {} 至 {} 字节，超出 {} 字节的数据（文件被截断？）", name, placed.begin, placed.end,
                data_bytes});
  }
  return placed;
}

void check_layout(const fs::path& path, std::vector<Placed> placed, std::uint64_t data_bytes) {
  std::ranges::sort(placed, {}, [](const Placed& p) { return std::pair(p.begin, p.end); });
  std::uint64_t position = 0;
  for (const Placed& tensor : placed) {
    if (tensor.begin < position)
      fail(path, {"tensor '{}' overlaps the one before it", "张量 '{}' 与前一个重叠", tensor.name});
    if (tensor.begin > position) fail(path, {"there is a gap before tensor '{}'", "张量 '{}' 之前有空隙", tensor.name});
    position = tensor.end;
  }
  if (position != data_bytes) {
    fail(path, {"{} bytes after the last tensor belong to nothing", "最后一个张量之后的 {} 字节不属于任何张量",
                data_bytes - position});
  }
}

// As it stands in a header before the sum is known, and while it is taken. The header has its quotes unescaped only
// around a key, so no name of a tensor can look like it.
constexpr std::string_view kOpenSeal = "\"wring_crc32\":\"00000000\"";
constexpr std::size_t kSealDigits = 8;
constexpr std::size_t kSealDigitsAt = kOpenSeal.size() - kSealDigits - 1;

std::uint32_t crc32(std::uint32_t crc, const void* data, std::size_t size) {
  return libdeflate_crc32(crc, data, size);
}

const Json& member(const Json& object, const char* key) {
  static const Json missing;
  const auto found = object.find(key);
  return found == object.end() ? missing : *found;
}

}  // namespace

struct SafetensorsFile::Content {
  fs::path path;
  std::size_t size = 0;                // of the file
  std::string start;                   // length and header, as they stand in the file
  std::unique_ptr<std::byte[]> bytes;  // not a vector, which would clear the memory before it is read into
  std::map<std::string, TensorView> tensors;
  std::map<std::string, std::string> metadata;

  Content(const Descriptor& file, fs::path name) : path(std::move(name)) {
    struct stat info {};
    if (::fstat(file.get(), &info) != 0) throw_unreadable(path, errno);
    size = static_cast<std::size_t>(info.st_size);
    if (size == 0) fail(path, {"it is empty", "文件为空"});
    if (size < kLengthBytes) fail(path, {"it is truncated to {} bytes", "文件被截断，只剩 {} 字节", size});
    start.resize(kLengthBytes);
    read(file, start.data(), start.size(), 0);
    start.resize(kLengthBytes + header_bytes());
    read(file, start.data(), start.size(), 0);
    const std::vector<Placed> placed = parse();
    bytes = std::make_unique_for_overwrite<std::byte[]>(data_size());
    read(file, bytes.get(), data_size(), start.size());
    for (const Placed& one : placed) tensors.at(one.name).data = {bytes.get() + one.begin, one.end - one.begin};
  }

  std::size_t data_size() const { return size - start.size(); }

  void read(const Descriptor& file, void* into, std::size_t count, std::size_t from) const {
    auto* to = static_cast<char*>(into);
    while (count > 0) {
      const ssize_t got = ::pread(file.get(), to, count, static_cast<off_t>(from));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) throw_unreadable(path, errno);
      if (got == 0) fail(path, {"it was cut short while it was read", "读取时文件被截短"});
      to += got;
      from += static_cast<std::size_t>(got);
      count -= static_cast<std::size_t>(got);
    }
  }

  std::uint64_t header_bytes() const {
    std::uint64_t length = 0;
    for (std::size_t i = 0; i < kLengthBytes; ++i)
      length |= std::uint64_t{static_cast<std::uint8_t>(start[i])} << (8 * i);
    if (length > kMaxHeaderBytes) {
      fail(path,
           {"its header claims {} bytes, more than the format allows", "其文件头声称有 {} 字节，超出格式允许", length});
    }
    if (length > size - kLengthBytes) {
      fail(path, {"its header claims {} bytes, but the file has {} (truncated?)",
                  "其文件头声称有 {} 字节，但文件只有 {} 字节（被截断？）", length, size});
    }
    return length;
  }

  // Fills tensors, as yet without their data, and metadata; where each tensor lies in the data.
  std::vector<Placed> parse() {
    const Json header = parse_header(path, start.data() + kLengthBytes, start.size() - kLengthBytes);
    std::vector<Placed> placed;
    for (const auto& [name, value] : header.items()) {
      if (name == kMetadataKey) {
        parse_metadata(value);
      } else {
        placed.push_back(parse_tensor(name, value));
      }
    }
    check_layout(path, placed, data_size());
    return placed;
  }

  void parse_metadata(const Json& value) {
    if (!value.is_object()) fail(path, {"its __metadata__ is not an object", "其 __metadata__ 不是对象"});
    for (const auto& [key, text] : value.items()) {
      if (!text.is_string())
        fail(path, {"its __metadata__ '{}' is not a string", "其 __metadata__ 的 '{}' 不是字符串", key});
      metadata.emplace(key, text.get<std::string>());
    }
  }

  Placed parse_tensor(const std::string& name, const Json& value) {
    if (!value.is_object()) fail(path, {"tensor '{}' is not described by an object", "张量 '{}' 的描述不是对象", name});
    const Json& dtype = member(value, "dtype");
    const auto element_bytes = dtype.is_string() ? dtype_bytes(dtype.get<std::string>()) : std::nullopt;
    if (!element_bytes)
      fail(path, {"tensor '{}' has the unknown dtype {}", "张量 '{}' 的 dtype {} 未知", name, dtype.dump()});
    TensorView view{dtype.get<std::string>(), parse_shape(path, name, member(value, "shape")), {}};
    Placed placed = parse_offsets(path, name, member(value, "data_offsets"), data_size());
    const auto needed = bytes_of(view.shape, *element_bytes);
    if (needed != placed.end - placed.begin) {
      fail(path,
           {"tensor '{}' has {} bytes of data, which does not fit {} {}", "张量 '{}' 有 {} 字节的数据，与 {} {} 不符",
            name, placed.end - placed.begin, view.dtype, value["shape"].dump()});
    }
    tensors.emplace(name, std::move(view));
    return placed;
  }
};

SafetensorsFile::SafetensorsFile(const fs::path& path)
    : content_(std::make_unique<Content>(open_regular_file(path), path)) {}
SafetensorsFile::SafetensorsFile(const Folder& folder, const std::string& name)
    : content_(std::make_unique<Content>(open_regular_file(folder, name), folder.path_of(name))) {}
SafetensorsFile::~SafetensorsFile() = default;
SafetensorsFile::SafetensorsFile(SafetensorsFile&&) noexcept = default;

const std::map<std::string, TensorView>& SafetensorsFile::tensors() const {
  return content_->tensors;
}
const std::map<std::string, std::string>& SafetensorsFile::metadata() const {
  return content_->metadata;
}
const fs::path& SafetensorsFile::path() const {
  return content_->path;
}

void SafetensorsFile::check_seal() const {
  const auto sealed = content_->metadata.find(kSealKey);
  if (sealed == content_->metadata.end()) fail(path(), {"it carries no checksum", "文件不含校验和"});
  std::string start = content_->start;
  const std::size_t at = start.find(kOpenSeal.substr(0, kSealDigitsAt));
  if (at == std::string::npos) fail(path(), {"its checksum is not where it was written", "其校验和不在写入的位置"});
  const std::string written = start.substr(at + kSealDigitsAt, kSealDigits);
  start.replace(at + kSealDigitsAt, kSealDigits, kSealDigits, '0');
  const std::uint32_t sum = crc32(crc32(0, start.data(), start.size()), content_->bytes.get(), content_->data_size());
  const std::string found = fmt::format("{:08x}", sum);
  if (found != written) {
    fail(path(), {"its checksum is {}, but {} was written: it has changed since",
                  "其校验和为 {}，写入时为 {}：文件此后被改动", found, written});
  }
}

namespace {

[[noreturn]] void refuse_write(const fs::path& path, const std::string& what) {
  throw Error(ErrorCode::failed, fmt::format("cannot write {}: {}", path.string(), what),
              "this is a mistake in the program that saves, not in the file");
}

using Entry = std::pair<const std::string, TensorView>;

// Widest elements first, as the reference implementation does: every tensor is then aligned to its element,
// which PyTorch's reader needs. Equal widths keep the order of the map.
std::vector<const Entry*> layout(const fs::path& path, const std::map<std::string, TensorView>& tensors) {
  std::vector<const Entry*> entries;
  for (const Entry& entry : tensors) {
    const auto& [name, view] = entry;
    const auto element_bytes = dtype_bytes(view.dtype);
    if (name == kMetadataKey) refuse_write(path, "a tensor cannot be called __metadata__");
    if (!element_bytes) refuse_write(path, fmt::format("tensor '{}' has the unknown dtype {}", name, view.dtype));
    if (bytes_of(view.shape, *element_bytes) != view.data.size()) {
      refuse_write(path, fmt::format("tensor '{}' has {} bytes, which does not fit its shape", name, view.data.size()));
    }
    entries.push_back(&entry);
  }
  std::ranges::stable_sort(entries, std::greater<>{},
                           [](const Entry* entry) { return *dtype_bytes(entry->second.dtype); });
  return entries;
}

std::string header_of(const fs::path& path, std::span<const Entry* const> entries,
                      const std::map<std::string, std::string>& metadata) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header[kMetadataKey] = metadata;
  std::uint64_t position = 0;
  for (const Entry* entry : entries) {
    const auto& [name, view] = *entry;
    header[name] = {{"dtype", view.dtype},
                    {"shape", view.shape},
                    {"data_offsets", std::vector<std::uint64_t>{position, position + view.data.size()}}};
    position += view.data.size();
  }
  std::string text;
  try {
    text = header.dump();
  } catch (const Json::exception& error) {
    refuse_write(path, fmt::format("a name or value is not UTF-8 ({})", error.what()));
  }
  text.resize((text.size() + 7) / 8 * 8, ' ');  // the data starts 8-byte aligned
  if (text.size() > kMaxHeaderBytes) refuse_write(path, "the header is larger than the format allows");
  return text;
}

}  // namespace

void write_safetensors(const Folder& folder, const std::string& name, const std::map<std::string, TensorView>& tensors,
                       const std::map<std::string, std::string>& metadata, Seal seal) {
  const fs::path path = folder.path_of(name);
  const std::vector<const Entry*> entries = layout(path, tensors);
  std::map<std::string, std::string> described = metadata;
  if (seal == Seal::crc32) described[kSealKey] = std::string(kSealDigits, '0');
  std::string start = header_of(path, entries, described);
  std::string length;
  for (std::size_t i = 0; i < kLengthBytes; ++i) {
    length.push_back(static_cast<char>((static_cast<std::uint64_t>(start.size()) >> (8 * i)) & 0xff));
  }
  start.insert(0, length);
  if (seal == Seal::crc32) {
    std::uint32_t sum = crc32(0, start.data(), start.size());
    for (const Entry* entry : entries) sum = crc32(sum, entry->second.data.data(), entry->second.data.size());
    start.replace(start.find(kOpenSeal) + kSealDigitsAt, kSealDigits, fmt::format("{:08x}", sum));
  }
  write_file_atomically(folder, name, [&](std::ostream& out) {
    out << start;
    for (const Entry* entry : entries) {
      const auto& data = entry->second.data;
      out.write(reinterpret_cast<const char*>(data.data()), static_cast<std::streamsize>(data.size()));
    }
  });
}

void write_safetensors(const fs::path& path, const std::map<std::string, TensorView>& tensors,
                       const std::map<std::string, std::string>& metadata, Seal seal) {
  const FilePlace place = place_of_file(path);
  write_safetensors(place.folder, place.name, tensors, metadata, seal);
}

}  // namespace wring
