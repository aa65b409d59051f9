// What Kineto says at the socket, and what may lie about its size.
#include "wring/kineto/datagrams.h"

#include <cstring>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "unit/kineto/kineto_bytes.h"

namespace wring::kineto {
namespace {

TEST(KinetoDatagrams, APollTellsTheProcessAndWhetherItsProfilerIsAtRest) {
  const auto rests = parse_datagram(poll_bytes({321, 300, 1}, 3));
  ASSERT_TRUE(rests);
  EXPECT_EQ(rests->kind, Datagram::Kind::polls);
  EXPECT_EQ(rests->pid, 321);
  EXPECT_TRUE(rests->can_profile);
  const auto busy = parse_datagram(poll_bytes({321}, 1));
  ASSERT_TRUE(busy);
  EXPECT_FALSE(busy->can_profile);
}

TEST(KinetoDatagrams, ARegistrationTellsTheProcess) {
  const auto read = parse_datagram(message("ctxt", bytes_of({0, 77, 0, 0})));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->kind, Datagram::Kind::registers);
  EXPECT_EQ(read->pid, 77);
}

TEST(KinetoDatagrams, WhatDoesNotFitIsNoMessage) {
  const std::string whole = poll_bytes({321, 300}, 3);
  for (std::size_t length = 0; length < whole.size(); ++length) EXPECT_FALSE(parse_datagram(whole.substr(0, length)));
  EXPECT_FALSE(parse_datagram(whole + "x"));
  EXPECT_FALSE(parse_datagram(std::string(kLongestDatagram + 1, 'x')));
  EXPECT_FALSE(parse_datagram(message("req", bytes_of({3, 2, 0, 0, 321})))) << "it claims two processes and has one";
  EXPECT_FALSE(parse_datagram(message("req", bytes_of({3, -1, 0, 0, 321}))));
  EXPECT_FALSE(parse_datagram(message("req", bytes_of({3, 0x40000001, 0, 0, 321}))));
  EXPECT_FALSE(parse_datagram(message("req", bytes_of({3, 1, 0, 0, 0})))) << "no process has this number";
  EXPECT_FALSE(parse_datagram(message("ctxt", bytes_of({0, 77, 0}))));
  EXPECT_FALSE(parse_datagram(message("data", bytes_of({0, 77, 0, 0}))));
  EXPECT_FALSE(parse_datagram(message(std::string(32, 'r'), bytes_of({0, 77, 0, 0})))) << "a kind without an end";
}

TEST(KinetoDatagrams, AReplyHasItsSizeAndKindBeforeTheText) {
  const std::string reply = config_reply("A=1\n");
  std::uint64_t size = 0;
  std::memcpy(&size, reply.data(), sizeof size);
  EXPECT_EQ(size, 4U);
  EXPECT_STREQ(reply.substr(8, 32).c_str(), "req");
  EXPECT_EQ(reply.substr(40), "A=1\n");
  EXPECT_EQ(config_reply("").size(), 40U);
  EXPECT_EQ(registered_reply(3), message("ctxt", bytes_of({3})));
}

}  // namespace
}  // namespace wring::kineto
