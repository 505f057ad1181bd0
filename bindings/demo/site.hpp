// What the web app consists of, whichever server it runs on.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <ironjar/ironjar.hpp>
#include <ironjar/prometheus.hpp>

namespace demo {

struct AppOptions {
  std::string self;                    // where browsers reach the app, e.g. http://localhost:8080
  std::string provider;                // the identity provider's origin
  std::string api;                     // the API's origin
  ironjar::ClientAuth client;          // what the provider knows the app by
  ironjar::Seconds timeout{30};        // for what one request does
  std::function<std::string()> stats;  // what the demo's provider has counted, as JSON
};

// Requests that may wait for the identity provider at one time; the next are told to come again.
inline constexpr std::size_t maxWaiters = 64;

// Answers are values; a server's file says at which path they are given. Reads SESSION_PASSWORD from the environment.
class Site {
 public:
  // One of the two transports: the one of the server's kind.
  Site(AppOptions options, ironjar::Transport transport, ironjar::AsyncTransport asyncTransport);

  // A page that a browser loads before anybody asks for it may be shown after a logout, and a login that it follows
  // ahead takes the session's place: it gets 503, and is loaded when it is asked for.
  [[nodiscard]] static std::optional<ironjar::Response> refusePreloading(const ironjar::WebRequest& request);
  [[nodiscard]] static ironjar::Response page();
  // The browser's half, below /ironjar/.
  [[nodiscard]] static ironjar::Response script(std::string_view path);

  // Who am I: the API knows. The session remembers, so that the API is asked once.
  [[nodiscard]] ironjar::Request profileRequest() const { return {.url = options.api + "/profile"}; }
  [[nodiscard]] ironjar::Response profile(ironjar::Session& session,
                                          const ironjar::Result<ironjar::Response>& answer) const;

  // The live view: what the browser may know of its session, which is never a token.
  [[nodiscard]] ironjar::Response view(const ironjar::WebRequest& request, const ironjar::Session& session) const;

  // Where a logout leads, by way of the provider.
  [[nodiscard]] ironjar::LoginRouteOptions loginRoutes() const { return {.afterLogout = options.self + "/"}; }

  const AppOptions options;
  const ironjar::TokenEndpoint tokenEndpoint;
  const std::shared_ptr<ironjar::LocalCoordinator> coordinator;
  const std::shared_ptr<ironjar::PrometheusMetrics> metrics;
  const ironjar::Observer observer;
  const ironjar::Fetcher api;
  const ironjar::Passwords passwords;
  const ironjar::SessionJar jar;
  const ironjar::Login login;  // at /login, /callback and /logout
};

// JSON, or another text, that belongs to one visitor: what a shared cache must not keep, and a browser not show to who
// comes next.
[[nodiscard]] ironjar::Response privately(std::string body, const char* type = "application/json");

}  // namespace demo
