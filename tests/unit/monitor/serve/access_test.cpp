#include "wring/monitor/serve/access.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixtures/scoped_environment.h"
#include "fixtures/temporary_folder.h"
#include "wring/base/error.h"

namespace wring::serve {
namespace {

using namespace testing_support;

std::filesystem::path private_file(const testing_support::TemporaryFolder& folder, const std::string& content) {
  const auto path = folder.write("token", content);
  std::filesystem::permissions(path, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  return path;
}

TEST(ListenAddress, UnderstandsTheUsualForms) {
  const auto is = [](const std::string& text, const std::string& host, int port, bool loopback) {
    const ListenAddress address = parse_listen_address(text);
    EXPECT_EQ(address.host, host) << text;
    EXPECT_EQ(address.port, port) << text;
    EXPECT_EQ(address.loopback, loopback) << text;
  };
  is("127.0.0.1:9835", "127.0.0.1", 9835, true);
  is("127.9.9.9:1", "127.9.9.9", 1, true);
  is("localhost:0", "127.0.0.1", 0, true);
  is(":8080", "127.0.0.1", 8080, true);
  is("8080", "127.0.0.1", 8080, true);
  is("127.0.0.1", "127.0.0.1", 9835, true);
  is("[::1]:9835", "::1", 9835, true);
  is("0.0.0.0:9835", "0.0.0.0", 9835, false);
  is("[::]:9835", "::", 9835, false);
  is("192.168.1.5:80", "192.168.1.5", 80, false);
}

TEST(ListenAddress, RefusesWhatIsNone) {
  for (const char* text :
       {"", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:80x", "::1:80", "[::1", "[::1]80",
        "example.org:80", "127.0.0.256:80", "[127.0.0.1]:80", "70000", "127.0.0.1:80:80"}) {
    EXPECT_THROW(parse_listen_address(text), Error) << text;
  }
}

TEST(ServerToken, ComesFromTheFirstLineOfTheFile) {
  const TemporaryFolder folder;
  EXPECT_EQ(read_token(private_file(folder, "0123456789abcdef\nsecond line\n")), "0123456789abcdef");
}

TEST(ServerToken, ComesFromTheEnvironmentElse) {
  ScopedEnvironment environment;
  environment.set("WRING_MONITOR_TOKEN", "fedcba9876543210");
  EXPECT_EQ(read_token(std::nullopt), "fedcba9876543210");
  environment.set("WRING_MONITOR_TOKEN", std::nullopt);
  EXPECT_EQ(read_token(std::nullopt), "");
}

TEST(ServerToken, MustBeLongAndPrintable) {
  const TemporaryFolder folder;
  for (const char* content : {"", "short", "with a blank inside it", "tab\tinside-the-token"}) {
    EXPECT_THROW(read_token(private_file(folder, content)), Error) << content;
  }
  EXPECT_THROW(read_token(folder.path() / "missing"), Error);
}

TEST(ServerToken, IsComparedWhole) {
  EXPECT_TRUE(same_token("0123456789abcdef", "0123456789abcdef"));
  EXPECT_FALSE(same_token("0123456789abcdef", "0123456789abcdeF"));
  EXPECT_FALSE(same_token("0123456789abcdef", "0123456789abcdef0"));
  EXPECT_FALSE(same_token("0123456789abcdef", "0123456789abcdef0123456789abcdef"));
  EXPECT_FALSE(same_token("0123456789abcdef", ""));
  EXPECT_FALSE(same_token("", ""));
}

TEST(Exposure, NeedsBothTheOptionAndAToken) {
  const ListenAddress everywhere = parse_listen_address("0.0.0.0:9835");
  EXPECT_THROW(check_exposure(everywhere, false, ""), Error);
  EXPECT_THROW(check_exposure(everywhere, true, ""), Error);
  EXPECT_THROW(check_exposure(everywhere, false, "0123456789abcdef"), Error);
  EXPECT_NO_THROW(check_exposure(everywhere, true, "0123456789abcdef"));
  EXPECT_NO_THROW(check_exposure(parse_listen_address("[::1]:9835"), false, ""));
}

TEST(HostHeader, NamesThisComputerOnly) {
  for (const char* host : {"localhost", "LocalHost:9835", "127.0.0.1", "127.0.0.1:80", "[::1]", "[::1]:9835"}) {
    EXPECT_TRUE(is_loopback_host(host)) << host;
  }
  for (const char* host : {"", "evil.example", "evil.example:9835", "localhost.evil.example", "127.0.0.1.evil.example",
                           "192.168.1.5", "[::2]", "127.0.0.1:x", "localhost:"}) {
    EXPECT_FALSE(is_loopback_host(host)) << host;
  }
}

TEST(Token, InAFileThatOthersMayUseIsRefused) {
  using std::filesystem::perms;
  const testing_support::TemporaryFolder folder;
  const auto path = private_file(folder, "0123456789abcdef");
  EXPECT_EQ(read_token(path), "0123456789abcdef");
  for (const perms more : {perms::others_read, perms::group_read, perms::group_write, perms::others_write}) {
    std::filesystem::permissions(path, perms::owner_read | perms::owner_write | more);
    EXPECT_THROW(read_token(path), Error) << static_cast<unsigned>(more);
  }
}

TEST(Token, InAFifoOrADeviceIsRefusedAtOnce) {
  const testing_support::TemporaryFolder folder;
  const auto fifo = folder.path() / "fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_THROW(read_token(fifo), Error);
  EXPECT_THROW(read_token("/dev/zero"), Error);
}

}  // namespace
}  // namespace wring::serve
