// A provider, an API and a site in front of them, on clocks that move together.
#pragma once

#include "support.hpp"
#include "upstream.hpp"

#include <stdexcept>
#include <string>

namespace support {

using namespace ironjar;

inline const Request items{.url = std::string(api) + "/items"};

struct World {
  explicit World(Seconds expiresIn = Seconds{3600}, FetchOptions changes = {})
      : fetcher(prepared(expiresIn, std::move(changes))),
        jar({.cookieName = "sid", .passwords = password, .commitHooks = fetcher.commitHooks(), .observer = teller()}) {}

  FetchOptions prepared(Seconds expiresIn, FetchOptions changes) {
    provider.behave({.accessTokenLifetime = expiresIn});
    FetchOptions options = fetchOptions(upstream);
    options.now = wall;
    options.refreshThreshold = changes.refreshThreshold;
    options.maxReplayBody = changes.maxReplayBody;
    options.tokenEndpoint.replay = changes.tokenEndpoint.replay;
    options.tokenEndpoint.timeout = changes.tokenEndpoint.timeout;
    options.tokenEndpoint.revocationUrl = provider.revocationUrl();
    options.coordinator = std::make_shared<LocalCoordinator>(
        LocalCoordinatorOptions{.refusedBurst = 1'000'000, .now = clock.monotonic()});
    return options;
  }

  void advance(std::chrono::milliseconds by) { clock.advance(by); }

  // A login's first cookie, with tokens that have just been issued.
  std::string login() {
    Session session = jar.open("");
    session.setTokens(provider.login());
    return cookieOf(session);
  }
  // What commit() sets: the cookie's pair, "deleted", or "" for nothing.
  std::string cookieOf(Session& session) {
    const auto cookies = jar.commit(session).value();
    if (cookies.empty()) return "";
    if (cookies[0].starts_with("sid=;")) return "deleted";  // and with it the chunks
    if (cookies.size() > 1) throw std::logic_error("more than one cookie");
    return cookies[0].substr(0, cookies[0].find(';'));
  }
  struct Visit {
    Result<Response> response;
    std::string cookie;
  };
  Visit visit(const std::string& cookie) {
    Session session = jar.open(cookie);
    auto response = fetcher.performFetch(session, items);
    return {std::move(response), cookieOf(session)};
  }
  TokenSet tokensIn(const std::string& cookie) const { return jar.open(cookie).tokens().value(); }

  testing::VirtualClock clock;
  Clock wall = clock.wall();
  Upstream upstream{clock};
  testing::Provider& provider = upstream.provider;
  testing::Api& api = upstream.api;
  Fetcher fetcher;
  SessionJar jar;
};

}  // namespace support
