// What upscale and evaluate write: a file an input, no input written over, and what is no image named and passed.
#include <sys/stat.h>

#include "fixtures/exif.h"
#include "train_fixture.h"
#include "wring_train/image/image.h"

namespace wring {
namespace {

using namespace testing_support;
using testing::AllOf;
using testing::HasSubstr;
namespace fs = std::filesystem;

class Outputs : public TrainTest {
 protected:
  fs::path path(const std::string& name) const { return programs_.folder().path() / name; }
  void put(const std::string& name, int width = 24, int height = 20) const {
    draw_photograph(programs_, name, width, height, 1);
  }
  ImageSize size_of(const std::string& name) const { return read_image_size(path(name)); }
  std::vector<std::string> files_in(const std::string& folder) const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(path(folder))) names.push_back(entry.path().filename().string());
    std::ranges::sort(names);
    return names;
  }
  ChildResult evaluate(std::vector<std::string> more) const {
    more.insert(more.begin(), {"evaluate", "--bicubic", "--scale", "2"});
    return programs_.wring(more);
  }
  // Links in a circle and to nothing, and a FIFO, beside the photographs of a folder.
  void add_what_is_no_image(const std::string& folder) const {
    fs::create_symlink("circle.png", path(folder + "/circle.png"));
    fs::create_symlink("/absent/disk/gone.png", path(folder + "/gone.png"));
    ASSERT_EQ(::mkfifo(path(folder + "/pipe.png").c_str(), 0600), 0);
  }
};

class Upscale : public Outputs {
 protected:
  void SetUp() override {
    TrainTest::SetUp();
    ASSERT_EQ(train({"--set", "total_iters=1"}).exit_status, 0);
  }
  ChildResult upscale(std::vector<std::string> more) const {
    more.insert(more.begin(), {"upscale", checkpoint("best.safetensors")});
    more.insert(more.end(), {"--device", "cpu"});
    return programs_.wring(more);
  }
};

TEST_F(Upscale, GivesEveryImageAFileOfItsOwnUprightAndNamesWhatIsNone) {
  put("photos/a.png");
  put("photos/b.png");
  fs::copy(path("photos/a.png"), path("photos/a.jpg"));  // formats are told by their content
  programs_.folder().write("photos/b.png", png_with_exif(programs_.read("photos/b.png"), exif_data(6)));
  add_what_is_no_image("photos");
  const ChildResult result = upscale({"photos"});
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.err, AllOf(HasSubstr("photos/circle.png: Too many levels of symbolic links"),
                                HasSubstr("photos/gone.png is a link to /absent/disk/gone.png, which is not there"),
                                HasSubstr("photos/pipe.png: it is not a regular file but a FIFO"),
                                HasSubstr("3 of 6 images could not be upscaled")));
  EXPECT_THAT(files_in("photos_x2"), testing::ElementsAre("a.jpg_x2.png", "a.png_x2.png", "b_x2.png"));
  EXPECT_EQ(size_of("photos_x2/b_x2.png").width, 40);
  EXPECT_EQ(size_of("photos_x2/b_x2.png").height, 48);
}

TEST_F(Upscale, NeverWritesOverAnInput) {
  put("photos/photo.png");
  put("photos/photo_x2.png", 30, 20);
  put("other/only.png");
  fs::create_directories(path("linked"));
  fs::create_symlink("../other/only.png", path("linked/only_x2.png"));
  const std::string before = programs_.read("photos/photo_x2.png");
  const std::vector<std::pair<std::vector<std::string>, std::string>> attempts = {
      {{"photos", "-o", "photos"}, "photos/photo_x2.png: the output would replace the input photos/photo_x2.png"},
      {{"other", "-o", "linked"}, "linked/only_x2.png: the output would replace the input other/only.png"},
      {{"other/only.png", "-o", "linked"}, "would replace the input other/only.png"},
      {{"other/only.png", "-o", "other/only.png"}, "would replace the input other/only.png"}};
  for (const auto& [arguments, refusal] : attempts) {
    const ChildResult result = upscale(arguments);
    EXPECT_EQ(result.exit_status, 2) << result.err;
    EXPECT_THAT(result.err, HasSubstr(refusal));
  }
  fs::copy(path(checkpoint("best.safetensors")), path("net.png"));  // the network is an input too
  for (const std::vector<std::string>& command :
       {std::vector<std::string>{"upscale", "net.png", "other/only.png", "-o"},
        {"evaluate", "net.png", "photos", "--compare"}}) {
    std::vector<std::string> arguments = command;
    arguments.insert(arguments.end(), {"net.png", "--device", "cpu"});
    EXPECT_EQ(programs_.wring(arguments).exit_status, 2);
    EXPECT_EQ(programs_.read("net.png"), programs_.read(checkpoint("best.safetensors")));
  }
  EXPECT_EQ(programs_.read("photos/photo_x2.png"), before);
  EXPECT_EQ(files_in("photos").size(), 2U);
  EXPECT_EQ(size_of("other/only.png").width, 24);
}

