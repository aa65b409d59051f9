#pragma once
#include <string>

#include "wring/base/text.h"

namespace wring {

// The catalogue of metrics as a Markdown table, for docs/metrics.md and its Chinese twin.
std::string metrics_table(Language language);

}  // namespace wring
