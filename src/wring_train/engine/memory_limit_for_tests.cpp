#include "wring_train/engine/memory_limit_for_tests.h"

#include <cstdlib>
#include <string>

#include "wring/base/environment.h"

namespace wring {

bool over_limit_for_tests(std::int64_t micro_batch, const std::function<std::int64_t()>& step, int rank) {
  const std::string text(environment("WRING_TEST_OOM_ABOVE_BATCH").value_or(""));
  if (text.empty()) return false;
  char* end = nullptr;
  const std::int64_t limit = std::strtoll(text.c_str(), &end, 10);
  const std::int64_t from = *end == '@' ? std::strtoll(end + 1, &end, 10) : 0;
  if (*end == '/' && std::strtoll(end + 1, nullptr, 10) != rank) return false;
  return micro_batch > limit && step() >= from;
}

}  // namespace wring
