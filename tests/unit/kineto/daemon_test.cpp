// The socket at which Kineto asks: real datagrams, a stand-in for the process that sends them and records.
#include "wring/kineto/daemon.h"

#include <chrono>
#include <optional>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixtures/temporary_folder.h"
#include "unit/kineto/kineto_bytes.h"

namespace wring::kineto {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using testing::StartsWith;
using testing_support::TemporaryFolder;
namespace fs = std::filesystem;

// So many iterations of Kineto's, 10 ms each, the optimisers stepping in turn.
std::string trace_text(int iterations, const std::vector<std::string>& optimizers = {"SGD"}) {
  std::string events;
  for (int i = 0; i < iterations; ++i) {
    const std::string& optimizer = optimizers[static_cast<std::size_t>(i) % optimizers.size()];
    events +=
        fmt::format(R"({}{{"ph": "X", "cat": "user_annotation", "name": "Optimizer.step#{}.step", "pid": 1, "tid": 1, )"
                    R"("ts": {}.000, "dur": 100.000}})",
                    i == 0 ? "" : ",\n", optimizer, 10'000 * i);
  }
  return R"({"schemaVersion": 1, "traceEvents": [)" + events + "]}";
}

// A process that runs PyTorch in daemon mode.
class FakeProcess {
 public:
  FakeProcess(Daemon& daemon, const std::string& name)
      : daemon_(daemon), socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    const sockaddr_un own = address(daemon.folder() / ("dynoconfigclient" + name));
    EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&own), sizeof own), 0);
  }

  void say(const std::string& bytes) const {
    const sockaddr_un to = address(daemon_.folder() / "dynolog");
    ::sendto(socket_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT, reinterpret_cast<const sockaddr*>(&to),
             sizeof to);
  }
  // The answer without its header; absent where there is none.
  std::optional<std::string> heard() const {
    std::string bytes(65536, '\0');
    const ssize_t n = ::recv(socket_.get(), bytes.data(), bytes.size(), 0);
    if (n < 40) return std::nullopt;
    bytes.resize(static_cast<std::size_t>(n));
    return bytes.substr(40);
  }
  std::optional<std::string> poll(std::int32_t bits = 3) const {
    say(poll_bytes({::getpid()}, bits));
    daemon_.wait(0ms);
    return heard();
  }
  // Records what it is told to, as Kineto does: the file has another name until it is whole.
  void record(const std::string& config, const std::string& content) const {
    const fs::path file = place_in(config);
    begin(config);
    std::ofstream(file.string() + ".tmp") << content;
    fs::rename(file.string() + ".tmp", file);
    daemon_.wait(0ms);
  }
  void begin(const std::string& config) const {
    std::ofstream(place_in(config).string() + ".tmp").flush();
    daemon_.wait(0ms);
  }
  static fs::path place_in(const std::string& config) {
    const std::string key = "ACTIVITIES_LOG_FILE=";
    const std::size_t begin = config.find(key) + key.size();
    const std::string path = config.substr(begin, config.find('\n', begin) - begin);
    return path.substr(0, path.rfind(".json")) + "_4711.json";
  }

 private:
  static sockaddr_un address(const fs::path& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.string().copy(address.sun_path, sizeof address.sun_path - 1);
    return address;
  }
  Daemon& daemon_;
  Descriptor socket_;
};

class KinetoDaemon : public testing::Test {
 protected:
  static AgentRequest request() {
    AgentRequest request;
    request.after_seconds = 0;
    return request;
  }
  void SetUp() override { fs::create_directory(traces_); }

  TemporaryFolder folder_;
  fs::path traces_ = folder_.path() / "traces";
  Daemon daemon_{folder_.path(), traces_, request()};
};

TEST_F(KinetoDaemon, AsksForRangesThenForEverythingAndThenForNothing) {
  const FakeProcess process(daemon_, "a");
  const std::string steps = process.poll().value_or("");
  EXPECT_THAT(steps, AllOf(HasSubstr("ACTIVITY_TYPES=user_annotation"), HasSubstr("PROFILE_START_ITERATION=20\n"),
                           HasSubstr("ACTIVITIES_ITERATIONS=52\n"), HasSubstr("ACTIVITIES_DURATION_MSECS=0\n")));
  process.record(steps, trace_text(52));
  const std::string profile = process.poll().value_or("");
  EXPECT_THAT(profile, AllOf(HasSubstr("PROFILE_REPORT_INPUT_SHAPES=true"), HasSubstr("ACTIVITIES_ITERATIONS=7\n"),
                             Not(HasSubstr("ACTIVITY_TYPES"))));
  process.record(profile, trace_text(7));
  ASSERT_THAT(daemon_.clients(), SizeIs(1));
  const AgentClient& client = daemon_.clients()[0];
  ASSERT_TRUE(client.observation);
  EXPECT_EQ(client.observation->steps.n, 50);
  EXPECT_EQ(client.observation->process.pid, ::getpid()) << "by the kernel's word";
  EXPECT_EQ(client.observation->process.device, "cpu");
  ASSERT_TRUE(client.observation->trace);
  EXPECT_EQ(client.observation->trace->steps, 5);
  EXPECT_EQ(client.observation->trace->path, traces_ / fmt::format("rank0-{}.json", ::getpid()));
  EXPECT_TRUE(fs::exists(client.observation->trace->path));
  EXPECT_EQ(process.poll(), "");
}

