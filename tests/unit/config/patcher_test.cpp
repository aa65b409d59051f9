#include "wring/config/patcher.h"

#include <random>
#include <sstream>

#include "config_test_support.h"
#include "wring/config/reader.h"

namespace wring {
namespace {
using testing::AllOf;
using testing::HasSubstr;

std::string patch(const std::string& text, const std::string& key, const std::string& value) {
  const Assignment assignment{key, value};
  return patch_yaml(text, {&assignment, 1}, "c.yaml");
}

std::string refusal(const std::string& text) {
  return error_of([&] { patch(text, "batch_size", "32"); });
}

struct Case {
  const char* name;
  std::string before;
  std::string after;
};

class PatcherChangesBatchSizeTo32 : public testing::TestWithParam<Case> {};

TEST_P(PatcherChangesBatchSizeTo32, AndNothingElse) {
  EXPECT_EQ(patch(GetParam().before, "batch_size", "32"), GetParam().after);
}

INSTANTIATE_TEST_SUITE_P(
    Forms, PatcherChangesBatchSizeTo32,
    testing::Values(Case{"Plain", "batch_size: 16\n", "batch_size: 32\n"},
                    Case{"TrailingComment", "batch_size: 16   # doubled later\n", "batch_size: 32   # doubled later\n"},
                    Case{"TabBeforeComment", "batch_size: 16\t# c\nlr: 1\n", "batch_size: 32\t# c\nlr: 1\n"},
                    Case{"SpacesAroundColon", "batch_size  :   16  \n", "batch_size  :   32  \n"},
                    Case{"TabAfterColon", "batch_size:\t16\n", "batch_size:\t32\n"},
                    Case{"DoubleQuotedKey", "\"batch_size\": 16\n", "\"batch_size\": 32\n"},
                    Case{"SingleQuotedKey", "'batch_size' : 16\n", "'batch_size' : 32\n"},
                    Case{"DoubleQuotedValue", "batch_size: \"16\"  # q\n", "batch_size: 32  # q\n"},
                    Case{"SingleQuotedValue", "batch_size: '16'\n", "batch_size: 32\n"},
                    Case{"WindowsLineEnds", "a: 1\r\nbatch_size: 16\r\nb: 2\r\n", "a: 1\r\nbatch_size: 32\r\nb: 2\r\n"},
                    Case{"ByteOrderMark",
                         "\xEF\xBB\xBF"
                         "batch_size: 16\n",
                         "\xEF\xBB\xBF"
                         "batch_size: 32\n"},
                    Case{"NoFinalLineEnd", "a: 1\nbatch_size: 16", "a: 1\nbatch_size: 32"},
                    Case{"DocumentMarkers", "%YAML 1.2\n--- # start\nbatch_size: 16\n...\n",
                         "%YAML 1.2\n--- # start\nbatch_size: 32\n...\n"},
                    Case{"IndentedTopLevel", "  # all indented\n  a: 1\n  batch_size: 16\n",
                         "  # all indented\n  a: 1\n  batch_size: 32\n"},
                    Case{"TaggedValue", "batch_size: !!float 1.6e1   # c\na: 1\n", "batch_size: 32   # c\na: 1\n"},
                    Case{"TaggedQuotedValue", "batch_size: !!int \"16\"\n", "batch_size: 32\n"},
                    Case{"TagWithoutValue", "batch_size: !!null  # c\n", "batch_size: 32  # c\n"},
                    Case{"NumberWithUnderscores", "batch_size: 1_6\n", "batch_size: 32\n"},
                    Case{"NumberWithExponent", "batch_size: 1.6e1 # c\n", "batch_size: 32 # c\n"},
                    Case{"Tilde", "batch_size: ~   # later\n", "batch_size: 32   # later\n"},
                    Case{"Null", "batch_size: null\na: 1\n", "batch_size: 32\na: 1\n"},
                    Case{"EmptyValueBeforeWindowsLineEnd", "batch_size:\r\na: 1\r\n", "batch_size: 32\r\na: 1\r\n"},
                    Case{"EmptyValueAtTheEnd", "a: 1\nbatch_size:", "a: 1\nbatch_size: 32"},
                    Case{"EmptyValue", "batch_size:   # to do\na: 1\n", "batch_size: 32   # to do\na: 1\n"},
                    Case{"SameTextInLiteralBlock", "note: |\n  batch_size: 16\n\n  # text\nbatch_size: 16\n",
                         "note: |\n  batch_size: 16\n\n  # text\nbatch_size: 32\n"},
                    Case{"SameTextInFoldedBlock", "note: >-\n\n   batch_size: 16\nbatch_size: 16\n",
                         "note: >-\n\n   batch_size: 16\nbatch_size: 32\n"},
                    Case{"SameKeyInNestedMap", "train:\n  batch_size: 8\n  x: 1\nbatch_size: 16\n",
                         "train:\n  batch_size: 8\n  x: 1\nbatch_size: 32\n"},
                    Case{"SameKeyInListOfMaps", "runs:\n- batch_size: 8\n- batch_size: 9\nbatch_size: 16\n",
                         "runs:\n- batch_size: 8\n- batch_size: 9\nbatch_size: 32\n"},
                    Case{"SameTextInComment", "# batch_size: 8\nbatch_size: 16\n#batch_size: 9\n",
                         "# batch_size: 8\nbatch_size: 32\n#batch_size: 9\n"},
                    Case{"SameTextInFlow", "m: {batch_size: 8,\n  b: ']', # }\n  c: \"}\"}\nbatch_size: 16\n",
                         "m: {batch_size: 8,\n  b: ']', # }\n  c: \"}\"}\nbatch_size: 32\n"},
                    Case{"SameTextInJson", "m: {\"a\":\"}\", \"x\": [\nbatch_size: 8\n]}\nbatch_size: 16\n",
                         "m: {\"a\":\"}\", \"x\": [\nbatch_size: 8\n]}\nbatch_size: 32\n"},
                    Case{"SameTextInQuotes", "m: \"a\n  batch_size: 3\n  b\"\nbatch_size: 16\n",
                         "m: \"a\n  batch_size: 3\n  b\"\nbatch_size: 32\n"},
                    Case{"SameTextAsMultiLineWords", "m: some words\n  and more\nbatch_size: 16\n",
                         "m: some words\n  and more\nbatch_size: 32\n"},
                    Case{"LongerKeysAround", "my_batch_size: 1\nbatch_size_max: 2\nbatch_size: 16\n",
                         "my_batch_size: 1\nbatch_size_max: 2\nbatch_size: 32\n"},
                    Case{"ValueWithHash", "a: b#c # d\nurl: http://x:80/#y\nbatch_size: 16\n",
                         "a: b#c # d\nurl: http://x:80/#y\nbatch_size: 32\n"},
                    Case{"ForeignAnchors", "a: &x 1\nb: *x\n&k c: !!str 2\nbatch_size: 16\n",
                         "a: &x 1\nb: *x\n&k c: !!str 2\nbatch_size: 32\n"},
                    Case{"Appended", "a: 1\n", "a: 1\nbatch_size: 32\n"},
                    Case{"AppendedAfterNoLineEnd", "a: 1 # c", "a: 1 # c\nbatch_size: 32\n"},
                    Case{"AppendedWithWindowsLineEnds", "a: 1\r\nb: 2", "a: 1\r\nb: 2\r\nbatch_size: 32\r\n"},
                    Case{"AppendedBeforeDocumentEnd", "a: 1\n...\n", "a: 1\nbatch_size: 32\n...\n"},
                    Case{"AppendedWithTheTopLevelsIndent", "  a: 1\n", "  a: 1\n  batch_size: 32\n"},
                    Case{"AppendedAfterABlock", "a: |\n  text\n", "a: |\n  text\nbatch_size: 32\n"},
                    Case{"AppendedAfterAKeptBlock", "a: |+\n  text\n\n\n", "a: |+\n  text\n\n\nbatch_size: 32\n"},
                    Case{"AppendedToAnEmptyFile", "", "batch_size: 32\n"},
                    Case{"AppendedToComments", "# nothing yet", "# nothing yet\nbatch_size: 32\n"}),
    [](const auto& test) { return test.param.name; });

TEST(Patcher, AddsSeveralKeysInTheirOrderBesideChanges) {
  const std::vector<Assignment> assignments{{"z", "1"}, {"b", "two"}, {"a", "3"}};
  EXPECT_EQ(patch_yaml("b: 0\n# end", assignments), "b: two\n# end\nz: 1\na: 3\n");
}

TEST(Patcher, WithoutAssignmentsChangesNothing) {
  EXPECT_EQ(patch_yaml("b: 0\n# end", {}), "b: 0\n# end");
}

TEST(Patcher, RefusesValuesThatAreNotPlainScalarsNamingKeyAndLine) {
  for (const char* value : {"[16]", "{a: 1}", "|\n  16", ">\n  16", "&x 16", "!!seq [16]", "!!int &x 16", "\n  - 16",
                            "\n  a: 1", "\n- 16", "one\n  two", "\"one\n  two\"", "[16,\n  17]", "*y"}) {
    EXPECT_THAT(refusal("y: &y 3\nbatch_size: " + std::string(value) + "\nb: 2\n"),
                AllOf(HasSubstr("c.yaml:2: batch_size: cannot edit"), HasSubstr("batch_size: 32")))
        << value;
  }
}

TEST(Patcher, ReplacesAListOnOneLineByAnother) {
  EXPECT_EQ(patch("a: 1\nmilestones: [100, 200] # steps\nb: 2\n", "milestones", "[3, 4]"),
            "a: 1\nmilestones: [3, 4] # steps\nb: 2\n");
  EXPECT_EQ(patch("milestones: []", "milestones", "[3]"), "milestones: [3]");
  for (const char* list : {"[1,\n  2]", "\n- 1\n- 2", "[1, # the first\n  2]"}) {
    EXPECT_THROW(patch("milestones: " + std::string(list) + "\n", "milestones", "[3]"), Error) << list;
  }
}

TEST(Patcher, RefusesTopLevelsThatAreNotWrittenLineByLine) {
  EXPECT_THAT(refusal("{batch_size: 16, b: 2}\n"), HasSubstr("not written as one 'key: value' a line"));
  EXPECT_THAT(refusal("--- {batch_size: 16}\n"), HasSubstr("not written as one 'key: value' a line"));
  EXPECT_THAT(refusal("? batch_size\n: 16\n"), HasSubstr("not written as one 'key: value' a line"));
  EXPECT_THAT(refusal("a: 1\rbatch_size: 16\r"), HasSubstr("carriage return"));
}

TEST(Patcher, RefusesBrokenTexts) {
  EXPECT_THAT(refusal("a: [1\n"), HasSubstr("not valid YAML"));
  EXPECT_THAT(refusal("batch_size: 1\nbatch_size: 2\n"), HasSubstr("given twice"));
  EXPECT_THAT(refusal("- a\n"), HasSubstr("not a list of 'key: value' lines"));
}

// Which no YAML is, but yaml-cpp takes the last line for the value of the one before.
TEST(Patcher, NeverWritesWhatWouldChangeAnotherValue) {
  EXPECT_THAT(refusal("key:\nmi #word: K100, 2"), HasSubstr("would have damaged the key"));
}

TEST(Patcher, RefusesALineThatOnlyTheParserTakesForAnEntry) {
  EXPECT_THAT(refusal("key:\nbatch_size 16\n"), HasSubstr("c.yaml:2: there is no ':' after batch_size"));
}

// Random files made of the forms that people write: every line but the assigned ones must come back byte for
// byte.
class RandomConfig {
 public:
  explicit RandomConfig(unsigned seed) : random_(seed) {}

