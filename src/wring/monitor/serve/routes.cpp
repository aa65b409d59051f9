#include "wring/monitor/serve/routes.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include "wring/base/parse.h"
#include "wring/monitor/serve/access.h"
#include "wring/monitor/serve/exposition.h"
#include "wring/monitor/serve/json.h"
#include "wring/monitor/serve/page_assets.h"

namespace wring::serve {
namespace {

constexpr double kSummaryLivesS = 1;
constexpr double kDefaultHistoryS = 600;
constexpr const char* kJsonType = "application/json; charset=utf-8";

std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned code = 0;
    const char* const digits = text.data() + i + 1;
    if (text[i] == '%' && i + 2 < text.size() && std::from_chars(digits, digits + 2, code, 16).ptr == digits + 2) {
      out += static_cast<char>(code);
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

// "a=1&b=2", "b" → "2". The first one counts.
std::optional<std::string> parameter(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(pair.size() + 1, query.size()));
    const auto equals = std::min(pair.find('='), pair.size());
    if (pair.substr(0, equals) != name) continue;
    return percent_decoded(pair.substr(std::min(equals + 1, pair.size())));
  }
  return std::nullopt;
}

// What the user asked for in the address, else the first of our languages that the browser lists.
Language language_of(const HttpRequest& request, std::string_view query) {
  if (const auto asked = parameter(query, "lang")) return *asked == "zh" ? Language::zh : Language::en;
  std::string_view list = request.accept_language ? std::string_view(*request.accept_language) : "";
  while (!list.empty()) {
    const std::string_view item = list.substr(0, list.find(','));
    list.remove_prefix(std::min(item.size() + 1, list.size()));
    const std::string_view tag = item.substr(std::min(item.find_first_not_of(' '), item.size()));
    if (tag.starts_with("zh")) return Language::zh;
    if (tag.starts_with("en")) return Language::en;
  }
  return Language::en;
}

const PageAsset* asset(std::string_view path) {
  const auto assets = page_assets();
  const auto at = std::ranges::find(assets, path, &PageAsset::path);
  return at != assets.end() ? &*at : nullptr;
}

HttpReply asset_reply(const PageAsset& asset, Language language) {
  std::string content(asset.content);
  if (asset.path == "/") {
    constexpr std::string_view kPlaceholder = "lang=\"en\"";
    const auto at = content.find(kPlaceholder);
    if (language == Language::zh && at != std::string::npos) content.replace(at, kPlaceholder.size(), "lang=\"zh-CN\"");
  }
  return {200, std::string(asset.content_type), std::move(content), {{"Vary", "Accept-Language"}}};
}

HttpReply json_reply(std::string body, int status = 200) {
  return {status, kJsonType, std::move(body), {}};
}

std::vector<std::string> split_commas(std::string_view list) {
  std::vector<std::string> parts;
  while (!list.empty()) {
    const std::string_view part = list.substr(0, list.find(','));
    list.remove_prefix(std::min(part.size() + 1, list.size()));
    if (!part.empty()) parts.emplace_back(part);
  }
  return parts;
}

}  // namespace

const std::vector<std::pair<std::string, std::string>>& security_headers() {
  static const std::vector<std::pair<std::string, std::string>> headers = {
      {"Content-Security-Policy",
       "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
       "form-action 'none'; frame-ancestors 'none'"},
      {"X-Content-Type-Options", "nosniff"},
      {"X-Frame-Options", "DENY"},
      {"Referrer-Policy", "no-referrer"},
      {"Cross-Origin-Resource-Policy", "same-origin"},
      {"Cross-Origin-Opener-Policy", "same-origin"},
      {"Cache-Control", "no-store"},
  };
  return headers;
}

HttpReply error_reply(int status, const std::string& message) {
  return json_reply(error_answer(status, message), status);
}

