#include "wring_train/weights/pth_file.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <optional>
#include <set>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include "wring/base/display_text.h"
#include "wring/base/error.h"
#include "wring/files/folder.h"
#include "wring/files/mapped_file.h"
#include "wring_train/weights/pickle.h"
#include "wring_train/weights/zip_archive.h"

namespace wring {
namespace fs = std::filesystem;
namespace {

using Kind = PickleValue::Kind;
using Bytes = std::span<const std::byte>;
using Refusal = std::function<Error(const Text&)>;

// torch.save before 1.6 begins with this number, as a pickle of its own (torch/serialization.py, MAGIC_NUMBER).
constexpr std::string_view kSequence("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19\x2e", 15);
constexpr std::string_view kArchive("PK\x03\x04", 4);
constexpr std::int64_t kSequenceVersion = 1001;

constexpr int kDeepest = 32;                  // dicts within dicts
constexpr std::size_t kMostVisits = 200'000;  // of values: shared ones may be reached in many ways
constexpr std::size_t kMostDimensions = 64;   // as torch has it

struct StorageType {
  std::string_view name;
  const char* dtype;
};
constexpr std::array<StorageType, 10> kStorageTypes = {{{"FloatStorage", "F32"},
                                                        {"HalfStorage", "F16"},
                                                        {"BFloat16Storage", "BF16"},
                                                        {"DoubleStorage", "F64"},
                                                        {"LongStorage", "I64"},
                                                        {"IntStorage", "I32"},
                                                        {"ShortStorage", "I16"},
                                                        {"CharStorage", "I8"},
                                                        {"ByteStorage", "U8"},
                                                        {"BoolStorage", "BOOL"}}};

bool starts_with(Bytes bytes, std::string_view with) {
  return bytes.size() >= with.size() && std::memcmp(bytes.data(), with.data(), with.size()) == 0;
}

bool is_tar(Bytes bytes) {
  constexpr std::size_t kMark = 257;
  return bytes.size() > kMark && starts_with(bytes.subspan(kMark), "ustar");
}

std::int64_t little_endian(Bytes eight) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < 8; ++i) value |= std::to_integer<std::uint64_t>(eight[i]) << (8 * i);
  return static_cast<std::int64_t>(value);
}

// What a tensor is cut from.
struct Storage {
  std::string key;
  std::string dtype;
  std::size_t element_bytes = 0;
  std::int64_t elements = 0;
  std::int64_t first = 0;  // of a part of another storage, which only files before torch 0.4 have
};

// What the pickle says, checked; the data comes later.
struct Tensor {
  std::string name;
  Storage storage;
  std::int64_t offset = 0;  // in elements, as the strides
  std::vector<std::int64_t> sizes, strides;
};

// Walks from the top of a pickle to its tensors.
class TensorList {
 public:
  TensorList(const PickleValue& top, const Refusal& error) : error_(error) { visit(top, "", 0); }
  std::vector<Tensor> take() && { return std::move(found_); }

 private:
  [[noreturn]] void refuse(const Text& why) const { throw error_(why); }
  [[noreturn]] void refuse_tensor(const std::string& name, const Text& why) const {
    const std::string shown = without_controls(name);
    refuse({"tensor '{}' {}", "张量“{}”{}", shown, why});
  }

  void visit(const PickleValue& value, const std::string& name, int depth) {
    if (depth > kDeepest) refuse({"its values are nested too deeply", "其内容嵌套过深"});
    if (++visits_ > kMostVisits) refuse({"its values refer to each other too often", "其内容相互引用过多"});
    if (value.kind == Kind::tensor) return add(value, name);
    const auto below = [&](const std::string& key) { return name.empty() ? key : name + "." + key; };
    if (value.kind == Kind::dict) {
      for (std::size_t i = 0; i + 1 < value.items.size(); i += 2) {
        visit(*value.items[i + 1], below(word_of(*value.items[i])), depth + 1);
      }
    } else if (value.kind == Kind::list || value.kind == Kind::tuple) {
      for (std::size_t i = 0; i < value.items.size(); ++i) visit(*value.items[i], below(std::to_string(i)), depth + 1);
    }
  }

  static std::string word_of(const PickleValue& key) {
    if (key.kind == Kind::text) return key.text;
    return key.kind == Kind::integer ? std::to_string(key.integer) : "?";
  }

