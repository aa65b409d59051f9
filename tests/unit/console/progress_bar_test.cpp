#include "wring/console/progress_bar.h"

#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <thread>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace wring {
namespace {
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

// A stream that is no terminal.
class ProgressLog : public testing::Test {
 protected:
  ProgressLog() : stream_(std::tmpfile(), &std::fclose) {}

  ProgressOptions options() {
    ProgressOptions options;
    options.clock = [this] { return now_s_; };
    options.interval_s = 10;
    return options;
  }
  std::string written() {
    std::fflush(stream_.get());
    std::rewind(stream_.get());
    std::string text(1 << 16, '\0');
    text.resize(std::fread(text.data(), 1, text.size(), stream_.get()));
    return text;
  }

  double now_s_ = 0;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> stream_;
};

TEST_F(ProgressLog, GetsALineEveryIntervalAndAtTheEnd) {
  ProgressBar bar(stream_.get(), "train", 100, options());
  for (int step = 1; step <= 25; ++step) {
    now_s_ = step;
    bar.update(step * 4, {"loss 0.5"});
  }
  bar.finish();
  EXPECT_EQ(written(),
            "train  40% 40/100 [0:10<0:15]  loss 0.5\n"
            "train  80% 80/100 [0:20<0:05]  loss 0.5\n"
            "train 100% 100/100 [0:25]  loss 0.5\n");
}

TEST_F(ProgressLog, GetsALineWhenAsked) {
  ProgressBar bar(stream_.get(), "train", 100, options());
  now_s_ = 1;
  bar.update(5);
  bar.show();
  EXPECT_EQ(written(), "train   5% 5/100 [0:01<0:19]\n");
}

TEST_F(ProgressLog, ShowsAStateOnceThatTheClockShowedAMomentAgo) {
  ProgressBar bar(stream_.get(), "train", 20, options());
  now_s_ = 38;
  bar.update(10, {"loss 0.5"});
  bar.show();
  now_s_ = 77;
  bar.update(20, {"loss 0.4"});
  bar.show();
  bar.finish();
  EXPECT_EQ(written(),
            "train  50% 10/20 [0:38<0:38]  loss 0.5\n"
            "train 100% 20/20 [1:17]  loss 0.4\n");
}

TEST_F(ProgressLog, ShowsByTheClockThatItIsAlive) {
  ProgressBar bar(stream_.get(), "train", 20, options());
  for (now_s_ = 12; now_s_ < 30; now_s_ += 12) bar.update(10, {"loss 0.5"});
  EXPECT_EQ(written(),
            "train  50% 10/20 [0:12<0:12]  loss 0.5\n"
            "train  50% 10/20 [0:24<0:12]  loss 0.5\n");
}

TEST_F(ProgressLog, HasNoControlCharactersEvenWithColour) {
  ProgressOptions with = options();
  with.color = true;
  with.utf8 = true;
  ProgressBar bar(stream_.get(), "train", 100, with);
  now_s_ = 20;
  bar.update(50);
  bar.line("skipped a\rb\x1b[0m.png");
  bar.finish();
  const std::string text = written();
  EXPECT_THAT(text, HasSubstr("skipped a\\rb\\x1b[0m.png\n"));
  for (const char c : text) EXPECT_TRUE(c == '\n' || static_cast<unsigned char>(c) >= 0x20);
}

TEST_F(ProgressLog, StaysEmptyWhenQuiet) {
  ProgressOptions with = options();
  with.quiet = true;
  ProgressBar bar(stream_.get(), "train", 100, with);
  now_s_ = 20;
  bar.update(50);
  bar.line("a message");
  bar.show();
  bar.finish();
  EXPECT_EQ(written(), "");
}

TEST_F(ProgressLog, SpeaksTheLanguage) {
  ProgressOptions with = options();
  with.language = Language::zh;
  ProgressBar bar(stream_.get(), Text("train", "训练"), 100, with);
  bar.finish();
  EXPECT_THAT(written(), testing::StartsWith("训练 "));
}

TEST_F(ProgressLog, AResumedRunForecastsFromWhatItDidItself) {
  ProgressOptions with = options();
  with.first_done = 900;
  ProgressBar bar(stream_.get(), "train", 1000, with);
  now_s_ = 10;
  bar.update(910);
  EXPECT_THAT(written(), HasSubstr("[0:10<1:30]"));
}

TEST_F(ProgressLog, MessagesOfSeveralThreadsStayWhole) {
  ProgressBar bar(stream_.get(), "train", 100, options());
  const std::string message(200, 'm');
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        for (int j = 0; j < 50; ++j) bar.line(message);
      });
    }
  }
  std::string expected;
  for (int i = 0; i < 200; ++i) expected += message + "\n";
  EXPECT_EQ(written(), expected);
}

