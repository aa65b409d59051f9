#pragma once
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wring/gpu/inventory.h"

namespace wring {

// What `nvidia-smi --query-gpu` printed: one row a card, one text a field.
struct SmiTable {
  std::vector<std::vector<std::string>> rows;  // as many texts each as fields were asked for
  std::optional<GpuProblem> problem;           // why there are no rows
  std::optional<GpuProblem> warning;           // what it said or how it ended beside the rows
};

// A question to nvidia-smi (or what WRING_NVIDIA_SMI names). Fields that it is too old to know are left out from then
// on.
class SmiQuery {
 public:
  explicit SmiQuery(std::vector<std::string> fields) : fields_(std::move(fields)) {}

  // Never throws; `timeout` is for each call of nvidia-smi, which is killed after it, and beyond 1 MiB of output. Lines
  // with another number of fields are no cards; the rows stay, however it ended.
  SmiTable ask(std::chrono::milliseconds timeout = std::chrono::seconds(3));

  // The columns of the last answer.
  const std::vector<std::string>& fields() const { return fields_; }

 private:
  bool drop_refused_field(const std::string& answer);

  std::vector<std::string> fields_;
};

// What nvidia-smi told of its cards, or why it could not be asked.
struct SmiAnswer {
  std::vector<Gpu> gpus;
  std::string driver_version;
  std::optional<GpuProblem> problem;
  std::optional<GpuProblem> warning;  // the cards are there all the same
};

// Asks for every card and its static facts. Never throws.
SmiAnswer ask_nvidia_smi(std::chrono::milliseconds timeout = std::chrono::seconds(3));

// Reads rows whose columns are `fields`. Values in brackets ("[N/A]", "[Not Supported]") and anything that is not a
// number where one belongs are absent.
SmiAnswer read_smi_table(const SmiTable& table, const std::vector<std::string>& fields);

}  // namespace wring
