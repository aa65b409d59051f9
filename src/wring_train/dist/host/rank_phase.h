#pragma once

namespace wring {

// What a rank does. All but training may take the ranks different times: no rank that is in it hangs so soon.
enum class RankPhase { training, starting, validating, saving };

}  // namespace wring
