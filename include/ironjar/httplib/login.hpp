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

namespace detail {

// To what httplib routes here besides: HEAD as GET, and other spellings of the path. HEAD signs nobody in.
inline Response notOfRoute(const LoginRoutes& routes, LoginRoutes::Route route, const WebRequest& request) {
  if (request.method != "HEAD") return {.status = 404};
  const bool takesForms = route == LoginRoutes::Route::callback && routes.login().options().formPost;
  return {.status = 405, .headers = {{"Allow", takesForms ? "GET, POST" : "GET"}}};
}

}  // namespace detail

// As LoginRoutes says; HEAD gets 405. A logout that another site's page has posted gets 403 {"reason":
// "cross_site_request"}.
inline void mountLogin(const HardenedServer& site, const Login& login, const Fetcher& fetcher,
                       LoginRouteOptions options = {}) {
  using Route = LoginRoutes::Route;
  const LoginRoutes routes(login, fetcher, std::move(options));
  const auto answer = [&](Route route) {
    return withSession(site, login.jar(),
                       [routes, route](const httplib::Request& request, httplib::Response& response, Session& session) {
                         HardenedServer::ignoreRanges(request);
                         const WebRequest view = webRequest(request);
                         respond(response, routes.routeOf(view) == route ? routes.answer(route, view, session)
                                                                         : detail::notOfRoute(routes, route, view));
                       });
  };
  httplib::Server& server = site.server();
  server.Get(routes.options().loginPath, answer(Route::login));
  server.Get(routes.callbackPath(), answer(Route::callback));
  if (login.options().formPost) server.Post(routes.callbackPath(), answer(Route::callback));
  server.Post(routes.options().logoutPath, answer(Route::logout));
}

}  // namespace ironjar
