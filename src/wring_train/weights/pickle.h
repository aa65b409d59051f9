#pragma once
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "wring/base/error.h"

namespace wring {

// A value of a pickle. Items may be shared, and may form circles.
struct PickleValue {
  enum class Kind {
    none,
    boolean,
    integer,
    real,
    text,
    tuple,
    list,
    dict,      // items: key, value, key, value, …
    callable,  // text: "module name", one of the few that are known
    storage,   // items: what torch says of it (type, key, place, elements, …)
    tensor,    // items: what it is built from (storage, offset, sizes, strides, …)
  };
  Kind kind = Kind::none;
  std::int64_t integer = 0;  // of a boolean 0 or 1
  double real = 0;
  std::string text;
  std::vector<PickleValue*> items;
};

// Reads a pickle of protocol 2 as torch.save writes it for tensors in dicts, lists and tuples: a program for a machine
// with a stack (Lib/pickletools.py describes it). It runs no code: a pickle that names any other function or class, or
// has any other instruction, is refused with that name. The values live as long as this object.
class Pickle {
 public:
  // Throws what `error` makes of the reason: truncated, not allowed, larger than any set of tensors needs.
  Pickle(std::span<const std::byte> bytes, const std::function<Error(const Text& why)>& error);

  Pickle(Pickle&&) = default;
  Pickle(const Pickle&) = delete;

  const PickleValue& value() const { return *value_; }
  // Bytes up to and with the last instruction; others may follow.
  std::size_t size() const { return size_; }

 private:
  friend class PickleMachine;
  std::deque<PickleValue> values_;
  const PickleValue* value_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace wring