  std::string make(const std::string& wanted) {
    line_end_ = pick({"\n", "\r\n"});
    std::string text = pick({"", "# header\n", "---\n", "\n\n# 头部 🚀\n"});
    const int before = roll(8);
    for (int i = 0; i < before; ++i) text += foreign();
    text += wanted + pick({": ", " : ", ":   "}) + pick({"16", "'16'", "\"16\"", "7"}) + comment() + "\n";
    const int after = roll(8);
    for (int i = 0; i < after; ++i) text += foreign();
    if (roll(3) == 0) text.pop_back();
    std::string converted;
    for (const char c : text) converted += c == '\n' ? line_end_ : std::string(1, c);
    return converted;
  }

 private:
  int roll(int sides) { return static_cast<int>(random_() % static_cast<unsigned>(sides)); }
  std::string pick(const std::vector<std::string>& choices) {
    return choices[static_cast<std::size_t>(roll(static_cast<int>(choices.size())))];
  }
  std::string comment() { return pick({"", "  ", " # batch_size: 3", "\t# c: d", "   #"}); }

  std::string foreign() {
    const std::string key = "key" + std::to_string(next_++);
    switch (roll(9)) {
      case 0:
        return "\n";
      case 1:
        return pick({"# batch_size: 99\n", "   # indented: comment\n", "#\n"});
      case 2:
        return key + ": |\n  batch_size: 5\n\n    deeper # no comment\n";
      case 3:
        return key + ":\n  batch_size: 5\n  more:\n    - 1\n";
      case 4:
        return key + ":\n- batch_size: 5\n- x\n";
      case 5:
        return key + ": [1, 'a]', \"b}\", # batch_size: 1\n  2]" + comment() + "\n";
      case 6:
        return key + ": \"batch_size: \\\" 5\"" + comment() + "\n";
      case 7:
        return key + ": 'it''s batch_size: 5'" + comment() + "\n";
      default:
        return key + ": some words:or#not" + std::to_string(roll(100)) + comment() + "\n";
    }
  }

