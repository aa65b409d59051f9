#pragma once
#include <string>

#include "wring/report/tuning/record.h"

namespace wring {

// The plots of tuning_html(): rate against batch, peak memory against batch, each with its fitted line, the failures
// and the choice. Only trials with the config's own settings on real data, which one line can describe; "" without any.
std::string rate_plot(const TuningRecord& record, Language language);
std::string memory_plot(const TuningRecord& record, Language language);

// How the time of a step divides into waiting for data and the step itself, as bars; "" where no trial says.
std::string step_split(const TuningRecord& record, Language language);

}  // namespace wring
