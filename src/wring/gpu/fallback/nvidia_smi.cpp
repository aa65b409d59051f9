#include "wring/gpu/fallback/nvidia_smi.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "wring/base/display_text.h"
#include "wring/base/environment.h"
#include "wring/base/error.h"
#include "wring/base/parse.h"
#include "wring/gpu/nvml/errors.h"
#include "wring/process/child_process.h"

namespace wring {
namespace {

const std::vector<std::string> kInventoryFields = {"index",           "uuid",         "name",
                                                   "pci.bus_id",      "memory.total", "memory.used",
                                                   "memory.reserved", "compute_cap",  "driver_version"};

constexpr std::size_t kMostOutput = 1 << 20;
constexpr std::size_t kLongestWords = 300;  // of an odd line, in a message
const Text kNothingToDo{"the cards that it lists are read all the same", "它列出的显卡仍会照常读取"};

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

std::string_view take_until(std::string_view& text, char end) {
  const auto at = text.find(end);
  const std::string_view part = text.substr(0, at);
  text.remove_prefix(at == std::string_view::npos ? text.size() : at + 1);
  return part;
}

std::string first_line(std::string_view text) {
  const std::string_view words = trim(text);
  return without_controls(trim(words.substr(0, words.find('\n'))).substr(0, kLongestWords));
}

GpuProblem lost_card(int code) {
  const nvml::ErrorRow& row = nvml::error_row(code);
  return {row.message, row.cure, code};
}

void store(std::string_view field, std::string_view value, Gpu& gpu, std::string& driver_version) {
  if (value == "[GPU is lost]") gpu.problem = lost_card(nvml::kGpuIsLost);
  if (value.starts_with('[') || value.empty()) return;
  if (field == "index") gpu.index = parse_number<int>(value).value_or(gpu.index);
  if (field == "uuid") gpu.uuid = value;
  if (field == "name") gpu.name = value;
  if (field == "pci.bus_id") gpu.pci_bus_id = value;
  if (field == "memory.total") gpu.memory_total_mib = parse_number<std::int64_t>(value);
  if (field == "memory.used") gpu.memory_used_mib = parse_number<std::int64_t>(value);
  if (field == "memory.reserved") gpu.memory_reserved_mib = parse_number<std::int64_t>(value);
  if (field == "driver_version") driver_version = value;
  if (field == "compute_cap") {
    const auto major = parse_number<int>(take_until(value, '.'));
    const auto minor = parse_number<int>(value);
    if (!major || !minor) return;
    gpu.compute_capability_major = major;
    gpu.compute_capability_minor = minor;
  }
}

// How it ended, and its own words: an odd line of the table first, since it explains itself on standard output.
GpuProblem trouble(const ChildResult& result, std::chrono::milliseconds timeout, const std::string& odd_line,
                   bool lists_cards) {
  if (result.timed_out) {
    const double seconds = static_cast<double>(timeout.count()) / 1000.0;
    return {{"nvidia-smi did not answer within {} s", "nvidia-smi 在 {} 秒内没有响应", seconds},
            nvml::error_row(10).cure,
            0};
  }
  if (result.printed_too_much) {
    return {{"nvidia-smi printed more than 1 MiB and was stopped", "nvidia-smi 的输出超过 1 MiB，已被终止"},
            nvml::error_row(999).cure,
            0};
  }
  // Its exit status is NVML's return code.
  const int status = result.exit_status.value_or(0);
  const std::string how =
      result.signal ? fmt::format("signal {}", *result.signal) : fmt::format("exit status {}", status);
  const std::string words = odd_line.empty() ? first_line(result.err) : odd_line;
  const Text what = words.empty() ? Text("nvidia-smi failed ({})", "nvidia-smi 失败（{}）", how)
                                  : Text("nvidia-smi: {} ({})", "nvidia-smi：{}（{}）", words, how);
  const int code =
      status == nvml::kSuccess && words.find("infoROM") != std::string::npos ? nvml::kCorruptedInforom : status;
  return {what, code == nvml::kSuccess && lists_cards ? kNothingToDo : nvml::error_row(code).cure, code};
}

std::vector<std::string> command_for(const std::vector<std::string>& fields) {
  const std::string_view replacement = environment("WRING_NVIDIA_SMI").value_or("");
  return {std::string(replacement.empty() ? "nvidia-smi" : replacement),
          fmt::format("--query-gpu={}", fmt::join(fields, ",")), "--format=csv,noheader,nounits"};
}

// Empty fields count: "0, GPU-a, " has three.
std::vector<std::string> split_fields(std::string_view line) {
  std::vector<std::string> fields;
  for (bool more = true; more;) {
    more = line.find(',') != std::string_view::npos;
    fields.push_back(without_controls(trim(take_until(line, ','))));
  }
  return fields;
}

// The rows of `fields` columns, and the first other line. What a killed child left without a line's end is half a line.
std::vector<std::vector<std::string>> read_rows(std::string_view csv, std::size_t fields, bool whole,
                                                std::string& odd_line) {
  std::vector<std::vector<std::string>> rows;
  if (!whole) csv = csv.substr(0, csv.rfind('\n') + 1);
  while (!csv.empty()) {
    const std::string_view line = trim(take_until(csv, '\n'));
    if (line.empty()) continue;
    std::vector<std::string> row = split_fields(line);
    if (row.size() == fields) {
      rows.push_back(std::move(row));
    } else if (odd_line.empty()) {
      odd_line = without_controls(line.substr(0, kLongestWords));
    }
  }
  return rows;
}

}  // namespace

SmiTable SmiQuery::ask(std::chrono::milliseconds timeout) {
  try {
    for (;;) {
      const ChildResult result =
          run_child(command_for(fields_),
                    {.timeout = timeout, .working_folder = {}, .environment = {}, .most_output = kMostOutput});
      if (!result.ok() && (drop_refused_field(result.out) || drop_refused_field(result.err))) continue;
      SmiTable table;
      std::string odd_line;
      table.rows = read_rows(result.out, fields_.size(), /*whole=*/!result.signal, odd_line);
      if (!result.ok() || !odd_line.empty()) {
        const bool lists_cards = !table.rows.empty();
        (lists_cards ? table.warning : table.problem) = trouble(result, timeout, odd_line, lists_cards);
      }
      return table;
    }
  } catch (const Error& error) {
    return {{}, GpuProblem{error.message(), nvml::error_row(nvml::kLibraryNotFound).cure, 0}, {}};
  }
}

// It says: Field "memory.reserved" is not a valid field to query.
bool SmiQuery::drop_refused_field(const std::string& answer) {
  if (answer.find("not a valid field") == std::string::npos) return false;
  const auto refused = std::find_if(fields_.begin(), fields_.end(), [&](const std::string& field) {
    return answer.find('"' + field + '"') != std::string::npos;
  });
  if (refused == fields_.end()) return false;
  fields_.erase(refused);
  return !fields_.empty();
}

SmiAnswer read_smi_table(const SmiTable& table, const std::vector<std::string>& fields) {
  SmiAnswer answer;
  answer.problem = table.problem;
  answer.warning = table.warning;
  for (const std::vector<std::string>& row : table.rows) {
    Gpu gpu;
    gpu.index = static_cast<int>(answer.gpus.size());
    for (std::size_t i = 0; i < std::min(row.size(), fields.size()); ++i) {
      store(fields[i], row[i], gpu, answer.driver_version);
    }
    drop_impossible_memory(gpu);
    answer.gpus.push_back(std::move(gpu));
  }
  return answer;
}

SmiAnswer ask_nvidia_smi(std::chrono::milliseconds timeout) {
  SmiQuery query(kInventoryFields);
  const SmiTable table = query.ask(timeout);
  return read_smi_table(table, query.fields());
}

}  // namespace wring
