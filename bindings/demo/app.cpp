// A web app on ironjar: sign in with OAuth, keep the tokens in a sealed cookie, call an API with them. This is the file
// to copy from.
#include "app.hpp"

#include "page.hpp"

#include <cstdlib>
#include <iomanip>
#include <iostream>
#include <memory>
#include <random>
#include <sstream>

#include <ironjar/httplib.hpp>
#include <ironjar/ironjar.hpp>
#include <ironjar/prometheus.hpp>

namespace demo {

using ironjar::Session;

namespace {

// 128 bits from the operating system.
std::string randomText() {
  std::random_device entropy;
  std::ostringstream text;
  text << std::hex << std::setfill('0');
  for (int i = 0; i < 4; ++i) text << std::setw(8) << entropy();
  return text.str();
}

std::size_t sizeOfCookie(const httplib::Request& request, const std::string& name) {
  std::size_t size = 0;
  const std::string header = ironjar::cookieHeader(request);
  for (const auto& cookie : ironjar::parseCookies(header)) {
    if (cookie.name == name) size += cookie.name.size() + 1 + cookie.value.size();
  }
  return size;
}

}  // namespace

void mountApp(httplib::Server& server, const AppOptions& options) {
  const ironjar::Transport transport = ironjar::httplibTransport();
  const ironjar::TokenEndpoint tokenEndpoint = {
      .url = options.provider + "/token", .clientAuth = options.client, .allowHttpOnLoopback = true};
  const auto coordinator =
      std::make_shared<ironjar::LocalCoordinator>(ironjar::LocalCoordinatorOptions{.maxWaiters = maxWaiters});
  const auto metrics = std::make_shared<ironjar::PrometheusMetrics>(coordinator);
  const ironjar::Observer observer = ironjar::combined({metrics->observer(), ironjar::logLines(std::clog)});
  const ironjar::Fetcher api({.transport = transport,
                              .allowedOrigins = {options.api},
                              .allowHttpOnLoopback = true,
                              .tokenEndpoint = tokenEndpoint,
                              .timeout = options.timeout,
                              .coordinator = coordinator,
                              .observer = observer});
  const ironjar::SessionJar jar(
      {.cookieName = "__Host-demo",
       .passwords = std::getenv("SESSION_PASSWORD"),  // NOLINT(concurrency-mt-unsafe): at start-up
       .beforeCommit = api.beforeCommit(),
       .observer = observer});

  // The page, and what it asks for.
  server.Get("/", [](const auto&, auto& response) { response.set_content(page, "text/html; charset=utf-8"); });
  ironjar::mountAuth(server, jar, api);
  ironjar::proxy(server, "/api/data", jar, api, options.api);
  server.Get("/metrics", [metrics](const auto&, auto& response) {
    response.set_content(metrics->text(), "text/plain; version=0.0.4");
  });

  // Sign in: to the provider with a random `state`, …
  const std::string callback = options.self + "/callback";
  const std::string authorize = options.provider + "/authorize?response_type=code&client_id=web&redirect_uri=" +
                                httplib::detail::encode_query_param(callback);
  server.Get("/login", ironjar::withSession(jar, [authorize](auto&, auto& response, Session& session) {
               const std::string state = randomText();
               session.replace();  // whatever the browser has: it may be a login that ended elsewhere
               session.set("state", state);
               response.set_redirect(authorize + "&state=" + state);
             }));

  // … and back with a code, which buys the tokens. replace() gives the login a new session.
  const auto signIn = [=](const httplib::Request& request, httplib::Response& response, Session& session) {
    const auto state = session.take<std::string>("state");
    if (!state || request.get_param_value("state") != *state) {
      response.status = 400;
      return response.set_content("Please start again at /login", "text/plain");
    }
    const auto tokens = ironjar::requestTokens(
        transport, tokenEndpoint,
        {{"grant_type", "authorization_code"}, {"code", request.get_param_value("code")}, {"redirect_uri", callback}});
    if (!tokens) return ironjar::respond(response, tokens.error());
    session.replace();
    session.setTokens(*tokens);
    session.set("signedInAt", std::chrono::system_clock::now().time_since_epoch() / std::chrono::seconds{1});
    response.set_redirect("/");
  };
  server.Get("/callback", ironjar::withSession(jar, signIn));

  // Who am I: the API knows. The session remembers, so that the API is asked once.
  server.Get("/me", ironjar::withSession(jar, [=](auto&, auto& response, Session& session) {
               if (!session.contains("profile")) {
                 const auto profile = api.performFetch(session, {.url = options.api + "/profile"});
                 if (!profile) return ironjar::respond(response, profile.error());
                 if (profile->status != 200) return ironjar::respond(response, ironjar::fail(ironjar::Errc::transport));
                 session.set("profile", profile->body);
               }
               response.set_content(session.get<std::string>("profile").value_or("null"), "application/json");
             }));

  // The live view: what the browser may know of its session, which is never a token.
  server.Get("/session", ironjar::withSession(jar, [jar](auto& request, auto& response, Session& session) {
               const auto tokens = session.tokens();
               const auto now = std::chrono::system_clock::now();
               const auto end = tokens && tokens->expiresAt ? *tokens->expiresAt : now;
               const ironjar::Json view = {{"signedIn", tokens.has_value()},
                                           {"tokenExpiresIn", std::chrono::ceil<ironjar::Seconds>(end - now).count()},
                                           {"sessionId", tokens ? session.id().substr(0, 8) : "none"},
                                           {"cookieBytes", sizeOfCookie(request, jar.options().cookieName)}};
               response.set_content(view.dump(), "application/json");
             }));
}

}  // namespace demo
