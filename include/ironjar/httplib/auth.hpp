// The routes by which a page asks after its login, refreshes it and ends it.
//
// Example:
//   ironjar::mountAuth(site, jar, fetcher, {.prefix = "/auth"});
#pragma once

#include <httplib.h>
#include <ironjar/fetch.hpp>
#include <ironjar/httplib/session.hpp>

namespace ironjar {

// GET  {prefix}/status   {"authenticated": …, "expiresIn": seconds or null, "refreshAt": unix seconds or null,
//                        "reason": when not authenticated, "claims": as AuthOptions::claims,
//                        "redirectTo": as AuthOptions::redirectTo}
// POST {prefix}/refresh  newer tokens, and the status; 401 or 503 as respond(); 429 when asked too often
// POST {prefix}/logout   ends the session: 204, its cookies deleted
// With AuthOptions::sessions: GET {prefix}/sessions, DELETE {prefix}/sessions/{id}, DELETE {prefix}/sessions: as
// AuthRoutes::sessions.
// A POST or DELETE from another site gets 403 {"reason": "cross_site_request"}: send `X-Requested-With` where Origin is
// missing.
inline void mountAuth(const HardenedServer& site, const SessionJar& jar, const Fetcher& fetcher,
                      const AuthOptions& options = {}) {
  const AuthRoutes routes(fetcher, options);
  httplib::Server& server = site.server();
  server.Get(
      options.prefix + "/status",
      withSession(site, jar, [routes](const httplib::Request& request, httplib::Response& response, Session& session) {
        HardenedServer::ignoreRanges(request);
        respond(response, routes.status(session));
      }));
  server.Post(
      options.prefix + "/refresh",
      withSession(site, jar, [routes](const httplib::Request& request, httplib::Response& response, Session& session) {
        HardenedServer::ignoreRanges(request);
        respond(response, routes.refresh(webRequest(request), session));
      }));
  server.Post(
      options.prefix + "/logout",
      withSession(site, jar, [routes](const httplib::Request& request, httplib::Response& response, Session& session) {
        respond(response, routes.logout(webRequest(request), session));
      }));
  if (!options.sessions) return;
  const auto sessions =
      withSession(site, jar, [routes](const httplib::Request& request, httplib::Response& response, Session& session) {
        HardenedServer::ignoreRanges(request);
        respond(response, routes.sessions(webRequest(request), session));
      });
  server.Get(options.prefix + "/sessions", sessions);
  server.Delete(options.prefix + "/sessions", sessions);
  server.Delete(options.prefix + "/sessions/.+", sessions);
}

}  // namespace ironjar
