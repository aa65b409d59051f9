#include "wring_train/measure/host_memory.h"

#include <cstdint>
#include <new>
#include <optional>

#include <c10/util/Exception.h>

#include "wring/console/memory_error.h"

namespace wring {

int telling_memory(const std::string& subject, const Text& cure, const std::function<int()>& work) {
  const auto ended = [&](std::optional<std::int64_t> bytes) {
    const Error error = memory_ended(bytes, cure);
    return Error(error.code(), {"{}{}", "{}{}", subject, error.message()}, cure);
  };
  try {
    return work();
  } catch (const c10::Error& error) {
    if (const auto bytes = bytes_denied(error.what_without_backtrace())) throw ended(bytes);
    throw;
  } catch (const std::bad_alloc&) {
    throw ended(std::nullopt);
  }
}

}  // namespace wring
