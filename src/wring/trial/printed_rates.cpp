#include "wring/trial/printed_rates.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include "wring/base/error.h"

namespace wring {
namespace {

constexpr std::size_t kStartRates = 2;
// std::regex recurses for each character.
constexpr std::size_t kLongestLine = 4096;

const char* const kExampleEn = R"(for "speed: 812.5 samples/s" it is --rate-regex 'speed: ([0-9.]+) samples/s')";
const char* const kExampleZh = R"(例如，对于 "speed: 812.5 samples/s"，请用 --rate-regex 'speed: ([0-9.]+) samples/s')";

std::regex compiled(const std::string& expression) {
  try {
    std::regex regex(expression, std::regex::ECMAScript | std::regex::optimize);
    if (regex.mark_count() == 0) {
      throw Error(ErrorCode::usage,
                  {fmt::format("the rate's expression '{}' has no group (…) around the number", expression),
                   fmt::format("速率表达式 '{}' 没有用括号 (…) 括住数字", expression)},
                  {kExampleEn, kExampleZh});
    }
    return regex;
  } catch (const std::regex_error& error) {
    throw Error(ErrorCode::usage,
                {fmt::format("the rate's expression '{}' cannot be read: {}", expression, error.what()),
                 fmt::format("无法解析速率表达式 '{}'：{}", expression, error.what())},
                {kExampleEn, kExampleZh});
  }
}

double quantile(const std::vector<double>& sorted, double share) {
  const double at = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return std::lerp(sorted[below], sorted[above], at - static_cast<double>(below));
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return quantile(values, 0.5);
}

}  // namespace

RatePattern::RatePattern(const std::string& expression) : expression_(compiled(expression)) {}

std::optional<double> RatePattern::rate_in(std::string_view line) const {
  std::match_results<std::string_view::const_iterator> match;
  line = line.substr(0, kLongestLine);
  try {
    if (!std::regex_search(line.begin(), line.end(), match, expression_)) return std::nullopt;
  } catch (const std::regex_error&) {  // too much work for this line
    return std::nullopt;
  }
  std::string digits = match[1].str();
  if (digits.find(',') != std::string::npos) {
    // 12,345.6 is grouped by thousands. In 1,5 the comma may be a decimal one: no rate beats a wrong one.
    static const std::regex groups(R"(\d{1,3}(,\d{3})+(\.\d*)?)");
    if (!std::regex_match(digits, groups)) return std::nullopt;
    std::erase(digits, ',');
  }
  double rate = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), rate);
  const bool whole = error == std::errc() && end == digits.data() + digits.size();
  return whole && rate > 0 && std::isfinite(rate) ? std::optional(rate) : std::nullopt;
}

RateSummary summarise_rates(std::vector<double> rates, std::optional<std::int64_t> batch) {
  if (rates.size() > kStartRates) rates.erase(rates.begin(), rates.begin() + kStartRates);
  RateSummary summary;
  summary.samples_per_s = median(rates);
  summary.step_ms.n = std::ssize(rates);
  if (!batch) return summary;
  std::vector<double> times_ms;
  for (const double rate : rates) times_ms.push_back(1000 * static_cast<double>(*batch) / rate);
  std::ranges::sort(times_ms);
  summary.step_ms.median = quantile(times_ms, 0.5);
  summary.step_ms.p95 = quantile(times_ms, 0.95);
  std::vector<double> deviations;
  for (const double time : times_ms) deviations.push_back(std::abs(time - summary.step_ms.median));
  summary.step_ms.mad = median(deviations);
  return summary;
}

}  // namespace wring