TEST_F(Upscale, AndTrainAndEvaluateWriteAsciiWhereTheLocaleIsNotUtf8) {
  for (const char* locale : {"C", "POSIX", "zh_CN.GB18030", "xx_YY.nonsense"}) {
    programs_.set("LC_ALL", locale);
    put("photos/a.png");
    fs::remove_all(path("experiments/again"));
    std::string said = upscale({"photos", "-o", "big"}).err;
    said += programs_.wring({"evaluate", checkpoint("best.safetensors"), "photos", "--device", "cpu"}).out;
    said += train({"--set", "total_iters=1", "experiment_name=again"}).err;
    EXPECT_THAT(said, AllOf(HasSubstr("a.png -> big/a_x2.png"), HasSubstr("x2 network"), HasSubstr("EDSR 8x1, x2")));
    EXPECT_TRUE(std::ranges::all_of(said, [](char c) { return static_cast<unsigned char>(c) < 0x80; })) << said;
  }
}

TEST_F(Outputs, ACheckpointOfPyTorchIsNamedWithTheToolThatConvertsIt) {
  put("a.png");
  programs_.folder().write("net.pth", "PK\x03\x04 and so on");
  for (const char* command : {"upscale", "evaluate"}) {
    const std::string input = std::string(command) == "upscale" ? "a.png" : ".";
    const ChildResult result = programs_.wring({command, "net.pth", input, "--device", "cpu"});
    EXPECT_EQ(result.exit_status, 1);
    EXPECT_THAT(result.err,
                AllOf(HasSubstr("net.pth is a checkpoint of PyTorch"), HasSubstr("tools/import_pth.py net.pth")));
  }
}

TEST_F(Outputs, EvaluateSavesEveryImageUnderANameOfItsOwnAndNamesWhatIsNone) {
  put("set/one/a.png");
  put("set/two/a.png");
  put("set/b.png");
  add_what_is_no_image("set");
  const ChildResult result = evaluate({"set", "--save", "saved", "--json"});
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.err, HasSubstr("3 of 6 images could not be read"));
  const auto record = nlohmann::json::parse(result.out);
  std::vector<std::string> names;
  for (const auto& image : record["images"]) names.push_back(image["name"]);
  EXPECT_THAT(names, testing::ElementsAre("b", "one_a", "two_a"));
  EXPECT_EQ(record["unreadable"].size(), 3U);
  EXPECT_THAT(files_in("saved"), testing::ElementsAre("b.png", "one_a.png", "two_a.png"));
}

TEST_F(Outputs, EvaluateNeverWritesOverAnInput) {
  put("set/a.png");
  fs::create_directories(path("saved"));
  fs::create_symlink("../set/a.png", path("saved/a.png"));
  const std::string before = programs_.read("set/a.png");
  for (const std::vector<std::string>& where :
       {std::vector<std::string>{"--save", "saved"}, {"--compare", "saved/a.png"}, {"--compare", "set/a.png"}}) {
    const ChildResult result = evaluate({"set", where[0], where[1]});
    EXPECT_EQ(result.exit_status, 2) << result.err;
    EXPECT_THAT(result.err, HasSubstr("would replace the input set/a.png"));
  }
  EXPECT_EQ(programs_.read("set/a.png"), before);
}

}  // namespace
}  // namespace wring
