// docs/trial_protocol.md shows lines and programs: they are what this code reads.
#include <sstream>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixtures/temporary_folder.h"
#include "wring/files/files.h"
#include "wring/process/child_process.h"
#include "wring/trial/protocol.h"
#include "wring/trial/worker_runner.h"

namespace wring {
namespace {

using testing_support::TemporaryFolder;

// The blocks of the document in this language.
std::vector<std::string> blocks(const std::string& language) {
  const std::string text = read_file(WRING_SOURCE_DIR "/docs/trial_protocol.md");
  const std::string begin = "```" + language + "\n";
  std::vector<std::string> found;
  for (std::size_t at = text.find(begin); at != std::string::npos; at = text.find(begin, at + 1)) {
    const std::size_t start = at + begin.size();
    found.push_back(text.substr(start, text.find("```", start) - start));
  }
  return found;
}

std::vector<std::string> lines_of(const std::string& block) {
  std::istringstream in(block);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

TEST(ProtocolDocument, ItsRequestIsOneOfOurs) {
  const std::string line = lines_of(blocks("json").at(0)).at(0);
  EXPECT_EQ(request_line(parse_request(line)).size(), line.size() + 2) << "no field too few: but max_seconds is 5.0";
}

TEST(ProtocolDocument, ItsEventsAreOurs) {
  const auto lines = lines_of(blocks("json").at(1));
  EXPECT_EQ(lines.size(), 8u);
  for (const std::string& line : lines) {
    const auto event = parse_event(line);
    ASSERT_TRUE(event) << line;
    EXPECT_EQ(event_line(*event), line);
  }
}

TEST(ProtocolDocument, ItsWorkerServesTrials) {
  const TemporaryFolder folder;
  const std::string before = R"(import types
torch = types.SimpleNamespace(OutOfMemoryError=MemoryError)
def train_and_measure(values, measure):
    if values["batch_size"] > 64:
        raise MemoryError("too much")
    return 10.0 * values["batch_size"]
)";
  WorkerOptions options;
  options.command = {"python3", folder.write("worker.py", before + blocks("python").at(1))};
  WorkerRunner runner(options);
  const auto run = [&](const std::string& batch) {
    return runner.run({.set = {{"batch_size", batch}}, .measure = {}});
  };
  EXPECT_EQ(run("8").samples_per_s, 80);
  EXPECT_EQ(run("64").samples_per_s, 640);
  const TrialResult result = run("128");
  EXPECT_EQ(result.outcome, TrialOutcome::oom);
  EXPECT_EQ(result.message, "too much");
}

TEST(ProtocolDocument, ItsMeasurementPrintsAnEvent) {
  const TemporaryFolder folder;
  const std::string before = R"(import sys, types
sys.modules["torch"] = types.SimpleNamespace(
    cuda=types.SimpleNamespace(synchronize=lambda: None, max_memory_reserved=lambda: 3 * 2**19))
)";
  const std::string after = "measured(lambda: sum(range(1000)), 4)\n";
  const ChildResult result =
      run_child({"python3", folder.write("measured.py", before + blocks("python").at(0) + after)});
  ASSERT_TRUE(result.ok()) << result.err;
  const auto event = parse_event(lines_of(result.out).at(0));
  ASSERT_TRUE(event && event->done);
  EXPECT_GT(event->done->samples_per_s, 0);
  EXPECT_EQ(event->done->memory.peak_reserved_mib, 2);  // of 1.5
}

}  // namespace
}  // namespace wring
