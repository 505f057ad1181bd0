// An OpenID provider as its metadata and keys say (OpenID Connect Discovery 1.0): asked for at first use, kept, and
// asked for anew. Login has one; this is for whoever verifies ID tokens in another way.
//
// Example:
//   const ironjar::OpenIdProvider provider({.issuer = "https://id.example.com",
//                                           .transport = ironjar::httplibTransport()});
//   const auto token = provider.verify("eyJ…", {.clientId = "web", .nonce = "…"});
//   if (token) session.set("sub", token->subject);
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <ironjar/http.hpp>
#include <ironjar/id_token.hpp>
#include <ironjar/logout_token.hpp>

namespace ironjar {

// What is used of a provider's metadata (OpenID Connect Discovery 1.0 section 3, RFC 8414). Empty: it has none.
struct ProviderMetadata {
  std::string issuer;
  std::string authorizationEndpoint;
  std::string tokenEndpoint;
  std::string jwksUri;
  std::string endSessionEndpoint = {};                  // OpenID Connect RP-Initiated Logout 1.0
  std::string pushedAuthorizationRequestEndpoint = {};  // RFC 9126
  bool requiresPushedRequests = false;                  // RFC 9126
  bool namesItself = false;                             // answers to the browser have `iss` (RFC 9207)
};

// Errc::malformed for what is no such document, another issuer's, or has an endpoint that is not https; http on this
// machine is accepted where it is allowed. Total.
[[nodiscard]] Result<ProviderMetadata> readProviderMetadata(std::string_view document, const std::string& issuer,
                                                            bool allowHttpOnLoopback = false);

struct OpenIdProviderOptions {
  std::string issuer;                    // as the provider writes it, to the slash at its end
  Transport transport = {};              // one of the two
  AsyncTransport asyncTransport = {};    // for what begins with `start`; the blocking functions take it, too
  Seconds timeout{10};                   // of one request
  Seconds keep = std::chrono::hours{1};  // metadata and keys are asked for anew after that; a minute at least
  bool allowHttpOnLoopback = false;      // for development
  std::function<MonotonicTime()> now = std::chrono::steady_clock::now;
};

// Thread-safe, cheap to copy; copies share what is kept. The provider is not asked before the first use, so one that is
// down when the program starts is no error. All that wait for a document wait for one request. When asking anew fails,
// the old document serves for a day.
//
// When a key is not there, or a signature does not verify, the keys are asked for anew, at most once a minute: tokens
// with made-up key ids or signatures cost nobody requests, and a new key is found at its first use, under an old id
// too.
class OpenIdProvider {
 public:
  // Throws std::invalid_argument, saying what to change.
  explicit OpenIdProvider(OpenIdProviderOptions options);

  // They block while the provider is asked, for twice the timeout at most. Errors: the transport's, Errc::transport for
  // an answer that is not 200, Errc::malformed as readProviderMetadata, Errc::tooLarge for a document of more than
  // 256 KiB; the last error again for 5 s after a failure.
  [[nodiscard]] Result<ProviderMetadata> metadata() const;
  [[nodiscard]] Result<KeySet> keys() const;
  // verifyIdToken with the provider's keys; `rules.issuer` may be left empty. Errors of both; where newer keys would
  // be needed and cannot be had, of asking for them.
  [[nodiscard]] Result<IdToken> verify(std::string_view token, const IdTokenRules& rules,
                                       TimePoint now = systemClock()) const;
  // Likewise verifyLogoutToken.
  [[nodiscard]] Result<LogoutToken> verifyLogout(std::string_view token, const LogoutTokenRules& rules,
                                                 TimePoint now = systemClock()) const;

  // The same without blocking, with an asyncTransport: `done` is called once, before they return or later, from any
  // thread, never under a lock.
  void startMetadata(std::function<void(Result<ProviderMetadata>)> done) const;
  void startKeys(std::function<void(Result<KeySet>)> done) const;
  void startVerify(std::string token, IdTokenRules rules, TimePoint now,
                   std::function<void(Result<IdToken>)> done) const;
  void startVerifyLogout(std::string token, LogoutTokenRules rules, TimePoint now,
                         std::function<void(Result<LogoutToken>)> done) const;

  [[nodiscard]] const OpenIdProviderOptions& options() const;

 private:
  template <class Token>
  void startVerified(std::function<Result<Token>(const KeySet&)> verifyWith,
                     std::function<void(Result<Token>)> given) const;

  struct State;
  std::shared_ptr<const State> state_;
};

}  // namespace ironjar
