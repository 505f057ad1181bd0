// What the web app consists of, whichever server it runs on.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

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

// The `state`s of logins that this browser has begun, in a cookie of their own: a login that nobody finishes leaves the
// session as it is, and each tab has its own.
class PendingLogins {
 public:
  explicit PendingLogins(const ironjar::Passwords& passwords);

  struct Begun {
    std::string state;  // a new one; the oldest makes room
    std::vector<std::string> cookies;
  };
  [[nodiscard]] Begun begin(std::string_view cookieHeader) const;
  // The cookies to set when the browser has begun a login with the state that came back, which is used up. Nothing for
  // a wrong one, which changes nothing.
  [[nodiscard]] std::optional<std::vector<std::string>> finish(std::string_view cookieHeader,
                                                               std::string_view state) const;

 private:
  ironjar::SessionJar jar_;
};

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

  // Sign in: to the provider with a random `state`, …
  [[nodiscard]] ironjar::Response login(const ironjar::WebRequest& request) const;
  // … and back with a code. The answer when this browser has not begun that login; …
  [[nodiscard]] std::optional<ironjar::Response> refuseCallback(const ironjar::WebRequest& request) const;
  // … else what buys the tokens at tokenEndpoint, and what to do with them. replace() gives the login a new session.
  [[nodiscard]] ironjar::Headers codeOf(const ironjar::WebRequest& request) const;
  [[nodiscard]] ironjar::Response signedIn(const ironjar::WebRequest& request, ironjar::Session& session,
                                           const ironjar::Result<ironjar::TokenSet>& tokens) const;

  // Who am I: the API knows. The session remembers, so that the API is asked once.
  [[nodiscard]] ironjar::Request profileRequest() const { return {.url = options.api + "/profile"}; }
  [[nodiscard]] ironjar::Response profile(ironjar::Session& session,
                                          const ironjar::Result<ironjar::Response>& answer) const;

  // The live view: what the browser may know of its session, which is never a token.
  [[nodiscard]] ironjar::Response view(const ironjar::WebRequest& request, const ironjar::Session& session) const;

  const AppOptions options;
  const ironjar::TokenEndpoint tokenEndpoint;
  const std::shared_ptr<ironjar::LocalCoordinator> coordinator;
  const std::shared_ptr<ironjar::PrometheusMetrics> metrics;
  const ironjar::Observer observer;
  const ironjar::Fetcher api;
  const ironjar::Passwords passwords;
  const ironjar::SessionJar jar;
  const PendingLogins logins;
};

// JSON, or another text, that belongs to one visitor: what a shared cache must not keep, and a browser not show to who
// comes next.
[[nodiscard]] ironjar::Response privately(std::string body, const char* type = "application/json");

}  // namespace demo
