#include "wring/console/assignments.h"

#include <cctype>

#include <fmt/format.h>

namespace wring {

Arguments separate_assignments(const Arguments& arguments) {
  const auto is_pair = [](const std::string& argument) {
    const auto equals = argument.find('=');
    if (equals == std::string::npos || equals == 0) return false;
    for (std::size_t i = 0; i < equals; ++i) {
      const auto c = static_cast<unsigned char>(argument[i]);
      if (std::isalnum(c) == 0 && c != '_') return false;
    }
    return true;
  };
  Arguments result;
  bool after_set = false;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] == "--set" && i + 1 < arguments.size()) {
      result.push_back(arguments[i++]);
      after_set = true;
    } else if (after_set && is_pair(arguments[i])) {
      result.emplace_back("--set");
    } else {
      after_set = false;
    }
    result.push_back(arguments[i]);
  }
  return result;
}

void require_pair(const std::string& assignment) {
  const auto equals = assignment.find('=');
  if (equals != std::string::npos && equals > 0) return;
  throw Error(ErrorCode::usage, {"--set: '{}' is not key=value", "--set：“{}”不是 key=value", assignment},
              {"for example: --set batch_size=32", "例如：--set batch_size=32"});
}

}  // namespace wring