  void add(const PickleValue& value, const std::string& name) {
    if (name.empty()) refuse({"it holds one tensor without a name", "它只含一个没有名称的张量"});
    if (!names_.insert(name).second) refuse_tensor(name, {"is there twice", "出现两次"});
    const auto& items = value.items;
    if (items.size() < 4) refuse_tensor(name, {"is described by too little", "的描述不完整"});
    Tensor tensor{name, storage_of(*items[0], name), whole(*items[1], name), whole_numbers(*items[2], name),
                  whole_numbers(*items[3], name)};
    // The seventh says whether the numbers are to be conjugated or negated.
    if (items.size() > 6 && !items[6]->items.empty()) {
      refuse_tensor(name, {"carries more than its numbers", "带有数值以外的内容"});
    }
    if (tensor.sizes.size() != tensor.strides.size() || tensor.sizes.size() > kMostDimensions) {
      refuse_tensor(name, {"has sizes and strides that do not fit together", "的尺寸与步长不一致"});
    }
    found_.push_back(std::move(tensor));
  }

  std::int64_t whole(const PickleValue& value, const std::string& name) const {
    if (value.kind == Kind::integer && value.integer >= 0) return value.integer;
    refuse_tensor(name, {"has a size or place that is no whole number", "的尺寸或位置不是整数"});
  }

  std::vector<std::int64_t> whole_numbers(const PickleValue& value, const std::string& name) const {
    std::vector<std::int64_t> numbers;
    if (value.kind != Kind::tuple) refuse_tensor(name, {"has no sizes", "没有尺寸"});
    for (const PickleValue* item : value.items) numbers.push_back(whole(*item, name));
    return numbers;
  }

  // (type, key, place, elements) and, in the older form, the part of another storage: (key, first, elements).
  Storage storage_of(const PickleValue& value, const std::string& name) const {
    const auto& items = value.items;
    const bool complete = value.kind == Kind::storage && items.size() >= 4 && items[0]->kind == Kind::callable &&
                          items[1]->kind == Kind::text;
    if (!complete) refuse_tensor(name, {"has no storage", "没有存储"});
    const std::string_view type = std::string_view(items[0]->text).substr(items[0]->text.find(' ') + 1);
    const auto known = std::ranges::find(kStorageTypes, type, &StorageType::name);
    if (known == kStorageTypes.end()) {
      refuse_tensor(name, {"is of the type {}, which is not supported", "的类型 {} 不受支持", type});
    }
    Storage storage{items[1]->text, known->dtype, *dtype_bytes(known->dtype), whole(*items[3], name), 0};
    if (items.size() > 4 && items[4]->kind == Kind::tuple && items[4]->items.size() == 3) {
      const std::int64_t all = storage.elements;
      storage.first = whole(*items[4]->items[1], name);
      storage.elements = whole(*items[4]->items[2], name);
      if (storage.first > all || storage.elements > all - storage.first) {
        refuse_tensor(name, {"lies outside its storage", "超出其存储"});
      }
    }
    return storage;
  }

  const Refusal& error_;
  std::vector<Tensor> found_;
  std::set<std::string> names_;
  std::size_t visits_ = 0;
};

bool is_row_major(const Tensor& tensor) {
  std::int64_t expected = 1;
  for (std::size_t i = tensor.sizes.size(); i-- > 0;) {
    if (tensor.sizes[i] != 1 && tensor.strides[i] != expected) return false;
    expected *= tensor.sizes[i];
  }
  return true;
}

// Elements in row-major order from wherever the strides have them.
std::vector<std::byte> gathered(const Tensor& tensor, Bytes data, std::size_t bytes) {
  const std::size_t element = tensor.storage.element_bytes;
  std::vector<std::byte> result(bytes);
  std::vector<std::int64_t> index(tensor.sizes.size(), 0);
  std::int64_t at = 0;
  for (std::size_t done = 0; done < bytes; done += element) {
    std::memcpy(result.data() + done, data.data() + static_cast<std::size_t>(at) * element, element);
    for (std::size_t i = index.size(); i-- > 0;) {
      at += tensor.strides[i];
      if (++index[i] < tensor.sizes[i]) break;
      at -= index[i] * tensor.strides[i];
      index[i] = 0;
    }
  }
  return result;
}

}  // namespace