TEST_F(KinetoDaemon, AProcessThatNeverRecordsIsNoneThatSteps) {
  const FakeProcess process(daemon_, "a");
  for (int i = 0; i < 3; ++i) EXPECT_NE(process.poll(), "");
  EXPECT_THAT(daemon_.clients(), IsEmpty());
  EXPECT_EQ(daemon_.processes(), 1U);
}

TEST_F(KinetoDaemon, WhileItRecordsOrIsBusyNothingIsAsked) {
  const FakeProcess process(daemon_, "a");
  EXPECT_EQ(process.poll(1), "");
  const std::string steps = process.poll().value_or("");
  process.begin(steps);
  ASSERT_THAT(daemon_.clients(), SizeIs(1));
  EXPECT_EQ(daemon_.clients()[0].phase, "steps");
  EXPECT_EQ(process.poll(), "");
}

TEST_F(KinetoDaemon, EachProcessHasItsOwnTraces) {
  const FakeProcess first(daemon_, "a"), second(daemon_, "b");
  const std::string one = first.poll().value_or(""), other = second.poll().value_or("");
  EXPECT_NE(FakeProcess::place_in(one), FakeProcess::place_in(other));
  second.record(other, trace_text(52));
  EXPECT_THAT(second.poll().value_or(""), HasSubstr("ACTIVITIES_ITERATIONS=7\n"));
  EXPECT_THAT(first.poll().value_or(""), HasSubstr("ACTIVITIES_ITERATIONS=52\n"));
}

TEST_F(KinetoDaemon, WhereTwoOptimisersShareTheIterationsMoreAreAskedFor) {
  const FakeProcess process(daemon_, "a");
  process.record(process.poll().value_or(""), trace_text(52, {"Adam", "SGD"}));
  const std::string longer = process.poll().value_or("");
  EXPECT_THAT(longer, AllOf(HasSubstr("user_annotation"), HasSubstr("ACTIVITIES_ITERATIONS=156\n")));
  process.record(longer, trace_text(156, {"Adam", "SGD"}));
  const std::string profile = process.poll().value_or("");
  EXPECT_THAT(profile, HasSubstr("ACTIVITIES_ITERATIONS=21\n"));
  process.record(profile, trace_text(21, {"Adam", "SGD"}));
  ASSERT_TRUE(daemon_.clients()[0].observation);
  EXPECT_GE(daemon_.clients()[0].observation->steps.n, 50);
}

TEST_F(KinetoDaemon, ADamagedTraceIsToldAndADamagedProfileTakesOnlyTheShares) {
  const FakeProcess first(daemon_, "a"), second(daemon_, "b");
  first.record(first.poll().value_or(""), "{\"traceEvents\": [");
  ASSERT_THAT(daemon_.clients(), SizeIs(1));
  EXPECT_THAT(daemon_.clients()[0].failure.value_or(Text()).en, HasSubstr("is no whole trace"));
  second.record(second.poll().value_or(""), trace_text(52));
  second.record(second.poll().value_or(""), "not JSON");
  ASSERT_TRUE(daemon_.clients()[1].observation);
  EXPECT_EQ(daemon_.clients()[1].observation->steps.n, 50);
  EXPECT_FALSE(daemon_.clients()[1].observation->trace);
  EXPECT_THAT(daemon_.clients()[1].observation->no_trace.value().words, HasSubstr("is no whole trace"));
}

TEST_F(KinetoDaemon, ATraceThatIsNoPlainFileIsNotOpened) {
  const FakeProcess process(daemon_, "a");
  const fs::path place = FakeProcess::place_in(process.poll().value_or(""));
  ASSERT_EQ(::mkfifo(place.c_str(), 0600), 0);
  daemon_.wait(0ms);
  ASSERT_THAT(daemon_.clients(), SizeIs(1));
  EXPECT_EQ(daemon_.clients()[0].failure.value_or(Text()).en, "it is no plain file");
}

