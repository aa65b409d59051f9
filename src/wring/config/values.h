#pragma once
#include <string>

#include "wring/base/text.h"
#include "wring/config/document.h"
#include "wring/config/keys.h"

namespace wring {

// Why a value does not suit its key, without the place: the caller knows the file and the line.
struct BadValue {
  Text what;
  Text cure;
};

// Reads `value` as the key's type, checks range and choices, and stores it. Throws BadValue.
void assign(TrainConfig& config, const Key& key, const ConfigNode& value);

// The key's present value as YAML text that every YAML reader takes for the same type: PyYAML, for one, needs
// the point in 1.0e-07 to see a number.
std::string value_text(const TrainConfig& config, const Key& key);

// The same of a number alone.
std::string number_text(double value);

// A bound of a range for people: 1000000000 rather than 1.0e+09.
std::string bound_text(double value);

}  // namespace wring
