#include "wring/monitor/run_metrics.h"

#include <fstream>
#include <nlohmann/json.hpp>
#include <vector>

namespace wring {
namespace {

constexpr std::size_t kNewest = 20;  // lines; a straggler that recovers should not be blamed for long

}  // namespace

RunMetrics::RunMetrics(const std::filesystem::path& run)
    : file_(run.extension() == ".jsonl" ? run : run / "metrics.jsonl") {}

RunSummary RunMetrics::summary() {
  const std::scoped_lock lock(mutex_);
  read_new();
  const std::vector<RankLine> lines(newest_.begin(), newest_.end());
  return summarize_ranks(file_, lines);
}

void RunMetrics::read_new() {
  std::error_code error;
  const std::uintmax_t size = std::filesystem::file_size(file_, error);
  if (error || size == read_) return;
  if (size < read_) {  // another run of this name
    read_ = 0;
    lines_ = LineSplitter();
    newest_.clear();
  }
  std::ifstream stream(file_, std::ios::binary);
  stream.seekg(static_cast<std::streamoff>(read_));
  std::string text(size - read_, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(stream.gcount()));
  read_ += text.size();
  lines_.add(text, [this](std::string_view line) { take(line); });
}

void RunMetrics::take(std::string_view line) {
  const nlohmann::json json = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
  const auto number = [&](const char* key) { return json.contains(key) && json[key].is_number(); };
  if (!json.is_object() || !number("ranks") || !number("slowest_rank") || !number("data_wait_share") ||
      !number("data_wait_spread")) {
    return;
  }
  newest_.push_back({json["ranks"], json["slowest_rank"], json["data_wait_share"], json["data_wait_spread"]});
  if (newest_.size() > kNewest) newest_.pop_front();
}

}  // namespace wring
