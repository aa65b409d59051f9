#include "wring/base/environment.h"

#include <cstdlib>

namespace wring {

std::optional<std::string_view> environment(VariableName name) {
  const char* value = std::getenv(name.text());
  return value != nullptr ? std::optional<std::string_view>(value) : std::nullopt;
}

}  // namespace wring