// A pseudo terminal 70 columns wide.
class ProgressTerminal : public testing::Test {
 protected:
  void SetUp() override {
    master_ = ::posix_openpt(O_RDWR | O_NOCTTY);
    if (master_ < 0 || ::grantpt(master_) != 0 || ::unlockpt(master_) != 0) GTEST_SKIP() << "no pseudo terminals";
    stream_ = std::fopen(::ptsname(master_), "w");
    ASSERT_NE(stream_, nullptr);
    winsize size{24, 70, 0, 0};
    ASSERT_EQ(::ioctl(::fileno(stream_), TIOCSWINSZ, &size), 0);
    ::setenv("TERM", "xterm", 1);
  }
  void TearDown() override {
    if (stream_ != nullptr) std::fclose(stream_);
    if (master_ >= 0) ::close(master_);
  }
  ProgressOptions options() {
    ProgressOptions options;
    options.clock = [this] { return now_s_; };
    options.utf8 = false;
    options.color = false;
    return options;
  }
  // What was drawn since the last call. The system passes the bytes on in its own time, so a mark of our own
  // is awaited.
  std::string drawn() {
    const std::string mark = "<end>";
    std::fputs(mark.c_str(), stream_);
    std::fflush(stream_);
    std::string text;
    while (!text.ends_with(mark)) {
      char c = 0;
      if (::read(master_, &c, 1) != 1) throw std::runtime_error("the pseudo terminal is closed");
      text.push_back(c);
    }
    text.resize(text.size() - mark.size());
    return text;
  }

  int master_ = -1;
  std::FILE* stream_ = nullptr;
  double now_s_ = 0;
};

TEST_F(ProgressTerminal, RedrawsOneLineAtMostTenTimesASecond) {
  ProgressBar bar(stream_, "train", 1000, options());
  int drawings = 0;
  for (int i = 1; i <= 1000; ++i) {
    now_s_ = i * 0.001;
    bar.update(i);
    const std::string text = drawn();
    if (text.empty()) continue;
    ++drawings;
    EXPECT_THAT(text, testing::StartsWith("\r\x1b[K"));
    EXPECT_THAT(text, Not(HasSubstr("\n")));
    EXPECT_LT(text.size(), 70U + 4);
  }
  EXPECT_GE(drawings, 9);
  EXPECT_LE(drawings, 11);
  bar.finish();
  EXPECT_THAT(drawn(), testing::AllOf(HasSubstr("100% |###"), EndsWith("\n")));
}

TEST_F(ProgressTerminal, AMessageStandsAboveTheBar) {
  ProgressBar bar(stream_, "train", 1000, options());
  bar.update(10);
  drawn();
  bar.line("saved step 10");
  EXPECT_THAT(drawn(), testing::MatchesRegex("\r\x1b\\[Ksaved step 10\r\n\r\x1b\\[Ktrain   1%.*"));
}

TEST_F(ProgressTerminal, AnAbandonedBarEndsItsLine) {
  {
    ProgressBar bar(stream_, "train", 1000, options());
    bar.update(10);
    drawn();
  }
  EXPECT_THAT(drawn(), EndsWith("\n"));
}

TEST_F(ProgressTerminal, ColourFollowsNoColor) {
  ProgressOptions with = options();
  with.color.reset();
  ::unsetenv("NO_COLOR");
  {
    ProgressBar bar(stream_, "train", 1000, with);
    bar.update(500);
    EXPECT_THAT(drawn(), HasSubstr("\x1b[32m"));
  }
  drawn();
  ::setenv("NO_COLOR", "1", 1);
  {
    ProgressBar bar(stream_, "train", 1000, with);
    bar.update(500);
    EXPECT_THAT(drawn(), Not(HasSubstr("\x1b[32m")));
  }
  ::unsetenv("NO_COLOR");
}

}  // namespace
}  // namespace wring
