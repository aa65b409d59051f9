#include "wring/monitor/serve/routes.h"

#include <nlohmann/json.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/monitor/serve/served_ticks.h"
#include "wring/monitor/serve/page_assets.h"

namespace wring::serve {
namespace {

using namespace testing_support;
using Json = nlohmann::json;
using testing::Contains;
using testing::HasSubstr;
using testing::Key;
using testing::Pair;

const char* const kToken = "0123456789abcdef";

class Routes : public testing::Test {
 protected:
  Routes() {
    for (int i = 0; i < 3; ++i) {
      const Tick tick = served_tick(1, steady_seconds() - 2 + i);
      state_.on_tick(tick);
      history_.on_tick(tick);
    }
  }

  ServedSources sources() {
    const auto summary = [this](double duration_s) {
      summaries_ += 1;
      JudgedSummary made;
      made.duration_s = duration_s;
      return made;
    };
    return {state_, history_, [summary] { return summary(600); }, [summary] { return summary(60); }, true, ""};
  }
  ServerRoutes with_token() {
    ServedSources closed = sources();
    closed.token = kToken;
    return ServerRoutes(closed);
  }

  static HttpRequest get(const std::string& target) { return {"GET", target, "localhost:9835", {}, {}}; }
  static HttpRequest authorized(const std::string& target, const std::string& header) {
    HttpRequest request = get(target);
    request.authorization = header;
    return request;
  }

