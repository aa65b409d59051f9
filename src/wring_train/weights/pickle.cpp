#include "wring_train/weights/pickle.h"

#include <algorithm>
#include <array>
#include <bit>
#include <string_view>
#include <unordered_map>

#include <fmt/format.h>

#include "wring/base/display_text.h"

namespace wring {
namespace {

using Kind = PickleValue::Kind;

// A tensor takes about twenty values in 300 bytes: these would do for fifty thousand, and no network has as many.
constexpr std::size_t kMostBytes = std::size_t{16} << 20;
constexpr std::size_t kMostValues = 1'000'000;
constexpr std::size_t kLongestName = 1000;
constexpr std::size_t kDeepest = 1000;  // marks that are open at a time

constexpr std::string_view kOrderedDict = "collections OrderedDict";
constexpr std::string_view kParameter = "torch._utils _rebuild_parameter";
constexpr std::array<std::string_view, 2> kTensors = {"torch._utils _rebuild_tensor_v2",
                                                      "torch._utils _rebuild_tensor"};

// torch.FloatStorage and its kin, also as torch.cuda.FloatStorage.
bool is_storage_type(std::string_view name) {
  return (name.starts_with("torch ") || name.starts_with("torch.cuda ")) && name.ends_with("Storage");
}

bool is_known(std::string_view name) {
  return name == kOrderedDict || name == kParameter || std::ranges::find(kTensors, name) != kTensors.end() ||
         is_storage_type(name);
}

}  // namespace

class PickleMachine {
 public:
  PickleMachine(Pickle& pickle, std::span<const std::byte> bytes, const std::function<Error(const Text&)>& error)
      : pickle_(pickle), bytes_(bytes.first(std::min(bytes.size(), kMostBytes))), error_(error) {}

  void run() {
    while (!stopped_) execute(byte());
    pickle_.value_ = pop();
    if (!stack_.empty() || !marks_.empty()) refuse({"its pickle leaves values over", "其 pickle 有多余的值"});
    pickle_.size_ = at_;
  }

 private:
  [[noreturn]] void refuse(const Text& why) const { throw error_(why); }
  [[noreturn]] void truncated() const {
    if (bytes_.size() == kMostBytes) {
      refuse({"its pickle is longer than {} MiB", "其 pickle 超过 {} MiB", kMostBytes >> 20});
    }
    refuse({"its pickle ends at byte {} (truncated?)", "其 pickle 在第 {} 字节处中断（文件不完整？）", bytes_.size()});
  }
  [[noreturn]] void malformed() const {
    refuse({"its pickle makes no sense at byte {}", "其 pickle 在第 {} 字节处无效", at_});
  }
  [[noreturn]] void not_allowed(const std::string& name) const {
    const std::string shown = without_controls(name);
    refuse({"its pickle asks for '{}', which is not needed for tensors; nothing of it was run",
            "其 pickle 要求“{}”，而张量并不需要它；未执行其中任何代码", shown});
  }

  std::string_view take(std::uint64_t count) {
    if (count > bytes_.size() - at_) truncated();
    const char* begin = reinterpret_cast<const char*>(bytes_.data()) + at_;
    at_ += static_cast<std::size_t>(count);
    return {begin, static_cast<std::size_t>(count)};
  }
  std::uint8_t byte() { return static_cast<std::uint8_t>(take(1)[0]); }
  // Little-endian.
  std::uint64_t number(std::size_t count) {
    std::uint64_t value = 0;
    const std::string_view bytes = take(count);
    for (std::size_t i = 0; i < count; ++i) value |= std::uint64_t{static_cast<std::uint8_t>(bytes[i])} << (8 * i);
    return value;
  }
  // Two's complement of 0 to 8 bytes.
  std::int64_t long_number() {
    const std::size_t count = byte();
    if (count > 8) {
      refuse({"its pickle has a whole number of {} bytes", "其 pickle 含有 {} 字节的整数", count});
    }
    const std::uint64_t value = number(count);
    const int spare = 64 - 8 * static_cast<int>(count);
    return count == 0 ? 0 : static_cast<std::int64_t>(value << spare) >> spare;
  }
  std::string line() {
    std::string text;
    for (char c = static_cast<char>(byte()); c != '\n'; c = static_cast<char>(byte())) {
      text += c;
      if (text.size() > kLongestName) malformed();
    }
    return text;
  }

