// The routes that a page needs to know and end its login.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
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
  const auto tokens = session.tokens();
  Json status = {{"authenticated", tokens.has_value()}, {"expiresIn", nullptr}};
  if (tokens && tokens->expiresAt) {
    const auto left = std::chrono::floor<Seconds>(*tokens->expiresAt - fetcher.options().now());
    status["expiresIn"] = std::max<std::int64_t>(0, left.count());
  }
  if (!tokens) status["reason"] = session.rejection() || session.destroyed() ? "session_expired" : "login_required";
  response.set_header("Cache-Control", "no-store");
  response.set_content(status.dump(), "application/json");
}

inline void refuseForeign(httplib::Response& response) {
  response.status = 403;
  response.set_content(R"({"error":"cross_site_request"})", "application/json");
}

}  // namespace detail

// GET  {prefix}/status   {"authenticated": bool, "expiresIn": seconds of the access token or null, "reason"?: text}
// POST {prefix}/refresh  refreshes now; the status, or what respond() says of the error
// POST {prefix}/logout   ends the session: 204, its cookies deleted
// A POST from another site gets 403 {"error": "cross_site_request"}: send `X-Requested-With` where Origin is missing.
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
  post("/refresh", [fetcher](const httplib::Request&, httplib::Response& response, Session& session) {
    const auto refreshed = fetcher.refresh(session);
    if (!refreshed) return respond(response, refreshed.error());
    detail::describeLogin(response, session, fetcher);
  });
  post("/logout", [fetcher](const httplib::Request&, httplib::Response& response, Session& session) {
    fetcher.signOut(session);
    response.status = 204;
  });
}

}  // namespace ironjar