struct PthFile::Content {
  MappedFile file;
  std::map<std::string, TensorView> tensors;
  std::vector<std::vector<std::byte>> copies;  // of tensors that do not lie in row-major order
  std::uint64_t copied_bytes = 0;
  Refusal error;

  explicit Content(const fs::path& path) : file(path) {
    error = [this](const Text& why) {
      const std::string name = file.path().string();
      return Error(
          ErrorCode::failed, {"cannot read {}: {}", "无法读取 {}：{}", name, why},
          {"a damaged file has to be copied or downloaded again; one that you trust can be loaded in Python, and "
           "its tensors saved alone: torch.save(model.state_dict(), \"new.pth\")",
           "损坏的文件请重新复制或下载；若信任该文件，可在 Python 中加载后只保存张量："
           "torch.save(model.state_dict(), \"new.pth\")"});
    };
    if (starts_with(file.bytes(), kArchive)) {
      read_archive();
    } else if (starts_with(file.bytes(), kSequence)) {
      read_sequence();
    } else if (is_tar(file.bytes())) {
      refuse({"it is a tar archive, as torch wrote before 0.1.10, which is not supported",
              "它是 0.1.10 之前的 torch 写出的 tar 归档，不受支持"});
    } else {
      refuse({"it is no file of torch.save", "它不是 torch.save 写出的文件"});
    }
    if (tensors.empty()) refuse({"it holds no tensors", "其中没有张量"});
  }
  Content(const Content&) = delete;
  Content& operator=(const Content&) = delete;

  [[noreturn]] void refuse(const Text& why) const { throw error(why); }

  // FOLDER/data.pkl says which tensors there are, FOLDER/data/KEY is a storage.
  void read_archive() {
    const auto files = stored_files(file.bytes(), error);
    const auto main = std::ranges::find_if(files, [](const auto& f) { return f.first.ends_with("/data.pkl"); });
    if (main == files.end()) {
      refuse({"the archive has no data.pkl, so that torch.save did not write it",
              "归档中没有 data.pkl，不是 torch.save 所写"});
    }
    const std::string folder = main->first.substr(0, main->first.size() - std::string_view("data.pkl").size());
    if (files.contains(folder + "constants.pkl")) {
      refuse({"it is a TorchScript program, not a file of tensors", "它是 TorchScript 程序，而不是张量文件"});
    }
    if (const auto order = files.find(folder + "byteorder");
        order != files.end() && !starts_with(order->second, "little")) {
      refuse({"its numbers are big-endian", "其数值为大端序"});
    }
    const Pickle pickle(main->second, error);
    for (const Tensor& tensor : TensorList(pickle.value(), error).take()) {
      const auto data = files.find(folder + "data/" + tensor.storage.key);
      if (data == files.end()) refuse_tensor(tensor, {"has no data in the archive", "在归档中没有数据"});
      add(tensor, data->second);
    }
  }

  // Pickles one after the other: the magic number, the version, the machine, the tensors, the keys of the storages;
  // then each storage, as the number of its elements and their bytes.
  void read_sequence() {
    std::size_t at = kSequence.size();
    const auto next = [&] {
      Pickle pickle(file.bytes().subspan(at), error);
      at += pickle.size();
      return pickle;
    };
    if (const Pickle version = next(); version.value().integer != kSequenceVersion) {
      refuse({"its format has version {}, not {}", "其格式版本为 {}，而不是 {}", version.value().integer,
              kSequenceVersion});
    }
    require_little_endian(next().value());
    const Pickle main = next();
    const std::vector<Tensor> found = TensorList(main.value(), error).take();
    const Pickle keys = next();
    const std::map<std::string, Bytes> storages = read_storages(found, keys.value(), at);
    for (const Tensor& tensor : found) {
      const auto data = storages.find(tensor.storage.key);
      if (data == storages.end()) refuse_tensor(tensor, {"has no data in the file", "在文件中没有数据"});
      add(tensor, data->second);
    }
  }

  void require_little_endian(const PickleValue& machine) const {
    for (std::size_t i = 0; i + 1 < machine.items.size(); i += 2) {
      if (machine.items[i]->text == "little_endian" && machine.items[i + 1]->integer == 0) {
        refuse({"its numbers are big-endian", "其数值为大端序"});
      }
    }
  }

