#pragma once
#include <string>
#include <string_view>

#include "wring/base/text.h"
#include "wring/config/document.h"
#include "wring/config/keys.h"

namespace wring {

// Why a value does not suit its key, without the place: the caller knows the file and the line.
struct BadValue {
  Text what;
  Text cure;
};

// Reads `value` as the key's type, checks range and choices, and stores it; null (~, null or nothing) means the
// default. Throws BadValue.
void assign(TrainConfig& config, const Key& key, const ConfigNode& value);

// The value of "key=value" as --set gives it: "100,200" or "[100, 200]" for a list; "", "~" and "null" are null.
ConfigNode node_of_argument(const Key& key, std::string_view text);

// The key's present value as YAML text that every YAML reader takes for the same type: PyYAML, for one, needs
// the point in 1.0e-07 to see a number.
std::string value_text(const TrainConfig& config, const Key& key);

// The same of a number alone.
std::string number_text(double value);

// A bound of a range for people: 1000000000 rather than 1.0e+09.
std::string bound_text(double value);

}  // namespace wring
