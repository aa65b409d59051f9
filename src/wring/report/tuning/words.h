#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "wring/base/text.h"
#include "wring/report/tuning/record.h"

namespace wring {

// The words and figures that the sinks of a tuning record share.

std::string percent_text(const std::optional<double>& percent);   // "87 %"; "–" where it was not measured
std::string memory_text(const std::optional<std::int64_t>& mib);  // "1210 MiB", "37.4 GiB"; "–"

// What is different from the config's own values, besides the batch size: "num_workers=8 channels_last=true".
using Settings = std::map<std::string, std::string>;  // by key
Settings settings_of(const TrialRequest& request, const std::string& batch_key);
std::string settings_text(const TrialRequest& request, const std::string& batch_key);

// Why a trial that ran has no rate.
Text no_rate_text(const TrialResult& result);

// What to make of one trial, in a few words: "ok", "out of memory", "fits only by giving memory back (3 times)", ….
Text trial_verdict(const RecordedTrial& trial);

}  // namespace wring
