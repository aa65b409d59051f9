// The socket of the agents: several processes, each asked once, each dropped alone when it breaks the protocol.
#include "wring/agent/agent_server.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "fixtures/temporary_folder.h"
#include "unit/agent/sample_observation.h"
#include "wring/base/error.h"

namespace wring {
namespace {

using namespace std::chrono_literals;
using namespace testing_support;
using testing::HasSubstr;

// The other end, as an agent holds it.
class Client {
 public:
  explicit Client(const std::filesystem::path& path) : socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.string().copy(address.sun_path, sizeof address.sun_path - 1);
    connected_ = ::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    ::fcntl(socket_.get(), F_SETFL, O_NONBLOCK);
  }
  bool connected() const { return connected_; }

  // How much of it was taken.
  std::size_t say(std::string_view text) {
    const ssize_t n = ::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL);
    return n < 0 ? 0 : static_cast<std::size_t>(n);
  }
  std::string heard() {
    std::string text(4096, '\0');
    const ssize_t n = ::recv(socket_.get(), text.data(), text.size(), 0);
    text.resize(n < 0 ? 0 : static_cast<std::size_t>(n));
    return text;
  }
  bool is_closed() {
    char byte = 0;
    return ::recv(socket_.get(), &byte, 1, 0) == 0;
  }
  void close() { socket_ = Descriptor(); }

 private:
  Descriptor socket_;
  bool connected_ = false;
};

class AgentServerTest : public testing::Test {
 protected:
  AgentServerTest() {
    AgentRequest request;
    request.folder = "/t";
    server_ = std::make_unique<AgentServer>(path_, request);
  }
  void turn() {
    for (int i = 0; i < 3; ++i) server_->wait(1ms);
  }
  const AgentClient& client(std::size_t i) const { return server_->clients().at(i); }

  TemporaryFolder folder_;
  std::filesystem::path path_ = folder_.path() / "agent.sock";
  std::unique_ptr<AgentServer> server_;
};

TEST_F(AgentServerTest, AsksEachProcessWhenItSaysHello) {
  Client rank(path_);
  ASSERT_TRUE(rank.connected());
  turn();
  EXPECT_EQ(rank.heard(), "") << "nobody has said hello";
  rank.say(kHelloLine + "\n");
  turn();
  const std::string request = rank.heard();
  EXPECT_EQ(request, request_line(1,
                                  [] {
                                    AgentRequest wanted;
                                    wanted.folder = "/t";
                                    return wanted;
                                  }()) +
                         "\n");
  EXPECT_EQ(client(0).process.pid, 123);
  EXPECT_FALSE(client(0).finished());
}

TEST_F(AgentServerTest, CollectsPhasesAndTheObservationInAnyPieces) {
  Client rank(path_);
  rank.say(kHelloLine + "\n");
  turn();
  const std::string lines = R"({"v":1,"id":1,"event":"phase","phase":"steps"})"
                            "\n" +
                            done_line(R"({"path":"/t/rank1-123.json.gz","steps":5})") + "\n";
  for (std::size_t at = 0; at < lines.size(); at += 100) {
    rank.say(lines.substr(at, 100));
    turn();
  }
  EXPECT_EQ(client(0).phase, "steps");
  ASSERT_TRUE(client(0).observation);
  EXPECT_EQ(client(0).observation->process.pid, 123) << "its hello belongs to it";
  EXPECT_EQ(client(0).observation->trace->steps, 5);
  EXPECT_FALSE(client(0).gone);
  rank.close();
  turn();
  EXPECT_TRUE(client(0).gone);
}

TEST_F(AgentServerTest, OneThatBreaksTheProtocolIsDroppedAlone) {
  Client good(path_), bad(path_);
  good.say(kHelloLine + "\n");
  turn();
  bad.say(kHelloLine + "\n");
  turn();
  static_cast<void>(bad.heard());
  bad.say(R"({"v":1,"id":1,"event":"done","outcome":"ok","steps":{"n":-3}})"
          "\n");
  good.say(done_line() + "\n");
  turn();
  ASSERT_TRUE(client(1).failure);
  EXPECT_THAT(client(1).failure->en, HasSubstr("\"steps.n\" is -3"));
  EXPECT_TRUE(bad.is_closed());
  EXPECT_TRUE(client(0).observation);
}

TEST_F(AgentServerTest, ALineWithoutAnEndIsNotKept) {
  Client flood(path_);
  flood.say(kHelloLine + "\n");
  turn();
  static_cast<void>(flood.heard());
  const std::string piece(64 * 1024, 'x');
  for (int i = 0; i < 64 && !client(0).failure; ++i) {
    flood.say(piece);
    turn();
  }
  ASSERT_TRUE(client(0).failure);
  EXPECT_THAT(client(0).failure->en, HasSubstr("longer than 1024 KiB"));
  EXPECT_TRUE(flood.is_closed());
}

TEST_F(AgentServerTest, BeforeItsHelloALineIsShort) {
  Client flood(path_);
  const std::string piece(64 * 1024, 'x');
  for (int i = 0; i < 8 && server_->clients().empty(); ++i) {
    flood.say(piece);
    turn();
  }
  EXPECT_THAT(client(0).failure.value_or(Text()).en, HasSubstr("longer than 64 KiB"));
  EXPECT_TRUE(flood.is_closed());
}

