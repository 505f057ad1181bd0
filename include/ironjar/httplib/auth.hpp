// The routes by which a page asks after its login, refreshes it and ends it.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include <httplib.h>
#include <ironjar/fetch.hpp>
#include <ironjar/httplib/session.hpp>

namespace ironjar {

struct AuthOptions {
  std::string prefix = "/api/auth";
  // The site's own origins as browsers see them, e.g. `https://app.example.com`. Needed behind a reverse proxy that
  // rewrites Host; empty: an Origin is compared with the Host that the request was sent to.
  std::vector<std::string> origins = {};
  // How often a session may ask for a refresh; sooner is 429 with Retry-After. 0: as often as it likes.
  Seconds refreshInterval{5};
};

// Whether a request that changes something comes from the site itself. Browsers tell the truth in Sec-Fetch-Site, older
// ones in Origin; and a page elsewhere cannot set X-Requested-With without asking first. The first that is there
// decides.
[[nodiscard]] inline bool isSameOrigin(const httplib::Request& request, const std::vector<std::string>& origins = {}) {
  if (request.has_header("Sec-Fetch-Site")) return request.get_header_value("Sec-Fetch-Site") == "same-origin";
  if (!request.has_header("Origin")) return request.has_header("X-Requested-With");
  const std::string origin = request.get_header_value("Origin");
  if (!origins.empty()) return std::find(origins.begin(), origins.end(), origin) != origins.end();
  const std::string host = request.get_header_value("Host");
  return origin == "https://" + host || origin == "http://" + host;
}

namespace detail {

inline void describeLogin(httplib::Response& response, const Session& session, const Fetcher& fetcher) {
  const auto tokens = session.tokens(fetcher.options().tokenEndpoint.resource);
  Json status = {{"authenticated", tokens.has_value()}, {"expiresIn", nullptr}, {"refreshAt", nullptr}};
  if (tokens && tokens->expiresAt) {
    const auto left = std::chrono::floor<Seconds>(*tokens->expiresAt - fetcher.options().now());
    status["expiresIn"] = std::max<std::int64_t>(0, left.count());
  }
  if (const auto time = fetcher.refreshAt(session)) {
    status["refreshAt"] = std::chrono::floor<Seconds>(time->time_since_epoch()).count();
  }
  if (!tokens) status["reason"] = session.rejection() || session.destroyed() ? "session_expired" : "login_required";
  response.set_header("Cache-Control", "no-store");
  response.set_content(status.dump(), "application/json");
}

// At most one in an interval for each session.
class RateLimit {
 public:
  explicit RateLimit(Seconds interval) : interval_(interval) {}

  [[nodiscard]] bool admits(const Session& session) {
    const auto now = std::chrono::steady_clock::now();
    const std::lock_guard lock(mutex_);
    // Forgets what has lapsed whenever it has doubled, so that the work per call stays constant.
    if (last_.size() >= 2 * kept_) {
      std::erase_if(last_, [&](const auto& entry) { return now - entry.second >= interval_; });
      kept_ = std::max<std::size_t>(1000, last_.size());
    }
    const auto [entry, isNew] = last_.try_emplace(keyOf(session), now);
    if (!isNew && now - entry->second < interval_) return false;
    entry->second = now;
    return true;
  }
  // A refresh has just given the session another refresh token.
  void follow(const Session& session) {
    const std::lock_guard lock(mutex_);
    last_.insert_or_assign(keyOf(session), std::chrono::steady_clock::now());
  }

 private:
  // By its refresh token, since an Fe26.2 session's id changes with each rewrite.
  static std::size_t keyOf(const Session& session) {
    const auto tokens = session.tokens();
    return std::hash<std::string>()(tokens ? tokens->refreshToken : session.id());
  }

  const Seconds interval_;
  std::mutex mutex_;
  std::size_t kept_ = 1000;
  std::map<std::size_t, std::chrono::steady_clock::time_point> last_;
};

inline void refuseForeign(httplib::Response& response) {
  response.status = 403;
  response.set_content(R"({"reason":"cross_site_request"})", "application/json");
}

}  // namespace detail

// GET  {prefix}/status   {"authenticated": bool, "expiresIn": seconds of the access token or null, "refreshAt": unix
//                        seconds from which on it is refreshed ahead or null, "reason"?: login_required or
//                        session_expired}
// POST {prefix}/refresh  refreshes now; the status, or what respond() says of the error; 429 when asked too often
// POST {prefix}/logout   ends the session: 204, its cookies deleted
// A POST from another site gets 403 {"reason": "cross_site_request"}: send `X-Requested-With` where Origin is missing.
inline void mountAuth(httplib::Server& server, const SessionJar& jar, const Fetcher& fetcher,
                      const AuthOptions& options = {}) {
  const auto post = [&](const std::string& path, const SessionHandler& handler) {
    const auto guarded = [handler, origins = options.origins](const httplib::Request& request,
                                                              httplib::Response& response, Session& session) {
      isSameOrigin(request, origins) ? handler(request, response, session) : detail::refuseForeign(response);
    };
    server.Post(options.prefix + path, withSession(jar, guarded));
  };
  server.Get(options.prefix + "/status",
             withSession(jar, [fetcher](const httplib::Request&, httplib::Response& response, Session& session) {
               detail::describeLogin(response, session, fetcher);
             }));
  if (options.refreshInterval < Seconds{0})
    throw std::invalid_argument("ironjar: AuthOptions: refreshInterval is negative");
  const auto limit = std::make_shared<detail::RateLimit>(options.refreshInterval);
  const std::string pause = std::to_string(options.refreshInterval.count());
  post("/refresh", [fetcher, limit, pause](const httplib::Request&, httplib::Response& response, Session& session) {
    if (session.tokens() && !limit->admits(session)) {
      response.status = 429;
      response.set_header("Retry-After", pause);
      return response.set_content(R"({"reason":"too_many_requests"})", "application/json");
    }
    const auto refreshed = fetcher.refresh(session);
    if (!refreshed) return respond(response, refreshed.error());
    limit->follow(session);
    detail::describeLogin(response, session, fetcher);
  });
  post("/logout", [fetcher](const httplib::Request&, httplib::Response& response, Session& session) {
    fetcher.signOut(session);
    response.status = 204;
  });
}

}  // namespace ironjar
