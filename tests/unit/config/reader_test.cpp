#include "wring/config/reader.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "config_test_support.h"
#include "wring/config/document.h"
#include "wring/config/keys.h"

namespace wring {
namespace {
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

ConfigFile strict(const std::string& text) {
  return parse_config(text, "c.yaml", UnknownKeys::reject);
}
ConfigFile lenient(const std::string& text) {
  return parse_config(text, "c.yaml", UnknownKeys::ignore);
}
std::string refusal(const std::string& text) {
  return error_of([&] { strict(text); });
}

TEST(Reader, ReadsTheGuidesKeysAndLeavesTheOthersAtTheirDefaults) {
  const ConfigFile file = strict("batch_size: 64\nbase_channels: 128  # wide\nuse_perceptual: true\n");
  EXPECT_EQ(file.values.batch_size, 64);
  EXPECT_EQ(file.values.base_channels, 128);
  EXPECT_TRUE(file.values.use_perceptual);
  EXPECT_EQ(file.values.num_blocks, TrainConfig().num_blocks);
  ASSERT_NE(file.find("base_channels"), nullptr);
  EXPECT_EQ(file.find("base_channels")->value, "128");
  EXPECT_EQ(file.find("base_channels")->line, 2);
  EXPECT_EQ(file.find("num_blocks"), nullptr);
}

TEST(Reader, AcceptsNumbersAsPyYamlUsersWriteThem) {
  EXPECT_EQ(strict("lr: 1e-4").values.lr, 1e-4);
  EXPECT_EQ(strict("lr: 2.0E-4").values.lr, 2e-4);
  EXPECT_EQ(strict("lr: '0.001'").values.lr, 1e-3);
  EXPECT_EQ(strict("grad_clip: 1").values.grad_clip, 1.0);
  EXPECT_EQ(strict("grad_clip: .5").values.grad_clip, 0.5);
}

TEST(Reader, TakesAWholeNumberHoweverItIsWritten) {
  for (const char* text : {"300000", "3e5", "3E5", "3e+5", "3.0e5", "300_000", "3_00e3", "300000.0", "+300000",
                           "!!float 3e5", "!!float 300000", "!!int 300_000", "'3e5'"}) {
    EXPECT_EQ(strict(std::string("total_iters: ") + text).values.total_iters, 300000) << text;
  }
  EXPECT_EQ(strict("scale_factor: 4.0").values.scale_factor, 4);
  EXPECT_EQ(strict("milestones: [1e3, 2_000]").values.milestones, (std::vector<std::int64_t>{1000, 2000}));
  EXPECT_EQ(strict("grad_clip: 1_0.5").values.grad_clip, 10.5);
}

TEST(Reader, TakesTheDefaultForNullInEveryForm) {
  const std::string defaults = to_yaml(TrainConfig());
  for (const char* null : {"", " ~", " null", " Null", " NULL", " !!null", " !!null ''", "   # nothing yet"}) {
    for (const std::string& key : key_names()) {
      const ConfigFile file = strict(key + ":" + null + "\n");
      EXPECT_EQ(to_yaml(file.values), defaults) << key << null;
      EXPECT_EQ(file.find(key), nullptr) << "the default counts";
      EXPECT_EQ(file.entries.size(), 1U);
    }
  }
  EXPECT_EQ(strict("experiment_name: 'null'").values.experiment_name, "null") << "a word in quotes is a word";
}

TEST(Reader, KnowsWhetherCompileModelIsGiven) {
  EXPECT_EQ(strict("seed: 1").values.compile_model, std::nullopt);
  EXPECT_EQ(strict("compile_model: ~").values.compile_model, std::nullopt);
  EXPECT_EQ(strict("compile_model: false").values.compile_model, false);
  EXPECT_EQ(strict("compile_model: yes").values.compile_model, true);
}

TEST(Reader, AcceptsEveryYaml11Boolean) {
  for (const char* yes : {"true", "True", "TRUE", "yes", "Yes", "on", "ON"}) {
    EXPECT_TRUE(strict(std::string("use_perceptual: ") + yes).values.use_perceptual) << yes;
  }
  for (const char* no : {"false", "False", "FALSE", "no", "No", "off", "OFF"}) {
    EXPECT_FALSE(strict(std::string("use_hflip: ") + no).values.use_hflip) << no;
  }
}

TEST(Reader, AWordThatYamlTakesForABooleanIsStillAWordWhereAWordIsExpected) {
  EXPECT_EQ(strict("fold_tail: off").values.fold_tail, "off");
}

TEST(Reader, ReadsMilestonesInBothYamlForms) {
  const std::vector<std::int64_t> expected{100, 200};
  EXPECT_EQ(strict("milestones: [100, 200]").values.milestones, expected);
  EXPECT_EQ(strict("milestones:\n- 100\n- 200\n").values.milestones, expected);
  EXPECT_TRUE(strict("milestones: []").values.milestones.empty());
}

TEST(Reader, ResolvesAliasesOfKnownKeys) {
  const ConfigFile file = strict("val_freq: &often 500\ncheckpoint_freq: *often\n");
  EXPECT_EQ(file.values.checkpoint_freq, 500);
}

struct Refused {
  const char* text;
  const char* what;
  const char* cure;
};

class ReaderRefuses : public testing::TestWithParam<Refused> {};

TEST_P(ReaderRefuses, NamingFileLineKeyAndCure) {
  const std::string error = refusal(std::string("seed: 1\n") + GetParam().text);
  EXPECT_THAT(error, StartsWith("c.yaml:2: ")) << GetParam().text;
  EXPECT_THAT(error, HasSubstr(GetParam().what)) << GetParam().text;
  EXPECT_THAT(error, HasSubstr(GetParam().cure)) << GetParam().text;
}

INSTANTIATE_TEST_SUITE_P(
    Values, ReaderRefuses,
    testing::Values(Refused{"batch_size: 3.5", "batch_size: '3.5' is not a whole number", "batch_size: 16"},
                    Refused{"batch_size: 1.5e0", "'1.5e0' is not a whole number", ""},
                    Refused{"batch_size: 1e-2", "'1e-2' is not a whole number", ""},
                    Refused{"batch_size: 1__6", "'1__6' is not a whole number", ""},
                    Refused{"batch_size: 16_", "'16_' is not a whole number", ""},
                    Refused{"batch_size: 064.0", "'064.0' is not a whole number", ""},
                    Refused{"batch_size: 1:30", "'1:30' is not a whole number", ""},
                    Refused{"batch_size: +-16", "'+-16' is not a whole number", ""},
                    Refused{"batch_size: 0x10", "'0x10' is not a whole number", ""},
                    Refused{"batch_size: 064", "'064' is not a whole number", ""},
                    Refused{"batch_size: 99999999999999999999", "is out of range", "from 1 to 65536"},
                    Refused{"batch_size: 1e20", "1e20 is out of range", "from 1 to 65536"},
                    Refused{"batch_size: 0", "batch_size: 0 is out of range", "from 1 to 65536"},
                    Refused{"num_workers: -1", "num_workers: -1 is out of range", "from 0 to"},
                    Refused{"batch_size: [16]", "batch_size: a list is not a whole number", ""},
                    Refused{"batch_size: {a: 1}", "batch_size: a map is not a whole number", ""},
                    Refused{"warmup_iters: -1", "-1 is below 0; no warm-up is 0 here", "write warmup_iters: 0"},
                    Refused{"grad_clip: -1", "no clipping is 0 here", "write grad_clip: 0"},
                    Refused{"ema_decay: -1", "no average is 0 here", "write ema_decay: 0"},
                    Refused{"early_stopping_patience: -1", "no early end is 0 here", "early_stopping_patience: 0"},
                    Refused{"warmup_iters: 2e9", "2e9 is out of range", "from 0 to 1000000000"},
                    Refused{"lr: fast", "lr: 'fast' is not a number", "lr: 0.0002"},
                    Refused{"lr: .nan", "lr: '.nan' is not a number", ""},
                    Refused{"lr: nan", "lr: 'nan' is not a number", ""},
                    Refused{"lr: .inf", "lr: '.inf' is not a number", ""},
                    Refused{"lr: inf", "lr: 'inf' is not a number", ""}, Refused{"lr: 0", "lr: 0 is out of range", ""},
                    Refused{"use_hflip: 1", "use_hflip: '1' is not true or false", ""},
                    Refused{"use_hflip: maybe", "use_hflip: 'maybe' is not true or false", ""},
                    Refused{"amp_dtype: fp15", "amp_dtype: 'fp15' is not one of its values",
                            "did you mean fp16? it may be: bf16, fp16"},
                    Refused{"scale_factor: 5", "scale_factor: '5' is not one of its values", "1, 2, 3, 4, 8"},
                    Refused{"milestones: 1000", "milestones: '1000' is not a list of whole numbers", "[1000, 2000]"},
                    Refused{"milestones: [200, 100]", "milestones: 100 does not come after 200", "increasing"},
                    Refused{"milestones: [1, [2]]", "milestones: a list is not a list of whole numbers", ""},
                    Refused{"milestones: [1, x]", "milestones: 'x' is not a whole number", ""},
                    Refused{"data_dir: |\n  a\n  b\n", "data_dir: the text has several lines", "one line"},
                    Refused{"data_dir: \"D:\\new\"", "data_dir: the text has several lines", "written twice"},
                    Refused{"data_dir: \"D:\\Nets\"", "data_dir: the text has several lines", "written twice"},
                    Refused{"bacth_size: 3", "bacth_size: unknown key", "did you mean batch_size?"},
                    Refused{"zzzzzzzzzz: 3", "zzzzzzzzzz: unknown key", "docs/config.md"},
                    Refused{"train: {lr: 3}", "train: unknown key", ""},
                    Refused{"lr: 1\rgamma: 2", "a carriage return without a line feed", "line ends"},
                    Refused{"<<: {lr: 1}", "merge keys", "write the merged keys out"}),
    [](const auto& test) { return std::to_string(test.index); });

TEST(Reader, NamesBothLinesOfAKeyGivenTwice) {
  EXPECT_THAT(refusal("lr: 1e-4\nseed: 1\n\nlr: 2e-4\n"),
              AllOf(StartsWith("c.yaml:4: lr: given twice"), HasSubstr("first on line 1")));
}

TEST(Reader, CountsLinesAfterAByteOrderMarkAndWithWindowsLineEnds) {
  EXPECT_THAT(refusal("\xEF\xBB\xBF# top\r\nseed: 1\r\n\r\nlr: fast\r\n"), StartsWith("c.yaml:4: lr:"));
  EXPECT_EQ(strict("\xEF\xBB\xBFseed: 7\r\nlr: 1e-3\r\n").values.seed, 7);
}

TEST(Reader, IgnoresForeignKeysOfAnyShapeWhenAsked) {
  const ConfigFile file = lenient("model_zoo: {a: [1, 2, {b: c}]}\nhooks:\n- one\n- two: 3\nbatch_size: 8\nempty:\n");
  EXPECT_EQ(file.values.batch_size, 8);
  EXPECT_EQ(file.entries.size(), 4U);
  EXPECT_EQ(file.find("hooks")->line, 2);
}

TEST(Reader, ChecksKnownKeysAlsoWhereForeignOnesAreIgnored) {
  EXPECT_THAT(error_of([] { lenient("other: 1\nbatch_size: many\n"); }), StartsWith("c.yaml:2: batch_size: 'many'"));
}

TEST(Reader, RefusesWhatIsNotOneFlatMap) {
  EXPECT_THAT(refusal("- 1\n- 2\n"), HasSubstr("not a list of 'key: value' lines"));
  EXPECT_THAT(refusal("just words"), HasSubstr("not a list of 'key: value' lines"));
  EXPECT_THAT(refusal(""), HasSubstr("holds no settings"));
  EXPECT_THAT(refusal("# only a comment\n"), HasSubstr("holds no settings"));
  EXPECT_THAT(refusal("seed: 1\n---\nseed: 2\n"), AllOf(StartsWith("c.yaml:2:"), HasSubstr("second YAML document")));
  EXPECT_THAT(refusal("seed: 1\n? [a, b]\n: 2\n"), HasSubstr("a key must be a plain word"));
}

TEST(Reader, NamesTheLineOfBrokenYaml) {
  EXPECT_THAT(refusal("seed: 1\nlr: [1, 2\n"), HasSubstr("not valid YAML"));
  EXPECT_THAT(refusal("seed: 1\n\tlr: 1\n"), HasSubstr("spaces instead of tabs"));
}

TEST(Reader, NamesTheLineOnWhichAQuoteIsOpened) {
  EXPECT_THAT(refusal("seed: 1\nexperiment_name: 'x\nlr: 1\n"), AllOf(StartsWith("c.yaml:2:"), HasSubstr("quote")));
  EXPECT_THAT(refusal("seed: 1\nexperiment_name: \"x\nlr: 1\nmodel: \"edsr\"\n"), StartsWith("c.yaml:2:"));
  EXPECT_THAT(refusal("seed: 1\nexperiment_name: '"), AllOf(StartsWith("c.yaml:2:"), HasSubstr("quote")));
  EXPECT_THAT(refusal("map:\n  nested: 'x\n"), HasSubstr("not valid YAML"));
  EXPECT_EQ(lenient("text: 'two\n  lines'\nseed: 3\n").values.seed, 3) << "a value may take several lines";
}

TEST(Reader, RefusesBinaryAndForeignEncodings) {
  EXPECT_THAT(refusal(std::string("seed: 1\nlr: \0x", 14)), StartsWith("c.yaml:2: this is not UTF-8"));
  EXPECT_THAT(refusal("# \xC5\xE4\xD6\xC3\nseed: 1\n"), StartsWith("c.yaml:1: this is not UTF-8"));  // GBK
  EXPECT_THAT(refusal("# \xED\xA0\x80\n"), HasSubstr("not UTF-8"));                                  // a surrogate
  EXPECT_THAT(refusal("# \xC0\xAF\n"), HasSubstr("not UTF-8"));                                      // overlong
  EXPECT_EQ(strict("# 配置 🚀\nseed: 3\n").values.seed, 3);
}

TEST(Reader, RefusesFilesOverAMebibyte) {
  EXPECT_THAT(refusal("# " + std::string(kLargestConfigBytes, 'x')), HasSubstr("larger than 1 MiB"));
  EXPECT_THAT(error_of([] { read_config("/dev/zero", UnknownKeys::reject); }), HasSubstr("larger than 1 MiB"));
}

// "Billion laughs": nine levels of ten aliases each would be a thousand million strings when written out.
TEST(Reader, SurvivesAnAliasBomb) {
  std::string bomb = "a0: &a0 [lol]\n";
  for (int level = 1; level <= 9; ++level) {
    const std::vector<std::string> aliases(10, fmt::format("*a{}", level - 1));
    bomb += fmt::format("a{0}: &a{0} [{1}]\n", level, fmt::join(aliases, ", "));
  }
  EXPECT_EQ(lenient(bomb + "seed: 4\n").values.seed, 4);
  EXPECT_THAT(refusal(bomb), HasSubstr("a0: unknown key"));
}

TEST(Reader, SurvivesDeepNesting) {
  EXPECT_THAT(refusal("a: " + std::string(100000, '[')), HasSubstr("c.yaml:1:"));
  EXPECT_THAT(error_of([] { lenient("a: &x [*x]\nseed: fast\n"); }), HasSubstr("seed"));
}

TEST(Reader, NamesAFileThatIsNotThere) {
  EXPECT_THAT(error_of([] { read_config("/nowhere/at/all.yaml", UnknownKeys::reject); }),
              HasSubstr("/nowhere/at/all.yaml"));
  EXPECT_THAT(error_of([] { read_config("/tmp", UnknownKeys::reject); }), HasSubstr("/tmp"));
}

TEST(SetValue, ChangesOneKey) {
  TrainConfig config;
  set_value(config, "batch_size=32");
  set_value(config, "lr=1e-3");
  set_value(config, "experiment_name=a=b: c");
  set_value(config, "use_hflip=off");
  EXPECT_EQ(config.batch_size, 32);
  EXPECT_EQ(config.lr, 1e-3);
  EXPECT_EQ(config.experiment_name, "a=b: c");
  EXPECT_FALSE(config.use_hflip);
}

TEST(SetValue, TakesAListWithOrWithoutBrackets) {
  TrainConfig config;
  set_value(config, "milestones=100,200");
  EXPECT_EQ(config.milestones, (std::vector<std::int64_t>{100, 200}));
  set_value(config, "milestones=[5, 6]");
  EXPECT_EQ(config.milestones, (std::vector<std::int64_t>{5, 6}));
  set_value(config, "milestones=");
  EXPECT_TRUE(config.milestones.empty());
}

TEST(SetValue, TakesNumbersAndNullAsAFileDoes) {
  TrainConfig config;
  set_value(config, "total_iters=3e5");
  EXPECT_EQ(config.total_iters, 300000);
  set_value(config, "val_freq=5_000");
  EXPECT_EQ(config.val_freq, 5000);
  config.model = config.data_dir = "changed";
  config.milestones = {1};
  config.compile_model = false;
  for (const char* null : {"", "~", "null"}) {
    for (const std::string& key : key_names()) set_value(config, key + "=" + null);
    EXPECT_EQ(to_yaml(config), to_yaml(TrainConfig())) << null;
  }
  EXPECT_THAT(error_of([&] { set_value(config, "warmup_iters=-1"); }), HasSubstr("no warm-up is 0 here"));
  EXPECT_THAT(error_of([&] { set_value(config, "lr=２e－4"); }), HasSubstr("write lr: 0.0002"));
}

TEST(SetValue, NamesTheKeyThatIsWrong) {
  TrainConfig config;
  EXPECT_THAT(error_of([&] { set_value(config, "bath_size=32"); }),
              AllOf(HasSubstr("--set bath_size=32: unknown key"), HasSubstr("did you mean batch_size?")));
  EXPECT_THAT(error_of([&] { set_value(config, "batch_size=x"); }),
              HasSubstr("--set batch_size=x: 'x' is not a whole"));
  EXPECT_THAT(error_of([&] { set_value(config, "milestones=3,2"); }), HasSubstr("does not come after"));
  EXPECT_THAT(error_of([&] { set_value(config, "milestones=[3"); }), HasSubstr("milestones"));
  EXPECT_THAT(error_of([&] { set_value(config, "batch_size"); }), HasSubstr("not of the form key=value"));
  EXPECT_EQ(config.batch_size, TrainConfig().batch_size);
}

}  // namespace
}  // namespace wring
