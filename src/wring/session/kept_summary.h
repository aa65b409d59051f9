#pragma once
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <optional>

#include "wring/console/console.h"
#include "wring/monitor/notices.h"
#include "wring/session/monitor_options.h"

namespace wring {

// The summary on disk, renewed while the monitor runs: at --summary, beside the log, or in the cache folder. A file
// that cannot be written is told once.
class KeptSummary {
 public:
  // All must outlive it.
  KeptSummary(const MonitorOptions& options, const Console& console, MonitorNotices& notices);

  // Throws Error{failed} where --summary cannot be written: now, and not after a night's run.
  void check() const;

  void write(const nlohmann::ordered_json& summary);

  bool tries() const { return tries_; }      // nothing failed yet
  bool written() const { return written_; }  // at least once
  bool failed() const { return failed_; }    // what was asked for could not be written

 private:
  const MonitorOptions& options_;
  const Console& console_;
  MonitorNotices& notices_;
  std::optional<std::filesystem::path> path_;
  bool tries_ = true;
  bool written_ = false;
  bool failed_ = false;
};

}  // namespace wring
