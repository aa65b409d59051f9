#pragma once
#include <string>

#include "wring/report/tuning/record.h"

namespace wring {

// The record as one HTML page that needs no other file and no network: styles and plots (SVG) stand inside it, it has
// no scripts, it follows the reader's light or dark setting, and all text from outside is escaped. UTF-8.
std::string tuning_html(const TuningRecord& record, Language language);

}  // namespace wring