std::optional<HttpReply> ServerRoutes::refusal(const HttpRequest& request, std::string_view path) const {
  if (!request.host) return error_reply(400, "the Host header is missing");
  if (sources_.loopback && !is_loopback_host(*request.host)) {
    return error_reply(403, "the Host header must name this computer: localhost, 127.0.0.1 or [::1]");
  }
  if (sources_.token.empty() || asset(path) != nullptr) return std::nullopt;
  constexpr std::string_view kScheme = "Bearer ";
  const std::string_view given = request.authorization ? std::string_view(*request.authorization) : "";
  if (given.starts_with(kScheme) && same_token(sources_.token, given.substr(kScheme.size()))) return std::nullopt;
  HttpReply reply = error_reply(401, "send the token: Authorization: Bearer TOKEN");
  reply.headers.emplace_back("WWW-Authenticate", "Bearer realm=\"wring monitor\"");
  return reply;
}

HttpReply ServerRoutes::answer(const HttpRequest& request) {
  constexpr const char* kMethods = "GET, HEAD, OPTIONS";
  const std::string_view target = request.target;
  const std::string_view path = target.substr(0, target.find('?'));
  const std::string_view query = target.substr(std::min(path.size() + 1, target.size()));
  if (const auto refused = refusal(request, path)) return *refused;
  if (request.method == "OPTIONS") return {204, "", "", {{"Allow", kMethods}}};
  if (request.method != "GET" && request.method != "HEAD") {
    HttpReply reply = error_reply(405, "this server only answers questions: GET, HEAD, OPTIONS");
    reply.headers.emplace_back("Allow", kMethods);
    return reply;
  }
  if (!path.starts_with('/')) return error_reply(400, "the target must be a path on this server");
  return answer_get(request, path, query);
}

HttpReply ServerRoutes::answer_get(const HttpRequest& request, std::string_view path, std::string_view query) {
  const Language language = language_of(request, query);
  if (const PageAsset* found = asset(path)) return asset_reply(*found, language);
  if (path == "/metrics") return {200, kPrometheusContentType, prometheus_text(sources_.state.view()), {}};
  if (path == "/api/v1/gpus") return json_reply(gpus_answer(sources_.state.view(), language));
  if (path == "/api/v1/latest") return json_reply(latest_answer(sources_.state.view(), language));
  if (path == "/api/v1/history") return history(query);
  if (path == "/api/v1/summary") return summary(query, language);
  if (path == "/api/v1/health") {
    const MonitorView view = sources_.state.view();
    return json_reply(health_answer(view), view.stalled() ? 503 : 200);
  }
  return error_reply(404, "there are /, /metrics, and under /api/v1: gpus, latest, history, summary, health");
}

HttpReply ServerRoutes::history(std::string_view query) const {
  double seconds = kDefaultHistoryS;
  if (const auto asked = parameter(query, "seconds")) {
    seconds = parse_number<double>(*asked).value_or(-1);
    if (!std::isfinite(seconds) || seconds < 0) return error_reply(400, "seconds must be a number from 0 on");
  }
  std::vector<std::string> only;
  if (const auto asked = parameter(query, "metrics")) only = split_commas(*asked);
  for (const std::string& key : only) {
    if (is_history_metric(key)) continue;
    return error_reply(400, "there is no metric '" + key +
                                "'; /api/v1/gpus lists them, cpu_percent and iowait_percent are the host's");
  }
  return json_reply(history_answer(sources_.state.facts(), sources_.history.last(seconds), only));
}

HttpReply ServerRoutes::summary(std::string_view query, Language language) {
  const std::string window = parameter(query, "window").value_or("run");
  if (window != "run" && window != "recent") return error_reply(400, "window must be run or recent");
  std::optional<Cached>& cached = window == "run" ? run_ : recent_;
  const double now_s = steady_seconds();
  if (!cached || now_s - cached->made_s > kSummaryLivesS) {
    cached = Cached{now_s, window == "run" ? sources_.run() : sources_.recent()};
  }
  return json_reply(summary_answer(cached->summary, language));
}

}  // namespace wring::serve
