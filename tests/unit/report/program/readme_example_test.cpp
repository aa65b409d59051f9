// The example of `wring diagnose -- COMMAND` in README is what is printed of its record in bench/results, in both
// languages.
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "wring/findings/judge.h"
#include "wring/report/program/text.h"

namespace wring {
namespace {

using nlohmann::json;

constexpr const char* kRecord = "/bench/results/2026-11-30-h200-programs.json";

std::string content(const std::string& file) {
  std::ifstream stream(WRING_SOURCE_DIR + ("/" + file));
  return (std::stringstream() << stream.rdbuf()).str();
}

// `plain.py loader` of bench/program_check.py, with the settings of its loader.
JudgedProcess recorded() {
  const json record = json::parse(content(kRecord));
  json found;
  for (const json& one : record["cases"]) {
    if (one["program"] == "plain" && one["plant"] == "loader") found = one;
  }
  JudgedProcess judged;
  judged.seen.process.device = "cuda:0";
  judged.seen.cpu_cores = 16;
  judged.seen.steps.n = found["steps"]["n"];
  judged.seen.steps.mean_ms = found["steps"]["mean_ms"];
  judged.seen.steps.loader_wait_ms = found["steps"]["loader_wait_ms"];
  ObservedLoader loader;
  loader.place = {"plain.py", found["findings"][0]["changes"][0]["line"]};
  loader.pin_memory = true;
  loader.wait_ms = judged.seen.steps.loader_wait_ms;
  judged.seen.loaders.push_back(loader);
  judged.shares = StepShares{};
  judged.shares->step_ms = found["shares"]["step_ms"];
  for (const ShareRow& row : kShareRows) {
    (*judged.shares).*row.ms = found["shares"][std::string(row.key) + "_ms"].get<double>();
  }
  judged.work = StepWork{};
  judged.findings = diagnose_program({judged.seen, *judged.shares, *judged.work});
  return judged;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

// The block of output after the title; it is shortened, so that lines of what is printed may be missing in it.
std::vector<std::string> example(const std::string& file, const std::string& title) {
  const std::string text = content(file);
  const std::size_t at = text.find("```\n  ", text.find(title));
  const std::size_t begin = at + 4;
  return lines_of(text.substr(begin, text.find("```", begin) - begin));
}

void expect_printed(const std::vector<std::string>& shown, Language language) {
  const std::string text = judged_text(recorded(), {language, true});
  const std::vector<std::string> printed = lines_of(text);
  EXPECT_GT(shown.size(), 7U);
  std::size_t from = 0;
  for (const std::string& line : shown) {
    std::size_t at = from;
    while (at < printed.size() && printed[at] != line) ++at;
    EXPECT_LT(at, printed.size()) << '"' << line << "\" is not printed, or not there:\n" << text;
    if (at < printed.size()) from = at + 1;
  }
}

TEST(ReadmeExample, IsWhatIsPrintedOfItsRecord) {
  expect_printed(example("README.md", "## Why is my GPU idle?"), Language::en);
  expect_printed(example("README.zh-CN.md", "## GPU 为什么空闲？"), Language::zh);
}

}  // namespace
}  // namespace wring
