// How ranks find each other, with strangers at their ports and ranks that do not come.
#include "wring_train/dist/host/meeting.h"

#include <future>
#include <sstream>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixtures/captured_waits.h"
#include "wring/base/error.h"
#include "wring_train/dist/host/notice_server.h"

namespace wring {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;
using testing_support::CapturedWaits;
using Clock = std::chrono::steady_clock;

const char* const kLoopback = "127.0.0.1";

// The ranks of one job, as threads, by a rendezvous of their own.
class MeetingTest : public testing::Test {
 protected:
  MeetingTest() {
    options_.address = kLoopback;
    options_.arrival = 20s;
  }

  Noticeboard board() {
    return {[this](const std::string&, const std::string& text) {
              place_ = text;
              server_.publish(text);
              told_.set_value();
            },
            [this](const std::string&) {
              return fetch_notice(kLoopback, server_.port(), 0, Clock::now() + 20s).text.value_or("");
            }};
  }

  // Meets as that rank; what was thrown, or "".
  std::future<std::string> rank(int number, int size) {
    MeetingOptions options = options_;
    options.rank = number;
    options.size = size;
    return std::async(std::launch::async, [this, options] {
      try {
        const Meeting meeting = meet(options, board());
        EXPECT_EQ(meeting.hosts.size(), static_cast<std::size_t>(options.size));
        return std::string();
      } catch (const Error& error) {
        return error.message().en;
      }
    });
  }

  // A connection to rank 0's own port, once it is known.
  Connection stranger() {
    published_.wait();
    std::istringstream notice(place_);
    std::string address;
    std::uint16_t port = 0;
    notice >> address >> port;
    EXPECT_EQ(address, kLoopback);
    return *connect_to(address, port, Clock::now() + 10s);
  }
  Connection stranger_at_the_rendezvous() { return *connect_to(kLoopback, server_.port(), Clock::now() + 10s); }

  static void send(const Connection& to, std::size_t bytes, std::byte value) {
    to.send(std::vector<std::byte>(bytes, value));
  }