  std::mt19937 random_;
  std::string line_end_;
  int next_ = 0;
};

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

TEST(Patcher, LeavesEveryOtherLineOfRandomConfigsAlone) {
  for (unsigned seed = 0; seed < 400; ++seed) {
    const std::string before = RandomConfig(seed).make("batch_size");
    const std::string after = patch(before, "batch_size", "4096");
    const std::vector<std::string> old_lines = lines_of(before);
    const std::vector<std::string> new_lines = lines_of(after);
    ASSERT_EQ(old_lines.size(), new_lines.size()) << before;
    int changed = 0;
    for (std::size_t i = 0; i < old_lines.size(); ++i) {
      if (old_lines[i] == new_lines[i]) continue;
      ++changed;
      EXPECT_EQ(old_lines[i].rfind("batch_size", 0), 0U) << before;
      EXPECT_EQ(old_lines[i].find('#') == std::string::npos, new_lines[i].find('#') == std::string::npos);
    }
    EXPECT_EQ(changed, 1) << before;
    EXPECT_EQ(parse_config(after, "c.yaml", UnknownKeys::ignore).values.batch_size, 4096) << after;
    EXPECT_EQ(patch(after, "batch_size", "4096"), after);
  }
}

// Damaged files either give a clear error or are edited without touching another value; never anything else.
TEST(Patcher, SurvivesDamagedFiles) {
  const std::string bytes = "\n\r\t :#'\"[]{}|>&*!-?%,\\a1\xE9";
  std::mt19937 random(1);
  int edited = 0;
  for (unsigned seed = 0; seed < 2000; ++seed) {
    std::string text = RandomConfig(seed).make("batch_size");
    for (int i = 0; i < 3; ++i) text[random() % text.size()] = bytes[random() % bytes.size()];
    try {
      const std::string after = patch(text, "batch_size", "4096");
      EXPECT_EQ(parse_config(after, "c.yaml", UnknownKeys::ignore).values.batch_size, 4096) << text;
      ++edited;
    } catch (const Error&) {
    }
  }
  EXPECT_GT(edited, 200);
}

TEST(Patcher, ABlockOfTextThatEndsTheFileWithoutALineBreakStaysAsItIs) {
  EXPECT_EQ(patch_yaml("seed: 1\nnotes: |\n  text", std::vector<Assignment>{{"lr", "0.1"}}),
            "seed: 1\nlr: 0.1\nnotes: |\n  text");
  EXPECT_EQ(patch_yaml("notes: |\n  text\n", std::vector<Assignment>{{"lr", "0.1"}}), "notes: |\n  text\nlr: 0.1\n");
}

TEST(Patcher, ACommentRightAfterAQuoteStaysAComment) {
  EXPECT_EQ(patch_yaml("lr: \"0.1\"# fast\n", std::vector<Assignment>{{"lr", "0.2"}}), "lr: 0.2 # fast\n");
}

}  // namespace
}  // namespace wring
