// The routes of a login.
//
// Example:
//   const ironjar::Login login(jar, {.issuer = "https://id.example.com",
//                                    .client = ironjar::basicAuth("web", std::getenv("CLIENT_SECRET")),
//                                    .redirectUri = "https://app.example.com/callback",
//                                    .transport = ironjar::httplibTransport()});
//   ironjar::mountLogin(site, login, fetcher);  // GET /login?returnTo=/orders, GET /callback, POST /logout
#pragma once

#include <utility>

#include <httplib.h>
#include <ironjar/fetch.hpp>
#include <ironjar/httplib/session.hpp>
#include <ironjar/login.hpp>

namespace ironjar {

// As LoginRoutes says; HEAD gets 405. A logout that another site's page has posted gets 403 {"reason":
// "cross_site_request"}.
inline void mountLogin(const HardenedServer& site, const Login& login, const Fetcher& fetcher,
                       LoginRouteOptions options = {}) {
  const LoginRoutes routes(login, fetcher, std::move(options));
  const auto answer = withSession(
      site, login.jar(), [routes](const httplib::Request& request, httplib::Response& response, Session& session) {
        HardenedServer::ignoreRanges(request);
        respond(response, routes.answer(webRequest(request), session));
      });
  httplib::Server& server = site.server();
  const LoginRouteOptions& paths = routes.options();
  server.Get(paths.loginPath, answer);
  server.Get(routes.callbackPath(), answer);
  if (login.options().formPost) server.Post(routes.callbackPath(), answer);
  server.Post(paths.logoutPath, answer);
  if (!paths.backChannelLogoutPath.empty()) server.Post(paths.backChannelLogoutPath, answer);
  if (!paths.frontChannelLogoutPath.empty()) server.Get(paths.frontChannelLogoutPath, answer);
}

}  // namespace ironjar