TEST_F(AgentServerTest, WhoIsSilentGivesWayToOneWhoIsNot) {
  std::vector<std::unique_ptr<Client>> silent;
  for (int i = 0; i < 600; ++i) {
    silent.push_back(std::make_unique<Client>(path_));
    ASSERT_TRUE(silent.back()->connected());
    if (i % 100 == 99) turn();
  }
  Client rank(path_);
  rank.say(kHelloLine + "\n");
  turn();
  ASSERT_EQ(server_->clients().size(), 1U);
  EXPECT_EQ(client(0).process.pid, 123);
  EXPECT_NE(rank.heard(), "");
  EXPECT_TRUE(silent.front()->is_closed());
  EXPECT_FALSE(silent.back()->is_closed());
}

TEST_F(AgentServerTest, WithoutDescriptorsTheSilentGiveWayToo) {
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  std::vector<std::unique_ptr<Client>> silent;
  for (int i = 0; i < 20; ++i) silent.push_back(std::make_unique<Client>(path_));
  Client rank(path_);
  rank.say(kHelloLine + "\n");
  const Descriptor next(::dup(0));
  const rlimit few{static_cast<rlim_t>(next.get() + 10), before.rlim_max};
  ::setrlimit(RLIMIT_NOFILE, &few);
  turn();
  ::setrlimit(RLIMIT_NOFILE, &before);
  ASSERT_EQ(server_->clients().size(), 1U);
  EXPECT_NE(rank.heard(), "");
}

TEST_F(AgentServerTest, HoweverManyCameAndWentTheNextIsSeen) {
  for (int i = 0; i < 4200; ++i) {
    Client(path_).say(kHelloLine + "\n");
    if (i % 50 == 49) turn();
  }
  EXPECT_LE(server_->clients().size(), 4096U);
  Client rank(path_);
  rank.say(kHelloLine + "\n" + done_line() + "\n");
  turn();
  const auto reported = [](const AgentClient& one) { return one.observation.has_value(); };
  EXPECT_EQ(std::ranges::count_if(server_->clients(), reported), 1);
}

TEST_F(AgentServerTest, WhoBreaksTheProtocolWithoutEndIsToldOfAFewTimes) {
  for (int i = 0; i < 100; ++i) {
    Client(path_).say("nonsense\n");
    turn();
  }
  EXPECT_EQ(server_->clients().size(), 16U);
}

TEST_F(AgentServerTest, WhatAllSayTogetherHasABound) {
  std::vector<std::unique_ptr<Client>> ranks;
  const std::string piece(64 * 1024, 'x');
  const auto failed = [](const AgentClient& one) { return one.failure.has_value(); };
  for (int i = 0; i < 80 && std::ranges::none_of(server_->clients(), failed); ++i) {
    ranks.push_back(std::make_unique<Client>(path_));
    ranks.back()->say(kHelloLine + "\n");
    for (int k = 0; k < 15; ++k) turn(), ranks.back()->say(piece);
    turn();
  }
  const auto first = std::ranges::find_if(server_->clients(), failed);
  ASSERT_NE(first, server_->clients().end());
  EXPECT_THAT(first->failure->en, HasSubstr("more than 64 MiB"));
}

TEST_F(AgentServerTest, WhoSpeaksBeforeItsHelloOrTwiceIsDropped) {
  Client early(path_), twice(path_);
  early.say(done_line() + "\n");
  turn();
  EXPECT_THAT(client(0).failure.value_or(Text()).en, HasSubstr("does not say hello first"));
  twice.say(kHelloLine + "\n" + kHelloLine + "\n");
  turn();
  EXPECT_THAT(client(1).failure.value_or(Text()).en, HasSubstr("says hello twice"));
}

TEST_F(AgentServerTest, ATraceElsewhereIsRefused) {
  Client rank(path_);
  rank.say(kHelloLine + "\n" + done_line(R"({"path":"/t/../etc/shadow","steps":5})") + "\n");
  turn();
  EXPECT_THAT(client(0).failure.value_or(Text()).en, HasSubstr("\"trace.path\" is not in /t"));
  EXPECT_FALSE(client(0).observation);
}

TEST_F(AgentServerTest, AnAgentThatGaveUpSaysWhy) {
  Client rank(path_);
  rank.say(kHelloLine + "\n" + R"({"v":1,"id":1,"event":"done","outcome":"error","message":"no such hook"})" + "\n");
  turn();
  EXPECT_EQ(client(0).failure.value_or(Text()).en, "no such hook");
  EXPECT_TRUE(client(0).finished());
}

TEST_F(AgentServerTest, ClosesAllAndRemovesItsSocketAtItsEnd) {
  Client rank(path_);
  rank.say(kHelloLine + "\n");
  turn();
  static_cast<void>(rank.heard());
  server_.reset();
  EXPECT_TRUE(rank.is_closed());
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST(AgentServerPath, ThatIsTooLongIsAnError) {
  try {
    AgentServer server("/tmp/" + std::string(200, 'a') + "/agent.sock", {});
    ADD_FAILURE() << "it listens";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("cannot make the socket"));
  }
}

}  // namespace
}  // namespace wring
