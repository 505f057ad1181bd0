// What a site talks to, in process: an identity provider and an API that accepts its tokens.
#pragma once

#include "support.hpp"

#include <memory>
#include <optional>
#include <utility>

#include <ironjar/ironjar.hpp>
#include <ironjar/testing/api.hpp>
#include <ironjar/testing/provider.hpp>

namespace support {

inline constexpr const char* api = "https://api.example";

struct Upstream {
  // Tokens that are told from anything else where somebody looks for them.
  explicit Upstream(std::optional<ironjar::testing::VirtualClock> clock = {})
      : provider({.clock = std::move(clock), .randomTokens = isTelling()}) {}

  ironjar::Transport transport() { return ironjar::testing::transport(provider, api); }

  ironjar::testing::Provider provider;
  ironjar::testing::Api api{provider};
};

// However often the API's tokens are expired, they are refreshed, unless a test brings a coordinator of its own.
inline ironjar::FetchOptions fetchOptions(Upstream& upstream) {
  ironjar::FetchOptions options = {
      .transport = upstream.transport(),
      .allowedOrigins = {api},
      .tokenEndpoint = {.url = upstream.provider.tokenUrl(), .clientAuth = ironjar::basicAuth("web", clientSecret)},
      .observer = teller()};
  options.coordinator =
      std::make_shared<ironjar::LocalCoordinator>(ironjar::LocalCoordinatorOptions{.refusedBurst = 1'000'000});
  return options;
}

// A session that is signed in, and holds more than that.
inline ironjar::Session sessionWith(const ironjar::TokenSet& tokens) {
  ironjar::Session session;
  session.set("user", "ada");
  session.setTokens(tokens);
  return session;
}

inline ironjar::Request get(const std::string& path = "/items") { return {.url = api + path}; }

inline std::string bearer(const ironjar::Request& request) {
  return std::string(ironjar::findHeader(request.headers, "Authorization").value_or("(none)"));
}

}  // namespace support
