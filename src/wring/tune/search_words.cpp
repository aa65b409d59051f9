#include "wring/tune/search_words.h"

#include <cmath>

#include <fmt/format.h>

#include "wring/tune/search_types.h"

namespace wring {
namespace {

// A program's message may be a page; its first line says what happened, of a Python traceback the last.
constexpr std::size_t kLongestMessage = 200;

std::string telling_line(const std::string& message) {
  std::string line = message.substr(0, message.find('\n'));
  if (line.starts_with("Traceback (most recent call last)")) {
    const std::size_t end = message.find_last_not_of(" \n");
    line = message.substr(0, end + 1);
    line = line.substr(line.rfind('\n') + 1);
  }
  if (line.size() <= kLongestMessage) return line;
  std::size_t end = kLongestMessage;
  while (end > 0 && (static_cast<unsigned char>(line[end]) & 0xC0U) == 0x80U) --end;  // not inside a character
  return line.substr(0, end) + "…";
}

Text outcome_words(TrialOutcome outcome) {
  switch (outcome) {
    case TrialOutcome::ok:
      return {"no rate was reported", "没有给出速率"};
    case TrialOutcome::oom:
      return {"out of memory", "显存不足"};
    case TrialOutcome::error:
      return {"the program failed", "程序出错"};
    case TrialOutcome::hang:
      return {"no answer within its time, ended", "超时无响应，已结束"};
    case TrialOutcome::killed:
      return {"killed from outside, most likely for host memory", "被外部终止，多半是主机内存不足"};
  }
  return {};
}

}  // namespace

std::string_view role_name(TrialRole role) {
  switch (role) {
    case TrialRole::probe:
      return "probe";
    case TrialRole::jump:
      return "jump";
    case TrialRole::verify:
      return "verify";
    case TrialRole::refine:
      return "refine";
    case TrialRole::soak:
      return "soak";
    case TrialRole::knob:
      return "knob";
  }
  return "";
}

Text role_text(TrialRole role) {
  switch (role) {
    case TrialRole::probe:
      return {"probe", "探测"};
    case TrialRole::jump:
      return {"jump", "跳跃"};
    case TrialRole::verify:
      return {"verify", "验证"};
    case TrialRole::refine:
      return {"refine", "细化"};
    case TrialRole::soak:
      return {"soak", "长测"};
    case TrialRole::knob:
      return {"knob", "选项"};
  }
  return {};
}

Text failure_text(const TrialResult& result) {
  Text words = outcome_words(result.outcome);
  const std::string message = telling_line(result.message);
  if (message.empty()) return words;
  return {words.en + ": " + message, words.zh + "：" + message};
}

std::string rate_figure(double samples_per_s) {
  if (samples_per_s >= 100) return fmt::format("{:.0f}", samples_per_s);
  return samples_per_s >= 10 ? fmt::format("{:.1f}", samples_per_s) : fmt::format("{:.2f}", samples_per_s);
}

std::string percent_figure(double share) {
  const double percent = 100 * share;
  return std::abs(percent) >= 10 ? fmt::format("{:.0f}", percent) : fmt::format("{:.1f}", percent);
}

std::string assignments_text(const std::vector<Assignment>& set) {
  std::string text;
  for (const Assignment& one : set) text += (text.empty() ? "" : ", ") + one.key + "=" + one.value;
  return text;
}

}  // namespace wring