TEST_F(KinetoDaemon, OneThatEndsAfterItsStepsIsToldByThem) {
  const pid_t child = ::fork();
  if (child == 0) {
    const FakeProcess process(daemon_, "c");
    process.say(poll_bytes({::getpid()}, 3));
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  daemon_.wait(0ms);
  const fs::path place = daemon_.folder() / "steps-0_1.json";
  std::ofstream(place) << trace_text(52);
  daemon_.wait(0ms);
  ASSERT_THAT(daemon_.clients(), SizeIs(1));
  EXPECT_TRUE(daemon_.clients()[0].gone);
  ASSERT_TRUE(daemon_.clients()[0].observation);
  EXPECT_EQ(daemon_.clients()[0].observation->steps.n, 50);
  EXPECT_EQ(daemon_.clients()[0].observation->no_trace.value().key, "ended_in_profile");
}

TEST_F(KinetoDaemon, OnceLetGoItAnswersAndAsksForNothing) {
  const FakeProcess process(daemon_, "a");
  daemon_.let_go();
  EXPECT_EQ(process.poll(), "");
}

TEST_F(KinetoDaemon, ARegistrationIsConfirmed) {
  const FakeProcess process(daemon_, "a");
  process.say(message("ctxt", bytes_of({0, ::getpid(), 0, 0})));
  daemon_.wait(0ms);
  EXPECT_EQ(process.heard(), bytes_of({1}));
}

TEST_F(KinetoDaemon, WhatIsNoMessageIsPassedOver) {
  const FakeProcess process(daemon_, "a");
  for (const std::string& wrong : {std::string("x"), std::string(39, '\xff'), std::string(60000, 'y'),
                                   message("req", ""), message("req", bytes_of({3, 1 << 30, 0, 0, 1}))}) {
    process.say(wrong);
    daemon_.wait(0ms);
    EXPECT_FALSE(process.heard());
  }
  EXPECT_NE(process.poll().value_or(""), "") << "the next whole one is answered";
}

TEST_F(KinetoDaemon, AFloodHoldsNobodyUp) {
  const FakeProcess flood(daemon_, "a"), other(daemon_, "b");
  for (int i = 0; i < 2000; ++i) {
    flood.say(std::string(3000, 'x'));
    if (i % 8 == 0) daemon_.wait(0ms);
  }
  daemon_.wait(0ms);
  EXPECT_NE(other.poll().value_or(""), "");
}

TEST_F(KinetoDaemon, OneWithoutAnAddressGetsNoAnswer) {
  const Descriptor nameless(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  (daemon_.folder() / "dynolog").string().copy(to.sun_path, sizeof to.sun_path - 1);
  const std::string bytes = poll_bytes({1}, 3);
  ASSERT_GT(::sendto(nameless.get(), bytes.data(), bytes.size(), 0, reinterpret_cast<const sockaddr*>(&to), sizeof to),
            0);
  daemon_.wait(0ms);
  EXPECT_EQ(daemon_.processes(), 0U);
}

TEST_F(KinetoDaemon, SecondsToPassOverBeginWithTheFirstPoll) {
  AgentRequest later = request();
  later.after_seconds = 3600;
  const fs::path folder = folder_.path() / "later";
  fs::create_directory(folder);
  Daemon daemon(folder, traces_, later);
  EXPECT_EQ(FakeProcess(daemon, "a").poll(), "");
}

TEST_F(KinetoDaemon, TheProgramIsToldWhereToAsk) {
  const auto variables = daemon_.environment();
  const std::string folder = daemon_.folder().string();
  EXPECT_THAT(variables, testing::Contains(testing::Pair("KINETO_USE_DAEMON", "1")));
  EXPECT_THAT(variables, testing::Contains(testing::Pair("KINETO_IPC_SOCKET_DIR", folder)));
  EXPECT_THAT(variables, testing::Contains(testing::Pair("KINETO_ONDEMAND_TRACE_DIR", folder)));
}

TEST_F(KinetoDaemon, AFolderThatKinetoCannotUseIsReplacedByAShortOne) {
  for (const std::string& name : {std::string(60, 'l'), std::string("with space"), std::string("a.json")}) {
    const fs::path folder = folder_.path() / name;
    fs::create_directory(folder);
    fs::path used;
    {
      Daemon daemon(folder, traces_, request());
      used = daemon.folder();
      EXPECT_THAT(used.string(), StartsWith("/tmp/wring-")) << name;
      const FakeProcess process(daemon, "0123456789-0123456789-0123456789-0123");
      EXPECT_NE(process.poll().value_or(""), "");
    }
    EXPECT_FALSE(fs::exists(used)) << "it vanishes with the daemon";
  }
}

}  // namespace
}  // namespace wring::kineto
