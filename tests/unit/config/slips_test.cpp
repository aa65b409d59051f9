// Slips of typing: each is named on its own line, with what to write in its place.
#include "wring/config/slips.h"

#include <fmt/format.h>

#include "config_test_support.h"
#include "wring/config/patcher.h"
#include "wring/config/reader.h"

namespace wring {
namespace {
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

std::string refusal(const std::string& text, UnknownKeys unknown = UnknownKeys::reject) {
  return error_of([&] { parse_config(text, "c.yaml", unknown); });
}

struct Typed {
  const char* line;  // the slip, on a line of its own
  const char* what;
  const char* cure;
};

class Slips : public testing::TestWithParam<Typed> {
 protected:
  // In every place of a file, with either line ends, where unknown keys are refused and where they are not.
  void expect_everywhere(const std::string& line) const {
    const std::string above = "model: edsr\nseed: 1\n", below = "gamma: 0.5\n# end\n";
    for (const bool first : {true, false}) {
      for (const bool last : {true, false}) {
        for (const bool windows : {true, false}) {
          const std::string lines = (first ? "" : above) + line + "\n" + (last ? "" : below);
          std::string text;
          for (const char c : lines) text += windows && c == '\n' ? "\r\n" : std::string(1, c);
          for (const UnknownKeys unknown : {UnknownKeys::reject, UnknownKeys::ignore}) {
            const std::string error = refusal(text, unknown);
            EXPECT_THAT(error, StartsWith(first ? "c.yaml:1: " : "c.yaml:3: ")) << text;
            EXPECT_THAT(error, HasSubstr(GetParam().what)) << text;
            EXPECT_THAT(error, HasSubstr(GetParam().cure)) << text;
          }
        }
      }
    }
  }
};

TEST_P(Slips, AreNamedOnTheirLineWithWhatToWrite) {
  expect_everywhere(GetParam().line);
}

INSTANTIATE_TEST_SUITE_P(Colons, Slips,
                         testing::Values(Typed{"batch_size：4", "a full-width ： stands where ':' and a space belong",
                                               "write batch_size: 4"},
                                         Typed{"batch_size： 4  # c", "a full-width ：", "write batch_size: 4"},
                                         Typed{"batch_size：", "a full-width ：", "write batch_size: …"},
                                         Typed{"batch_size∶4", "another character than ':' ∶", "write batch_size: 4"},
                                         Typed{"lr:2e-4", "a space is missing after ':'", "write lr: 2e-4"},
                                         Typed{"lr :2e-4", "a space is missing after ':'", "write lr: 2e-4"},
                                         Typed{"data_dir:/data/photos", "a space is missing after ':'",
                                               "write data_dir: /data/photos"},
                                         Typed{"lr = 2e-4", "written with '='", "write lr: 2e-4"},
                                         Typed{"lr=2e-4", "written with '='", "write lr: 2e-4"},
                                         Typed{"lr := 2e-4", "written with '='", "write lr: 2e-4"},
                                         Typed{"lr＝2e-4", "written with '='", "write lr: 2e-4"},
                                         Typed{"lr 2e-4", "there is no ':' after lr", "write lr: 2e-4"},
                                         Typed{"lr　2e-4", "there is no ':' after lr", "write lr: 2e-4"},
                                         Typed{"lr", "there is no ':' after lr", "write lr: …"},
                                         Typed{"＃ a comment", "a full-width ＃ begins no comment", "'#'"},
                                         Typed{"// a comment", "'//' begins no comment", "'#'"}),
                         [](const auto& test) { return std::to_string(test.index); });

INSTANTIATE_TEST_SUITE_P(
    Spaces, Slips,
    testing::Values(Typed{"lr:\u00A02e-4", "a no-break space (U+00A0) follows the ':'", "write lr: 2e-4"},
                    Typed{"lr:\u3000 2e-4", "a full-width space (U+3000) follows the ':'", "write lr: 2e-4"},
                    Typed{"lr:\u200B2e-4", "a zero-width character (U+200B) follows the ':'", "write lr: 2e-4"},
                    Typed{"lr: \u00A02e-4", "a no-break space (U+00A0)", "write lr: 0.0002"},
                    Typed{"lr: 2e-4\u00A0", "a no-break space (U+00A0)", "write lr: 0.0002"},
                    Typed{"\u3000lr: 2e-4", "the key has a full-width space (U+3000)", "write lr"},
                    Typed{"\u00A0lr: 2e-4", "the key has a no-break space (U+00A0)", "write lr"},
                    Typed{"l\u200Br: 2e-4", "the key has a zero-width character (U+200B)", "write lr"},
                    Typed{"lr\u3000: 2e-4", "the key has a full-width space (U+3000)", "write lr"},
                    Typed{"ｌｒ: 2e-4", "the key has a full-width ｌ", "write lr"},
                    Typed{"data_dir: photos\u00A0", "begins or ends with a no-break space (U+00A0)", "remove it"},
                    Typed{"data_dir: \u200Bphotos", "begins or ends with a zero-width", "remove it"},
                    Typed{"amp_dtype: bf16\u3000", "a full-width space (U+3000)", "write amp_dtype: bf16"}),
    [](const auto& test) { return std::to_string(test.index); });

INSTANTIATE_TEST_SUITE_P(
    Values, Slips,
    testing::Values(Typed{"batch_size: １６", "'１６' is not a whole number: it has a full-width １", "batch_size: 16"},
                    Typed{"lr: 2e－4", "it has a full-width －", "write lr: 0.0002"},
                    Typed{"lr: 2e–4", "it has a typographic dash –", "write lr: 0.0002"},
                    Typed{"lr: 0。0002", "it has a Chinese full stop 。", "write lr: 0.0002"},
                    Typed{"batch_size: 16,", "nothing ends a value but the end of the line", "write batch_size: 16"},
                    Typed{"batch_size: 16，", "a full-width ，", "write batch_size: 16"},
                    Typed{"batch_size: 16;", "nothing ends a value", "write batch_size: 16"},
                    Typed{"lr: 2e-4# fast", "a space is missing before '#'", "write lr: 0.0002"},
                    Typed{"lr: 2e-4 ＃ fast", "it has a full-width ＃", "write lr: 0.0002"},
                    Typed{"use_hflip: true，", "a full-width ，", "write use_hflip: true"},
                    Typed{"amp_dtype: “bf16”", "it has a typographic quote “", "write amp_dtype: bf16"},
                    Typed{"data_dir: “photos”", "a typographic quote “ would be part of the value", "no quotes"},
                    Typed{"data_dir: ‘photos’", "a typographic quote ‘ would be part of the value", "no quotes"},
                    Typed{"data_dir: ＂photos＂", "a full-width ＂ would be part of the value", "no quotes"},
                    Typed{"data_dir: photos ＃ mine", "a full-width ＃ begins no comment", "'#'"},
                    Typed{"milestones: [100，200]", "it has a full-width ，", "write milestones: [100, 200]"},
                    Typed{"milestones: [100、200]", "it has a Chinese comma 、", "write milestones: [100, 200]"},
                    Typed{"milestones: 【100, 200】", "it has a Chinese bracket 【", "write milestones: [100, 200]"},
                    Typed{"milestones: ［100，200］", "it has a full-width ［", "write milestones: [100, 200]"}),
    [](const auto& test) { return std::to_string(test.index); });

INSTANTIATE_TEST_SUITE_P(
    Quotes, Slips,
    testing::Values(Typed{"data_dir: \"C:\\Uploads\"", "a backslash begins an escape", "twice, or '/'"},
                    Typed{"data_dir: \"D:\\data\"", "a backslash begins an escape", "twice, or '/'"},
                    Typed{"data_dir: \"D:\\photos\\\"", "a backslash begins an escape", "single quotes"},
                    Typed{"data_dir: \"D:\\new\\\"", "a backslash begins an escape", "single quotes"},
                    Typed{"data_dir: \"photos”", "a quote is opened on this line and closed with a typographic quote ”",
                          "close it with \""},
                    Typed{"data_dir: \"photos", "a quote is opened on this line and not closed", "close it"},
                    Typed{"data_dir: @home", "a value that begins with '@' needs quotes", "data_dir: '@home'"},
                    Typed{"data_dir: %TEMP%", "a value that begins with '%' needs quotes", "data_dir: '%TEMP%'"},
                    Typed{"data_dir: *.png", "a value that begins with '*' needs quotes", "data_dir: '*.png'"},
                    Typed{"experiment_name: x4: mine", "a second ': ' stands in this line",
                          "experiment_name: 'x4: mine'"},
                    Typed{"milestones: [100, 200】",
                          "a '[' is opened on this line and closed with a Chinese bracket 】", "close it with ']'"},
                    Typed{"milestones: [100, 200", "a '[' is opened on this line and not closed", "close it with ']'"}),
    [](const auto& test) { return std::to_string(test.index); });

TEST(SlipsThatAreNotKnown, AreStillNoEntries) {
  EXPECT_THAT(refusal("seed: 1\nsome words\ngamma: 0.5\n"), StartsWith("c.yaml:2: this line is not 'key: value'"));
  EXPECT_THAT(refusal("seed: 1\nsome words\n", UnknownKeys::ignore), StartsWith("c.yaml:2: this line is not"));
}

TEST(SlipsInNestedLines, AreNamedOnTheirLine) {
  EXPECT_THAT(refusal("a:\n  lr:2e-4\n  b: 3\n"),
              AllOf(StartsWith("c.yaml:2: a space is missing"), HasSubstr("lr: 2e-4")));
  EXPECT_THAT(refusal("a:\n  b: 3\n  lr：2\nc: 3\n"),
              AllOf(StartsWith("c.yaml:3: a full-width ："), HasSubstr("lr: 2")));
  EXPECT_THAT(refusal("a:\n- b: 3\n- lr = 2\n  c: 4\n"), AllOf(StartsWith("c.yaml:3: the line is written with '='")));
}

TEST(SlipsOfIndentation, AreNamedOnTheirLine) {
  EXPECT_THAT(refusal("seed: 1\n\tlr: 1\n"), AllOf(StartsWith("c.yaml:2: "), HasSubstr("a tab indents this line")));
  EXPECT_THAT(refusal("map:\n\tlr: 1\nseed: 1\n"),
              AllOf(StartsWith("c.yaml:2: "), HasSubstr("spaces instead of tabs")));
  EXPECT_THAT(refusal("\tseed: 1\n"), AllOf(StartsWith("c.yaml:1: "), HasSubstr("a tab indents this line")));
  EXPECT_THAT(refusal("seed: 1\n  lr: 2\ngamma: 0.5\n"),
              AllOf(StartsWith("c.yaml:2: "), HasSubstr("indented below seed, which has a value already")));
}

TEST(SlipsOfIndentation, TabsAreBlamedOnlyWhereThereAreAny) {
  for (const char* text : {"lr:2e-4\nseed: 1\n", "seed: {1\n", "a: 'x' y\nseed: 1\n"}) {
    EXPECT_THAT(refusal(text), testing::Not(HasSubstr("tab"))) << text;
  }
  EXPECT_EQ(refusal("seed:\t1\t# a tab after the colon is a blank\n"), "");
}

TEST(SlipsOfEncoding, AMarkOfTheByteOrderInsideAFileIsNamed) {
  EXPECT_THAT(refusal("seed: 1\n\uFEFFlr: 2\n", UnknownKeys::ignore),
              AllOf(StartsWith("c.yaml:2: "), HasSubstr("a byte order mark (U+FEFF)"), HasSubstr("write lr")));
}

TEST(SlipsOfTheWholeFile, AreNamedOnTheFirstLine) {
  EXPECT_THAT(refusal("# settings\nlr = 1\nseed = 2\n"), AllOf(StartsWith("c.yaml:2: "), HasSubstr("write lr: 1")));
}

// What looks like a slip and is none.
TEST(NoSlips, WordsMayHoldAnyCharacterInside) {
  for (const char* value : {"照片：一", "a、b", "photos “old” ones", "「照片」", "2024–2025", "照片（新）", "a=b",
                            "it's", "http://x:80/#y", "‘tis", "夏天。", "“旧”照片"}) {
    const std::string text = fmt::format("train_hr_dir: {}\nseed: 3\n", value);
    EXPECT_EQ(parse_config(text, "c.yaml", UnknownKeys::reject).values.train_hr_dir, value);
  }
}

TEST(NoSlips, ForeignKeysAndValuesStayAsTheyAre) {
  const std::string text =
      "学习率：说明: “甲”\n“key”: a：b\nm:\n  x: a:b\n  y:\n  - c=d\n  - e:f\nnote: |\n  lr:2e-4\n  a = b\n  \ttab\n";
  const Assignment seed{"seed", "4"};
  EXPECT_EQ(patch_yaml(text + "seed: 3\n", {&seed, 1}), text + "seed: 4\n");
}

}  // namespace
}  // namespace wring
