#pragma once
#include <string>
#include <vector>

#include "wring/cli/command_description.h"

namespace wring {

// The manual page (man(7)) of a command, or of `wring` itself, in one language. `related`: the names of the other
// pages.
std::string manual_page(const CommandDescription& command, const std::vector<std::string>& related, Language language);

// "wring optimize" → "wring-optimize": the name of a command's page.
std::string page_name(const CommandDescription& command);

}  // namespace wring
