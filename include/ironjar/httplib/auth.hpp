// The routes that a page needs to know and end its login.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include <httplib.h>
#include <ironjar/fetch.hpp>
#include <ironjar/httplib/session.hpp>

namespace ironjar {

struct AuthOptions {
  std::string prefix = "/api/auth";
};

// Whether a request that changes something comes from the site itself. A page elsewhere cannot set X-Requested-With
// without asking first, and browsers tell the truth in Origin and Sec-Fetch-Site; one of them must speak for the
// request and none against it.
[[nodiscard]] inline bool isSameOrigin(const httplib::Request& request) {
  const std::string site = request.get_header_value("Sec-Fetch-Site");
  const std::string origin = request.get_header_value("Origin");
  const std::size_t scheme = origin.find("://");
  const bool ownOrigin =
      scheme != std::string::npos && std::string_view(origin).substr(scheme + 3) == request.get_header_value("Host");
  if (!origin.empty() && !ownOrigin) return false;
  if (!site.empty() && site != "same-origin") return false;
  return ownOrigin || !site.empty() || request.has_header("X-Requested-With");
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
    const auto guarded = [handler](const httplib::Request& request, httplib::Response& response, Session& session) {
      isSameOrigin(request) ? handler(request, response, session) : detail::refuseForeign(response);
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
  post("/logout", [](const httplib::Request&, httplib::Response& response, Session& session) {
    session.destroy();
    response.status = 204;
  });
}

}  // namespace ironjar