  PickleValue* make(Kind kind) {
    if (pickle_.values_.size() >= kMostValues) {
      refuse({"its pickle has more than {} values", "其 pickle 的值超过 {} 个", kMostValues});
    }
    PickleValue& value = pickle_.values_.emplace_back();
    value.kind = kind;
    return &value;
  }
  void push(PickleValue* value) { stack_.push_back(value); }
  PickleValue* pop() {
    // Values below the last mark belong to what is not finished yet.
    if (stack_.empty() || (!marks_.empty() && stack_.size() <= marks_.back())) malformed();
    PickleValue* value = stack_.back();
    stack_.pop_back();
    return value;
  }
  PickleValue* top() {
    PickleValue* value = pop();
    push(value);
    return value;
  }
  std::vector<PickleValue*> pop_to_mark() {
    if (marks_.empty()) malformed();
    const auto begin = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
    std::vector<PickleValue*> items(begin, stack_.end());
    stack_.erase(begin, stack_.end());
    marks_.pop_back();
    return items;
  }

  void push_integer(std::int64_t value, Kind kind = Kind::integer) {
    PickleValue* made = make(kind);
    made->integer = value;
    push(made);
  }
  void push_text(std::uint64_t size) {
    const std::string_view text = take(size);
    PickleValue* made = make(Kind::text);
    made->text = text;
    push(made);
  }
  void push_real() {
    const std::string_view bytes = take(8);
    std::uint64_t bits = 0;
    for (const char c : bytes) bits = bits << 8 | static_cast<std::uint8_t>(c);
    PickleValue* made = make(Kind::real);
    made->real = std::bit_cast<double>(bits);
    push(made);
  }
  void push_tuple(std::vector<PickleValue*> items) {
    PickleValue* made = make(Kind::tuple);
    made->items = std::move(items);
    push(made);
  }
  void push_tuple_of(std::size_t count) {
    std::vector<PickleValue*> items(count);
    for (std::size_t i = count; i-- > 0;) items[i] = pop();
    push_tuple(std::move(items));
  }
  void append(const std::vector<PickleValue*>& items, Kind kind) {
    PickleValue* target = top();
    if (target->kind != kind || (kind == Kind::dict && items.size() % 2 != 0)) malformed();
    target->items.insert(target->items.end(), items.begin(), items.end());
  }

  void global() {
    const std::string module = line();
    const std::string name = module + " " + line();
    if (!is_known(name)) {
      std::string dotted = name;
      std::ranges::replace(dotted, ' ', '.');
      not_allowed(dotted);
    }
    PickleValue* made = make(Kind::callable);
    made->text = name;
    push(made);
  }

  // OrderedDict() and, as Python 2 writes it, OrderedDict([[key, value], …]).
  PickleValue* ordered_dict(const PickleValue& arguments) {
    PickleValue* made = make(Kind::dict);
    if (arguments.items.empty()) return made;
    if (arguments.items.size() != 1 || arguments.items[0]->kind != Kind::list) malformed();
    for (const PickleValue* pair : arguments.items[0]->items) {
      const bool two = (pair->kind == Kind::list || pair->kind == Kind::tuple) && pair->items.size() == 2;
      if (!two) malformed();
      made->items.insert(made->items.end(), pair->items.begin(), pair->items.end());
    }
    return made;
  }

  void reduce() {
    PickleValue* arguments = pop();
    const PickleValue* callable = pop();
    if (callable->kind != Kind::callable || arguments->kind != Kind::tuple) malformed();
    const std::string& name = callable->text;
    if (name == kOrderedDict) return push(ordered_dict(*arguments));
    if (name == kParameter) {
      if (arguments->items.empty() || arguments->items[0]->kind != Kind::tensor) malformed();
      return push(arguments->items[0]);
    }
    if (is_storage_type(name)) not_allowed(name + "()");
    PickleValue* made = make(Kind::tensor);
    made->items = arguments->items;
    push(made);
  }

  // Attributes of an object: a state_dict has _metadata, which says nothing about its tensors.
  void build() {
    pop();
    if (top()->kind != Kind::dict) not_allowed("BUILD");
  }

