#include "wring_train/engine/poison_for_tests.h"

#include <cstdlib>
#include <string>

#include "wring/base/environment.h"

namespace wring {

bool poisoned_for_tests(std::int64_t batch, double lr) {
  const std::string text(environment("WRING_TEST_NAN_LOSS").value_or(""));
  if (text.empty()) return false;
  char* end = nullptr;
  const std::int64_t first = std::strtoll(text.c_str(), &end, 10);
  const std::int64_t last = *end == '-' ? std::strtoll(end + 1, &end, 10) : first;
  const double above = *end == ':' ? std::strtod(end + 1, nullptr) : 0;
  return batch >= first && batch <= last && lr > above;
}

}  // namespace wring
