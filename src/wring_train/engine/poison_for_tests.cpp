#include "wring_train/engine/poison_for_tests.h"

#include <cstdlib>

namespace wring {

bool poisoned_for_tests(std::int64_t batch, double lr) {
  const char* text = std::getenv("WRING_TEST_NAN_LOSS");
  if (text == nullptr || *text == '\0') return false;
  char* end = nullptr;
  const std::int64_t first = std::strtoll(text, &end, 10);
  const std::int64_t last = *end == '-' ? std::strtoll(end + 1, &end, 10) : first;
  const double above = *end == ':' ? std::strtod(end + 1, nullptr) : 0;
  return batch >= first && batch <= last && lr > above;
}

}  // namespace wring
