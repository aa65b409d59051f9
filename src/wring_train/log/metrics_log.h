#pragma once
#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "wring_train/log/append_file.h"

namespace wring {

// A run's measurements as JSON lines: one object a line, whole once written, in the order of time.
// Not for several threads at a time.
class MetricsLog {
 public:
  // Without resumed_step an existing file is emptied. With it the run continues: lines whose "step" is larger
  // than resumed_step are cut away (they will be measured again), as is anything that is not a whole JSON
  // object, such as the half line of a killed run. `measured_again`: a key whose lines of resumed_step itself are cut
  // away too. Throws Error{failed} naming the file.
  MetricsLog(const std::shared_ptr<const Folder>& folder, const std::string& name,
             std::optional<std::int64_t> resumed_step = std::nullopt, const std::string& measured_again = {});

  // Appends the object and hands the line to the system at once. Numbers that JSON lacks (NaN, infinity)
  // become null. Throws Error{failed} naming the file when it cannot be written.
  void write(const nlohmann::ordered_json& record);

 private:
  AppendFile file_;
};

}  // namespace wring
