#include "wring_train/log/metrics_log.h"

#include <nlohmann/json.hpp>
#include <string_view>

#include "wring/base/json_text.h"
#include "wring/files/files.h"

namespace wring {
namespace {

// Whether the line is one that a run resumed after `step` has already measured.
bool stays(std::string_view line, std::int64_t step, const std::string& measured_again) {
  const auto record = nlohmann::json::parse(line, nullptr, false);
  if (!record.is_object()) return false;
  const auto at = record.find("step");
  if (at == record.end() || !at->is_number()) return true;
  const auto last = static_cast<double>(step);
  return at->get<double>() < last || (at->get<double>() == last && !record.contains(measured_again));
}

std::string lines_until(std::string_view content, std::int64_t step, const std::string& measured_again) {
  std::string kept;
  while (!content.empty()) {
    const std::size_t end = content.find('\n');
    const std::string_view line = content.substr(0, end);
    if (stays(line, step, measured_again)) kept.append(line).push_back('\n');
    content.remove_prefix(end == std::string_view::npos ? content.size() : end + 1);
  }
  return kept;
}

const std::shared_ptr<const Folder>& prepared(const std::shared_ptr<const Folder>& folder, const std::string& name,
                                              std::optional<std::int64_t> resumed_step,
                                              const std::string& measured_again) {
  if (!folder->status(name)) return folder;
  const std::string before = resumed_step ? read_file(*folder, name) : std::string();
  const std::string after = resumed_step ? lines_until(before, *resumed_step, measured_again) : std::string();
  if (!resumed_step || after != before) write_file_atomically(*folder, name, after);
  return folder;
}

}  // namespace

MetricsLog::MetricsLog(const std::shared_ptr<const Folder>& folder, const std::string& name,
                       std::optional<std::int64_t> resumed_step, const std::string& measured_again)
    : file_(prepared(folder, name, resumed_step, measured_again), name) {}

void MetricsLog::write(const nlohmann::ordered_json& record) {
  file_.append(json_text(record) + "\n");
}

}  // namespace wring