  MeetingOptions options_;
  NoticeServer server_{kLoopback, 0, 0};
  std::string place_;
  std::promise<void> told_;
  std::shared_future<void> published_{told_.get_future()};  // rank 0's own port is known
};

TEST_F(MeetingTest, StrangersThatHoldRankZerosPortHoldNobodyUp) {
  options_.handshake = 1h;  // they are not waited for, however patient it is
  auto first = rank(0, 2);
  std::vector<Connection> held;
  held.push_back(stranger());
  for (const std::size_t bytes : {1, 103, 5000}) {
    held.push_back(stranger());
    send(held.back(), bytes, std::byte{0});
  }
  auto second = rank(1, 2);
  EXPECT_EQ(first.get(), "");
  EXPECT_EQ(second.get(), "");
}

TEST_F(MeetingTest, StrangersThatHoldTheRendezvousHoldNobodyUp) {
  std::vector<Connection> held;
  for (const std::size_t bytes : {0, 1, 63, 5000}) {
    held.push_back(stranger_at_the_rendezvous());
    send(held.back(), bytes, std::byte{0});
  }
  auto first = rank(0, 3);
  auto second = rank(1, 3);
  auto third = rank(2, 3);
  EXPECT_EQ(first.get(), "");
  EXPECT_EQ(second.get(), "");
  EXPECT_EQ(third.get(), "");
}

TEST_F(MeetingTest, ManyWhoAreSilentDoNotKeepARankOut) {
  options_.handshake = 1h;
  auto first = rank(0, 2);
  std::vector<Connection> held;
  held.push_back(stranger());
  for (int i = 0; i < 400; ++i) held.push_back(stranger());
  auto second = rank(1, 2);
  EXPECT_EQ(first.get(), "");
  EXPECT_EQ(second.get(), "");
}

TEST_F(MeetingTest, AStrangerThatSaysNothingIsDroppedAfterItsTime) {
  options_.handshake = 50ms;
  auto first = rank(0, 2);
  const Connection silent = stranger();
  std::byte byte{};
  EXPECT_FALSE(silent.receive(std::span(&byte, 1))) << "it was closed";
  EXPECT_EQ(rank(1, 2).get(), "");
  EXPECT_EQ(first.get(), "");
}

TEST_F(MeetingTest, WhoIsWaitedForIsSaid) {
  CapturedWaits waits;
  auto first = rank(0, 4);
  EXPECT_TRUE(waits.heard("rank 0 waits for these ranks of 4: 1, 2, 3 ("));
  auto third = rank(2, 4);
  EXPECT_TRUE(waits.heard("rank 0 waits for these ranks of 4: 1, 3 ("));
  EXPECT_TRUE(waits.heard("rank 2 waits for the other ranks, which rank 0 names"));
  auto second = rank(1, 4);
  EXPECT_EQ(rank(3, 4).get(), "");
  EXPECT_EQ(second.get(), "");
  EXPECT_EQ(first.get(), "");
  EXPECT_EQ(third.get(), "");
}

TEST_F(MeetingTest, TheRanksThatDidNotComeAreNamed) {
  options_.arrival = 300ms;
  EXPECT_THAT(rank(0, 4).get(), HasSubstr("these ranks of 4 did not come: 1, 2, 3"));
}

TEST_F(MeetingTest, RanksOfAnotherNumberAreRefusedByAll) {
  auto first = rank(0, 3);
  auto second = rank(1, 3);
  published_.wait();
  auto third = rank(2, 4);
  const auto refused = HasSubstr("was started as one of 4 ranks, and rank 0 on " + host_name() + " as one of 3");
  EXPECT_THAT(third.get(), AllOf(HasSubstr("rank 2 on "), refused));
  EXPECT_THAT(first.get(), refused);
  EXPECT_THAT(second.get(), testing::AnyOf(refused, HasSubstr("rank 0")));  // it may come after rank 0's end
}

TEST_F(MeetingTest, ASecondOneOfTheSameRankIsRefusedAndTheOthersMeet) {
  auto first = rank(0, 3);
  auto second = rank(1, 3);
  auto again = rank(1, 3);
  // One of the two is refused while rank 2 is missing.
  while (second.wait_for(10ms) != std::future_status::ready && again.wait_for(10ms) != std::future_status::ready) {
  }
  auto& refused = second.wait_for(0s) == std::future_status::ready ? second : again;
  auto& taken = &refused == &second ? again : second;
  EXPECT_THAT(refused.get(), HasSubstr("a rank 1 is there already"));
  EXPECT_EQ(rank(2, 3).get(), "");
  EXPECT_EQ(first.get(), "");
  EXPECT_EQ(taken.get(), "");
}

TEST(FetchedNotices, OfAnotherAttemptOfTheJobAreNotGiven) {
  NoticeServer server(kLoopback, 0, 3);
  server.publish("here");
  EXPECT_EQ(fetch_notice(kLoopback, server.port(), 3, Clock::now() + 20s).text, "here");
  EXPECT_EQ(fetch_notice(kLoopback, server.port(), 2, Clock::now() + 300ms).text, std::nullopt);
}

TEST(FetchedNotices, WhoWaitsForRankZeroSaysSoAndWhatItFindsThere) {
  CapturedWaits waits;
  std::uint16_t port = 0;
  {
    const Listener listener(kLoopback, 0);
    port = listener.port();
  }
  const FetchedNotice none = fetch_notice(kLoopback, port, 0, Clock::now() + 300ms);
  EXPECT_THAT(none.why_not.en, HasSubstr("nothing listens there"));
  EXPECT_TRUE(waits.heard("waiting for rank 0 at 127.0.0.1 port " + std::to_string(port) + ": nothing listens there"));
  const Listener mute(kLoopback, 0);
  const FetchedNotice silent = fetch_notice(kLoopback, mute.port(), 0, Clock::now() + 300ms);
  EXPECT_THAT(silent.why_not.en, HasSubstr("does not answer as rank 0 of this job does"));
}

}  // namespace
}  // namespace wring
