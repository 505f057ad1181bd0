// A login as state machines, pure: no I/O, no threads. Each step says what is wanted next.
//
// Beginning:
// | state    | event                          | next                                                       |
// | -------- | ------------------------------ | ---------------------------------------------------------- |
// | begun    |                                | WantMetadata                                               |
// | metadata | none can be had                | Problem: unavailable; refused for those that are wrong     |
// |          | requests must be pushed        | Send the request to the provider (RFC 9126)                |
// |          | otherwise                      | Response: to the provider, with the attempt's cookie       |
// | pushed   | 201 with a request_uri         | the same, with that                                        |
// |          | anything else                  | Problem: unavailable, or refused for a 4xx                 |
//
// The callback; whatever is not in a row marked * leaves the attempt where it is:
// | state    | event                                  | next                                               |
// | -------- | -------------------------------------- | -------------------------------------------------- |
// | begun    | the answer cannot be read              | Problem: invalidAnswer                             |
// |          | of no attempt of this browser's:       |                                                    |
// |          |   somebody is signed in                | Response: to the site, nothing changes             |
// |          |   nobody is, and it was begun once     | Restart                                            |
// |          |   and it was begun anew already        | Problem: unknownAttempt                            |
// |          | of one                                 | WantMetadata                                       |
// | metadata | none can be had                        | Problem: unavailable; refused for those that are   |
// |          |                                        |   wrong                                            |
// |          | of another issuer (RFC 9207)           | Problem: invalidAnswer                             |
// |          | an error                               | * Problem: which one                               |
// |          | a code                                 | WantKeys                                           |
// | keys     | none can be had                        | Problem: unavailable                               |
// |          | some                                   | Send the code to the token endpoint                |
// | sent     | the DPoP proof needs a nonce, once     | Send the code again (RFC 9449 section 8)           |
// |          | tokens and an ID token                 | Verify                                             |
// |          | the code is good no more:              |                                                    |
// |          |   somebody has signed in since         | * Response: to returnTo, nothing changes           |
// |          |   nobody has, it was begun once, and   | * Restart, as it was                               |
// |          |   its cookie holds all it asked for    |                                                    |
// |          |   otherwise                            | * Problem: refused                                 |
// |          | the client or the request is refused   | Problem: refused                                   |
// |          | tokens without an ID token             | * Problem: invalidAnswer                           |
// |          | anything else                          | Problem: unavailable                               |
// | verified | it is not valid                        | * Problem: interactionRequired for maxAge, else    |
// |          |                                        |   invalidAnswer                                    |
// |          | it needs newer keys than can be had    | * Problem: unavailable                             |
// |          | it is                                  | * Response: the session is a new one, to returnTo  |
#pragma once

#include "oauth/authorization.hpp"
#include "oauth/token_request.hpp"
#include "web/login_attempts.hpp"

#include <utility>
#include <variant>

#include <ironjar/login.hpp>
#include <ironjar/revocation.hpp>

namespace ironjar::detail {

struct LoginConfiguration {
  // Throws std::invalid_argument, saying what to change.
  LoginConfiguration(const SessionJar& jar, LoginOptions given);

  LoginOptions options;
  LoginAttempts attempts;
  Clock now;
  // Whether a session has to keep when its login was, since its seal does not (MarkNames::signedInAt).
  bool storesTime;
  std::shared_ptr<DpopNonces> nonces = std::make_shared<DpopNonces>();  // of the token endpoint
};

struct WantMetadata {};
struct Send {
  Request request;
};
struct Verify {
  std::string token;
  IdTokenRules rules;
};
struct VerifyLogout {
  std::string token;
  LogoutTokenRules rules;
};
// Whether the list has the mark.
struct CheckDenied {
  RevocationList::Mark mark;
};
struct DenySessions {
  LogoutToken named;
};
struct WantKeys {};
// As the attempt was; nothing: there is none.
struct Restart {
  std::optional<LoginRequest> request;
};
// The last three are ends.
using LoginStep = std::variant<WantMetadata, WantKeys, Send, Verify, VerifyLogout, CheckDenied, DenySessions, Restart,
                               LoginProblem, Response>;

// Metadata that cannot be had may be had later; those that are wrong are configuration.
[[nodiscard]] LoginProblem::Kind kindOfMetadata(Errc code);

// Whether the attempt of that state was begun anew, by a callback.
[[nodiscard]] bool isRestarted(std::string_view state);

// Throws std::invalid_argument for a parameter that is ours to write.
void requireValid(const LoginRequest& request);

class BeginPlan {
 public:
  // The configuration must outlive it. Throws as requireValid() does.
  BeginPlan(const LoginConfiguration& login, std::string cookieHeader, LoginRequest request, bool isRestart);

  [[nodiscard]] static LoginStep begin() { return WantMetadata{}; }
  [[nodiscard]] LoginStep metadata(const Result<ProviderMetadata>& known);
  [[nodiscard]] LoginStep answered(const Result<Response>& pushed);

 private:
  [[nodiscard]] FormFields parameters() const;
  [[nodiscard]] LoginStep redirect(const FormFields& fields) const;

  const LoginConfiguration& login_;
  const std::string cookieHeader_;
  const LoginRequest request_;
  const std::string state_;
  const LoginAttempt attempt_;
  std::string authorizationEndpoint_;
};

class CallbackPlan {
 public:
  // What came from the browser.
  struct Received {
    std::string cookieHeader;
    std::string form;       // the answer's parameters
    Json members = Json();  // LoginOptions::members, of the request; null: none
  };
  // The configuration and the session must outlive it.
  CallbackPlan(const LoginConfiguration& login, Received received, Session& session)
      : login_(login), received_(std::move(received)), session_(session) {}
  CallbackPlan(const CallbackPlan&) = delete;
  CallbackPlan& operator=(const CallbackPlan&) = delete;

  [[nodiscard]] LoginStep begin();
  [[nodiscard]] LoginStep metadata(const Result<ProviderMetadata>& known);
  [[nodiscard]] LoginStep keys(const Result<KeySet>& known);
  [[nodiscard]] LoginStep answered(const Result<Response>& exchanged);
  [[nodiscard]] LoginStep verified(const Result<IdToken>& token);
  // The Set-Cookie values due, whatever the answer.
  [[nodiscard]] std::vector<std::string> cookies() const;
  // The tokens that came and are thrown away; null: none.
  [[nodiscard]] const TokenSet* discarded() const { return isDiscarded_ ? &tokens_ : nullptr; }

 private:
  [[nodiscard]] Request tokenRequest() const;
  [[nodiscard]] LoginStep concluded(const Result<Response>& exchanged);
  void signIn(const IdToken& token);
  [[nodiscard]] LoginStep unmatched() const;
  [[nodiscard]] LoginStep spent() const;
  [[nodiscard]] LoginProblem problem(LoginProblem::Kind kind, Error error) const;
  [[nodiscard]] LoginProblem refusal() const;

  const LoginConfiguration& login_;
  const Received received_;
  Session& session_;
  AuthorizationAnswer answer_;
  std::optional<LoginAttempt> attempt_;
  TokenEndpoint endpoint_;
  std::optional<TokenRequest> exchange_;     // refers to what is here
  std::optional<Result<Response>> refused_;  // the answer that has refused the proof; the next one counts
  TokenSet tokens_;
  Request firstRequest_;
  bool isConsumed_ = false;
  bool isDiscarded_ = false;  // the tokens
};

}  // namespace ironjar::detail
