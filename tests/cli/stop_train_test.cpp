// Signals while wring-train upscales and evaluates, and while it starts.
#include <csignal>

#include "cli/train_fixture.h"
#include "fixtures/pending_signal.h"
#include "fixtures/running_program.h"

namespace wring {
namespace {

using namespace testing_support;
using testing::HasSubstr;

class StopTrain : public TrainTest {
 protected:
  static constexpr int kPhotographs = 400;
  static constexpr const char* kCheckpoint = "experiments/run/checkpoints/best.safetensors";

  void SetUp() override {
    TrainTest::SetUp();
    ASSERT_EQ(train().exit_status, 0);
    std::filesystem::create_directory(programs_.folder().path() / "many");
    for (int i = 0; i < kPhotographs; ++i) {
      std::filesystem::create_hard_link(programs_.folder().path() / "data/val/HR/0.png",
                                        programs_.folder().path() / ("many/" + std::to_string(1000 + i) + ".png"));
    }
  }
  int images_in(const std::string& folder) const {
    int count = 0;
    if (!programs_.exists(folder)) return 0;
    for (const auto& entry : std::filesystem::directory_iterator(programs_.folder().path() / folder)) {
      count += entry.path().extension() == ".png" ? 1 : 0;
    }
    return count;
  }
};

TEST_F(StopTrain, UpscaleEndsSoonWithWholeImagesAndTellsHowMany) {
  for (const int signal : {SIGTERM, SIGHUP}) {
    const std::string folder = "big" + std::to_string(signal);
    RunningProgram running(programs_, {Programs::binary("wring"), "upscale", kCheckpoint, "many", "-o", folder,
                                       "--device", "cpu", "--tile", "32"});
    ASSERT_TRUE(RunningProgram::wait_until([&] { return images_in(folder) > 0; })) << running.err();
    running.send(signal);
    EXPECT_EQ(running.wait(), 130) << running.err();
    const int done = images_in(folder);
    EXPECT_THAT(running.err(), HasSubstr("interrupted: " + std::to_string(done) + " of " +
                                         std::to_string(kPhotographs) + " images are upscaled"));
    EXPECT_LT(done, kPhotographs);
  }
}

TEST_F(StopTrain, EvaluateTellsWhatItHasMeasuredUntilThen) {
  RunningProgram running(programs_, {Programs::binary("wring"), "evaluate", kCheckpoint, "many", "--save", "saved",
                                     "--device", "cpu", "--json"});
  ASSERT_TRUE(RunningProgram::wait_until([&] { return images_in("saved") > 1; })) << running.err();
  running.send(SIGTERM);
  EXPECT_EQ(running.wait(), 130) << running.err();
  const auto found = nlohmann::json::parse(running.out());
  EXPECT_EQ(found["interrupted"], true);
  EXPECT_EQ(found["images"].size(), static_cast<std::size_t>(images_in("saved")));
  EXPECT_THAT(running.err(), HasSubstr("interrupted: the mean is that of " + std::to_string(found["images"].size()) +
                                       " of " + std::to_string(kPhotographs) + " images"));
}

// While its libraries load nothing can listen; wring holds the signals back over that time.
TEST_F(StopTrain, ASignalWhileTheProgramLoadsIsAnsweredOnceItHas) {
  const std::vector<std::vector<std::string>> commands = {{"train", "tiny.yaml", "--device", "cpu"},
                                                          {"upscale", kCheckpoint, "many", "--device", "cpu"},
                                                          {"evaluate", kCheckpoint, "many", "--device", "cpu"}};
  for (const auto& command : commands) {
    std::vector<std::string> line = {Programs::binary("wring-train")};
    line.insert(line.end(), command.begin(), command.end());
    const ChildResult result = programs_.run("python3", with_pending(SIGTERM, line));
    EXPECT_EQ(result.exit_status, 130) << command[0];
    EXPECT_EQ(result.err, "interrupted\n") << command[0];
  }
  EXPECT_FALSE(programs_.exists("many_x2"));
}

}  // namespace
}  // namespace wring