  std::map<std::string, Bytes> read_storages(const std::vector<Tensor>& found, const PickleValue& keys,
                                             std::size_t at) const {
    std::map<std::string, std::size_t> element_bytes;
    for (const Tensor& tensor : found) element_bytes[tensor.storage.key] = tensor.storage.element_bytes;
    std::map<std::string, Bytes> storages;
    for (const PickleValue* key : keys.items) {
      const auto element = element_bytes.find(key->text);
      if (element == element_bytes.end()) refuse({"it has data of no tensor", "其中有不属于任何张量的数据"});
      const Bytes rest = file.bytes().subspan(at);
      const std::int64_t elements = rest.size() < 8 ? -1 : little_endian(rest);
      if (elements < 0 || static_cast<std::uint64_t>(elements) > (rest.size() - 8) / element->second) {
        refuse(
            {"its data ends at byte {} (truncated?)", "其数据在第 {} 字节处中断（文件不完整？）", file.bytes().size()});
      }
      const std::size_t size = static_cast<std::size_t>(elements) * element->second;
      storages.emplace(key->text, rest.subspan(8, size));
      at += 8 + size;
    }
    return storages;
  }

  [[noreturn]] void refuse_tensor(const Tensor& tensor, const Text& why) const {
    const std::string shown = without_controls(tensor.name);
    refuse({"tensor '{}' {}", "张量“{}”{}", shown, why});
  }

  // `data` is of the whole storage.
  void add(const Tensor& tensor, Bytes data) {
    const std::size_t element = tensor.storage.element_bytes;
    TensorView view{tensor.storage.dtype, tensor.sizes, {}};
    const auto bytes = bytes_of(view.shape, element);
    if (!bytes) refuse_tensor(tensor, {"has more elements than can be counted", "的元素数量过大"});
    if (*bytes > 0) {
      view.data = part_of(tensor, data);
      if (is_row_major(tensor)) {
        view.data = view.data.first(static_cast<std::size_t>(*bytes));
      } else {
        view.data = copy_of(tensor, view.data, *bytes);
      }
    }
    tensors.emplace(tensor.name, std::move(view));
  }

  // From the first element of the tensor to the end of its storage; its last element lies within.
  Bytes part_of(const Tensor& tensor, Bytes data) const {
    const Storage& storage = tensor.storage;
    const auto held = static_cast<std::int64_t>(data.size() / storage.element_bytes);
    std::int64_t last = tensor.offset;
    bool fits = storage.first <= held && storage.elements <= held - storage.first;
    for (std::size_t i = 0; i < tensor.sizes.size(); ++i) {
      std::int64_t step = 0;
      fits = fits && !__builtin_mul_overflow(tensor.sizes[i] - 1, tensor.strides[i], &step) &&
             !__builtin_add_overflow(last, step, &last);
    }
    if (!fits || last >= storage.elements) {
      refuse_tensor(tensor,
                    {"needs more data than the {} bytes of its storage", "所需数据超出其存储的 {} 字节", data.size()});
    }
    return data.subspan(static_cast<std::size_t>(storage.first + tensor.offset) * storage.element_bytes);
  }

  // Elements that are counted many times (strides of 0) would make much of little.
  Bytes copy_of(const Tensor& tensor, Bytes data, std::uint64_t bytes) {
    copied_bytes += bytes;
    if (bytes > data.size() || copied_bytes > file.bytes().size()) {
      refuse_tensor(tensor, {"repeats its data", "重复使用其数据"});
    }
    copies.push_back(gathered(tensor, data, static_cast<std::size_t>(bytes)));
    return copies.back();
  }
};

PthFile::PthFile(const fs::path& path) : content_(std::make_unique<Content>(path)) {}
PthFile::~PthFile() = default;
PthFile::PthFile(PthFile&&) noexcept = default;

const std::map<std::string, TensorView>& PthFile::tensors() const {
  return content_->tensors;
}
const fs::path& PthFile::path() const {
  return content_->file.path();
}

bool PthFile::lost() const {
  return content_->file.lost();
}

bool PthFile::is_one(const fs::path& path) {
  std::array<char, kSequence.size()> start{};
  try {
    const ssize_t got = ::pread(open_regular_file(path).get(), start.data(), start.size(), 0);
    const std::string_view read(start.data(), static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    return read.starts_with(kArchive) || read == kSequence;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace wring