  void persistent() {
    PickleValue* description = pop();
    if (description->kind != Kind::tuple || description->items.empty()) malformed();
    const PickleValue* what = description->items[0];
    if (what->kind != Kind::text || what->text != "storage") not_allowed(what->text.empty() ? "?" : what->text);
    PickleValue* made = make(Kind::storage);
    made->items.assign(description->items.begin() + 1, description->items.end());
    push(made);
  }

  void remember(std::uint64_t place) { memo_[place] = top(); }
  void recall(std::uint64_t place) {
    const auto found = memo_.find(place);
    if (found == memo_.end()) malformed();
    push(found->second);
  }

  // The instructions by their names in pickletools.
  void execute(std::uint8_t code) {
    switch (code) {
      case 0x80:  // PROTO
        if (const int protocol = byte(); protocol != 2) {
          refuse({"its pickle has protocol {}, and torch.save writes protocol 2",
                  "其 pickle 为协议 {}，而 torch.save 使用协议 2", protocol});
        }
        return;
      case '.':  // STOP
        stopped_ = true;
        return;
      case '(':  // MARK
        if (marks_.size() >= kDeepest) refuse({"its pickle is nested too deeply", "其 pickle 嵌套过深"});
        return marks_.push_back(stack_.size());
      case 'c':  // GLOBAL
        return global();
      case 'R':  // REDUCE
        return reduce();
      case 'b':  // BUILD
        return build();
      case 'Q':  // BINPERSID
        return persistent();
      case 'q':  // BINPUT
        return remember(byte());
      case 'r':  // LONG_BINPUT
        return remember(number(4));
      case 'h':  // BINGET
        return recall(byte());
      case 'j':  // LONG_BINGET
        return recall(number(4));
      default:
        return execute_value(code);
    }
  }

  void execute_value(std::uint8_t code) {
    switch (code) {
      case 'N':  // NONE
        return push(make(Kind::none));
      case 0x88:  // NEWTRUE
      case 0x89:  // NEWFALSE
        return push_integer(code == 0x88 ? 1 : 0, Kind::boolean);
      case 'K':  // BININT1
        return push_integer(byte());
      case 'M':  // BININT2
        return push_integer(static_cast<std::int64_t>(number(2)));
      case 'J':  // BININT
        return push_integer(static_cast<std::int32_t>(number(4)));
      case 0x8a:  // LONG1
        return push_integer(long_number());
      case 'G':  // BINFLOAT
        return push_real();
      case 'X':  // BINUNICODE
      case 'T':  // BINSTRING
        return push_text(number(4));
      case 'U':  // SHORT_BINSTRING
        return push_text(byte());
      default:
        return execute_collection(code);
    }
  }

  void execute_collection(std::uint8_t code) {
    switch (code) {
      case ')':  // EMPTY_TUPLE
        return push_tuple({});
      case 0x85:  // TUPLE1
      case 0x86:  // TUPLE2
      case 0x87:  // TUPLE3
        return push_tuple_of(code - 0x84U);
      case 't':  // TUPLE
        return push_tuple(pop_to_mark());
      case ']':  // EMPTY_LIST
        return push(make(Kind::list));
      case '}':  // EMPTY_DICT
        return push(make(Kind::dict));
      case 'a': {  // APPEND
        PickleValue* item = pop();
        return append({item}, Kind::list);
      }
      case 'e':  // APPENDS
        return append(pop_to_mark(), Kind::list);
      case 's': {  // SETITEM
        PickleValue* value = pop();
        PickleValue* key = pop();
        return append({key, value}, Kind::dict);
      }
      case 'u':  // SETITEMS
        return append(pop_to_mark(), Kind::dict);
      default:
        refuse(
            {"its pickle has the instruction 0x{:02x} at byte {}, which torch.save does not write for "
             "tensors",
             "其 pickle 第 {1} 字节处的指令 0x{0:02x} 不是 torch.save 为张量写出的指令", code, at_ - 1});
    }
  }

  Pickle& pickle_;
  std::span<const std::byte> bytes_;
  const std::function<Error(const Text&)>& error_;
  std::size_t at_ = 0;
  bool stopped_ = false;
  std::vector<PickleValue*> stack_;
  std::vector<std::size_t> marks_;  // heights of the stack
  std::unordered_map<std::uint64_t, PickleValue*> memo_;
};

Pickle::Pickle(std::span<const std::byte> bytes, const std::function<Error(const Text&)>& error) {
  PickleMachine(*this, bytes, error).run();
}

}  // namespace wring
