#pragma once
#include <nlohmann/json.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixtures/programs.h"

namespace wring::testing_support {

// wring and optimize_gpu copied beside a worker that plays a card of a few numbers (tests/fixtures/fake_worker.py).
class TuningTest : public testing::Test {
 protected:
  static constexpr const char* kConfig = "configs/mine.yaml";
  static constexpr const char* kOutput = "configs/mine_optimized.yaml";

  void SetUp() override {
    namespace fs = std::filesystem;
    const fs::path bin = programs_.folder().path() / "bin";
    fs::create_directories(bin);
    fs::copy_file(Programs::binary("wring"), bin / "wring");
    fs::copy_file(Programs::binary("optimize_gpu"), bin / "optimize_gpu");
    fs::copy_file(std::string(WRING_SOURCE_DIR) + "/tests/fixtures/fake_worker.py", bin / "wring-train");
    programs_.folder().write(kConfig, kSampleConfig);
    programs_.set("FAKE_LOG", (programs_.folder().path() / "requests").string());
    set_card("");
  }

  // key=value,…: what differs from the worker's own card.
  void set_card(const std::string& card) { programs_.set("FAKE_CARD", card); }

  std::string program(const std::string& name = "wring") const {
    return (programs_.folder().path() / "bin" / name).string();
  }
  ChildResult run(const std::vector<std::string>& arguments) const { return programs_.run(program(), arguments); }
  ChildResult benchmark(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> arguments = {"benchmark", kConfig};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(arguments);
  }

  nlohmann::json record(const std::string& name = "configs/mine_optimized.json") const {
    return nlohmann::json::parse(programs_.read(name));
  }
  // The requests that the worker saw.
  std::vector<nlohmann::json> requests() const {
    std::vector<nlohmann::json> found;
    if (!programs_.exists("requests")) return found;
    std::istringstream lines(programs_.read("requests"));
    for (std::string line; std::getline(lines, line);) found.push_back(nlohmann::json::parse(line));
    return found;
  }

  // Every file of the folder but the programs.
  std::vector<std::string> files() const {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(programs_.folder().path())) {
      const std::string name = std::filesystem::relative(entry.path(), programs_.folder().path()).string();
      if (entry.is_regular_file() && !name.starts_with("bin/") && name != "requests") found.push_back(name);
    }
    return found;
  }

  Programs programs_;
};

}  // namespace wring::testing_support
