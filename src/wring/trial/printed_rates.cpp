#include "wring/trial/printed_rates.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <re2/re2.h>

#include "wring/base/error.h"
#include "wring/base/parse.h"

namespace wring {
namespace {

constexpr std::size_t kStartRates = 2;
// A line beyond it is no report of a rate.
constexpr std::size_t kLongestLine = 4096;

const char* const kExampleEn = R"(for "speed: 812.5 samples/s" it is --rate-regex 'speed: ([0-9.]+) samples/s')";
const char* const kExampleZh = R"(例如，对于 "speed: 812.5 samples/s"，请用 --rate-regex 'speed: ([0-9.]+) samples/s')";

// What users bring along from other engines and RE2 leaves out; empty where it is something else.
Text unbounded_part(const re2::RE2& expression) {
  const std::string& part = expression.error_arg();
  const auto has = [&](std::string_view sign) { return expression.pattern().find(sign) != std::string::npos; };
  // Of these RE2 names the first three characters, which a named group has as well.
  if (part == "(?<" && (has("(?<=") || has("(?<!"))) return {"a look-behind", "后行断言"};
  if (part == "(?=" || part == "(?!") return {"a look-ahead", "先行断言"};
  const bool escape = part.size() == 2 && part[0] == '\\';
  if (escape && (part[1] == 'k' || (part[1] >= '1' && part[1] <= '9'))) return {"a back-reference", "反向引用"};
  return {};
}

Error refusal(const re2::RE2& expression) {
  const std::string& text = expression.pattern();
  const Text unbounded = unbounded_part(expression);
  if (unbounded.empty()) {
    return {ErrorCode::usage,
            {"the rate's expression '{}' cannot be read: {}", "无法解析速率表达式 '{}'：{}", text, expression.error()},
            {kExampleEn, kExampleZh}};
  }
  return {ErrorCode::usage,
          {"the rate's expression '{}' has {}, '{}', for which no time could be promised: it cannot be used here",
           "速率表达式 '{}' 含有{} '{}'，其匹配时间没有上限：此处不可用", text, unbounded, expression.error_arg()},
          {fmt::format("write what stands around the number as it is printed: {}", kExampleEn),
           fmt::format("请照原样写出数字前后的文字：{}", kExampleZh)}};
}

std::shared_ptr<const re2::RE2> compiled(const std::string& text) {
  const bool ascii = std::ranges::all_of(text, [](unsigned char c) { return c < 0x80; });
  re2::RE2::Options options;
  options.set_log_errors(false);
  // An expression in ASCII finds its rate also in a line that is no UTF-8.
  options.set_encoding(ascii ? re2::RE2::Options::EncodingLatin1 : re2::RE2::Options::EncodingUTF8);
  auto expression = std::make_shared<const re2::RE2>(text, options);
  if (!expression->ok()) throw refusal(*expression);
  if (expression->NumberOfCapturingGroups() > 0) return expression;
  throw Error(ErrorCode::usage,
              {"the rate's expression '{}' has no group (…) around the number",
               "速率表达式 '{}' 没有用括号 (…) 括住数字", text},
              {kExampleEn, kExampleZh});
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
  line = line.substr(0, kLongestLine);
  std::string digits;
  if (!re2::RE2::PartialMatch(re2::StringPiece(line.data(), line.size()), *expression_, &digits)) return std::nullopt;
  if (digits.find(',') != std::string::npos) {
    // 12,345.6 is grouped by thousands. In 1,5 the comma may be a decimal one: no rate beats a wrong one.
    static const re2::RE2 groups(R"(\d{1,3}(,\d{3})+(\.\d*)?)");
    if (!re2::RE2::FullMatch(digits, groups)) return std::nullopt;
    std::erase(digits, ',');
  }
  const auto rate = parse_number<double>(digits);
  return rate && *rate > 0 && std::isfinite(*rate) ? rate : std::nullopt;
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