  ServedState state_{facts(1)};
  PlotHistory history_{1};
  int summaries_ = 0;
  ServerRoutes routes_{sources()};
};

TEST_F(Routes, ServeTheDocumentedAddresses) {
  for (const char* target : {"/api/v1/gpus", "/api/v1/latest", "/api/v1/history", "/api/v1/history?seconds=60",
                             "/api/v1/summary", "/api/v1/health"}) {
    const HttpReply reply = routes_.answer(get(target));
    EXPECT_EQ(reply.status, 200) << target;
    EXPECT_THAT(reply.content_type, HasSubstr("application/json"));
    EXPECT_THAT(Json::parse(reply.body)["schema"].get<std::string>(), HasSubstr("wring.monitor."));
  }
  EXPECT_THAT(routes_.answer(get("/metrics")).content_type, HasSubstr("version=0.0.4"));
}

TEST_F(Routes, AnswerErrorsAsJson) {
  for (const auto& [target, status] : std::map<std::string, int>{{"/nothing", 404},
                                                                 {"/api/v1", 404},
                                                                 {"/../etc/passwd", 404},
                                                                 {"http://example.org/", 400},
                                                                 {"/api/v1/history?seconds=-1", 400},
                                                                 {"/api/v1/history?seconds=many", 400},
                                                                 {"/api/v1/history?seconds=nan", 400},
                                                                 {"/api/v1/history?metrics=gpu_util,nothing", 400},
                                                                 {"/api/v1/summary?window=week", 400}}) {
    const HttpReply reply = routes_.answer(get(target));
    EXPECT_EQ(reply.status, status) << target;
    EXPECT_EQ(Json::parse(reply.body)["error"]["status"], status);
  }
}

TEST_F(Routes, OnlyAnswerQuestions) {
  for (const char* method : {"POST", "PUT", "DELETE", "PATCH", "CONNECT", "TRACE"}) {
    HttpRequest request = get("/api/v1/latest");
    request.method = method;
    const HttpReply reply = routes_.answer(request);
    EXPECT_EQ(reply.status, 405) << method;
    EXPECT_THAT(reply.headers, Contains(Pair("Allow", "GET, HEAD, OPTIONS")));
  }
  HttpRequest request = get("/metrics");
  request.method = "OPTIONS";
  EXPECT_EQ(routes_.answer(request).status, 204);
  EXPECT_THAT(routes_.answer(request).headers, Contains(Pair("Allow", "GET, HEAD, OPTIONS")));
}

TEST_F(Routes, RefuseAHostThatIsNotThisComputer) {
  HttpRequest request = get("/api/v1/latest");
  request.host = "evil.example:9835";
  EXPECT_EQ(routes_.answer(request).status, 403);
  request.target = "/";
  EXPECT_EQ(routes_.answer(request).status, 403);
  request.host.reset();
  EXPECT_EQ(routes_.answer(request).status, 400);
}

TEST_F(Routes, AskForTheTokenWhereThereIsOne) {
  ServerRoutes closed = with_token();
  for (const char* target : {"/metrics", "/api/v1/latest", "/api/v1/health", "/nothing"}) {
    const HttpReply reply = closed.answer(get(target));
    EXPECT_EQ(reply.status, 401) << target;
    EXPECT_THAT(reply.headers, Contains(Key("WWW-Authenticate")));
  }
  EXPECT_EQ(closed.answer(authorized("/metrics", "Bearer 0123456789abcdef")).status, 200);
  for (const char* header :
       {"Bearer 0123456789abcdeF", "Bearer ", "bearer", "0123456789abcdef", "Basic 0123456789abcdef"}) {
    EXPECT_EQ(closed.answer(authorized("/metrics", header)).status, 401) << header;
  }
  EXPECT_EQ(closed.answer(get("/metrics?token=0123456789abcdef")).status, 401) << "addresses end up in logs";
}

TEST_F(Routes, GiveThePageItselfWithoutAToken) {
  ServerRoutes closed = with_token();
  for (const PageAsset& asset : page_assets()) {
    EXPECT_EQ(closed.answer(get(std::string(asset.path))).status, 200) << asset.path;
    EXPECT_FALSE(asset.content_type.empty()) << asset.path;
  }
}

TEST_F(Routes, SpeakTheBrowsersLanguage) {
  HttpRequest request = get("/");
  EXPECT_THAT(routes_.answer(request).body, HasSubstr("<html lang=\"en\">"));
  request.accept_language = "fr-FR, zh-TW;q=0.8, en;q=0.5";
  EXPECT_THAT(routes_.answer(request).body, HasSubstr("<html lang=\"zh-CN\">"));
  request.accept_language = "en-US,en;q=0.9,zh;q=0.8";
  EXPECT_THAT(routes_.answer(request).body, HasSubstr("<html lang=\"en\">"));
  request.target = "/?lang=zh";
  EXPECT_THAT(routes_.answer(request).body, HasSubstr("<html lang=\"zh-CN\">"));
}

TEST_F(Routes, ReadEncodedParameters) {
  const Json json = Json::parse(routes_.answer(get("/api/v1/history?metrics=power_w%2Cgpu_util&seconds=1")).body);
  EXPECT_EQ(json["gpus"][0]["metrics"].size(), 2U);
  EXPECT_EQ(json["unix_ms"].size(), 2U);
}

TEST_F(Routes, ShareOneSummaryAmongManyQuestions) {
  for (int i = 0; i < 10; ++i) EXPECT_EQ(Json::parse(routes_.answer(get("/api/v1/summary")).body)["duration_s"], 600);
  EXPECT_EQ(Json::parse(routes_.answer(get("/api/v1/summary?window=recent")).body)["duration_s"], 60);
  EXPECT_EQ(summaries_, 2);
}

TEST_F(Routes, SayThatTicksHaveStopped) {
  ServedState still(facts(1));
  still.on_tick(served_tick(1, steady_seconds() - 100));
  ServerRoutes routes({still, history_, {}, {}, true, ""});
  EXPECT_EQ(routes.answer(get("/api/v1/health")).status, 503);
}

TEST(PageAssets, NameNothingElsewhere) {
  ASSERT_FALSE(page_assets().empty());
  for (const PageAsset& asset : page_assets()) {
    std::string content(asset.content);
    const auto name_space = content.find("http://www.w3.org/2000/svg");  // a name, which nothing loads
    if (name_space != std::string::npos) content.erase(name_space, 7);
    EXPECT_THAT(content, Not(HasSubstr("http://"))) << asset.path;
    EXPECT_THAT(content, Not(HasSubstr("https://"))) << asset.path;
    EXPECT_THAT(content, Not(HasSubstr("innerHTML"))) << asset.path;
  }
}

}  // namespace
}  // namespace wring::serve
