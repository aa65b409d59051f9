#pragma once
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "wring/findings/judged_summary.h"
#include "wring/monitor/serve/plot_history.h"
#include "wring/monitor/serve/served_state.h"

namespace wring::serve {

// What of an HTTP request matters here. A header that was not sent is absent.
struct HttpRequest {
  std::string method;
  std::string target;  // "/api/v1/history?seconds=60"
  std::optional<std::string> host;
  std::optional<std::string> authorization;
  std::optional<std::string> accept_language;
};

struct HttpReply {
  int status = 200;
  std::string content_type;
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
};

// What the answers come from, and who gets them.
struct ServedSources {
  const ServedState& state;
  const PlotHistory& history;
  std::function<JudgedSummary()> run;     // since the start
  std::function<JudgedSummary()> recent;  // of the last minute
  bool loopback = true;                   // requests must name this computer as their host
  std::string token;                      // "": none is asked for
};

// The answer to a request; everything that the server does besides moving bytes. The page itself holds no data and
// needs no token; everything else does where there is one. Called from one thread.
class ServerRoutes {
 public:
  explicit ServerRoutes(ServedSources sources) : sources_(std::move(sources)) {}
  HttpReply answer(const HttpRequest& request);

 private:
  // Making a summary takes the sampler's lock, so that many requests share one.
  struct Cached {
    double made_s = 0;
    JudgedSummary summary;
  };

  std::optional<HttpReply> refusal(const HttpRequest& request, std::string_view path) const;
  HttpReply answer_get(const HttpRequest& request, std::string_view path, std::string_view query);
  HttpReply history(std::string_view query) const;
  HttpReply summary(std::string_view query, Language language);

  ServedSources sources_;
  std::optional<Cached> run_, recent_;
};

// The headers of every answer: nothing is framed, guessed, cached, or loaded from elsewhere.
const std::vector<std::pair<std::string, std::string>>& security_headers();

HttpReply error_reply(int status, const std::string& message);

}  // namespace wring::serve
