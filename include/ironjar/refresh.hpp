// Refreshing tokens: how to ask a token endpoint (TokenEndpoint), and who asks, once (RefreshCoordinator).
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <ironjar/tokens.hpp>
#include <ironjar/transport.hpp>

namespace ironjar {

enum class BodyStyle { form, json };

// Client authentication (RFC 6749 section 2.3). Made by the three functions below.
struct ClientAuth {
  enum class Method { none, basic, post };
  Method method = Method::none;
  std::string clientId = {};
  std::string clientSecret = {};
};

// They throw std::invalid_argument for a null or empty argument, so std::getenv goes straight in.
[[nodiscard]] ClientAuth basicAuth(const char* clientId, const char* clientSecret);  // client_secret_basic
[[nodiscard]] ClientAuth postAuth(const char* clientId, const char* clientSecret);   // client_secret_post
[[nodiscard]] ClientAuth publicClient(const char* clientId);                         // only client_id in the body

// What the request's members are called. An empty name leaves the member out.
struct FieldNames {
  std::string grantType = "grant_type";
  std::string refreshToken = "refresh_token";
  std::string scope = "scope";
  std::string clientId = "client_id";
  std::string clientSecret = "client_secret";
};

// Where the answer's members are: JSON pointers (RFC 6901), e.g. "/data/authorization/access_token".
struct AnswerPointers {
  std::string accessToken = "/access_token";
  std::string refreshToken = "/refresh_token";
  std::string expiresIn = "/expires_in";  // seconds
  std::string scope = "/scope";
  std::string error = "/error";  // RFC 6749 section 5.2
};

// How to ask for tokens. The default is RFC 6749 section 6: a form with grant_type=refresh_token.
struct TokenEndpoint {
  std::string url;
  BodyStyle body = BodyStyle::form;
  ClientAuth clientAuth = ClientAuth();
  FieldNames fields = FieldNames();
  AnswerPointers answer = AnswerPointers();
  std::string scope = {};               // asked for; empty: what was granted before
  Headers headers = {};                 // sent along
  bool sendAccessToken = false;         // the access token travels as Authorization: Bearer
  std::string refreshTokenCookie = {};  // a name: the refresh token travels as this cookie instead of in the body
  Seconds timeout{10};                  // of one call, counted apart from the request that needs it
  bool allowHttpOnLoopback = false;     // for development; anywhere else the URL must be https
};

// One request for tokens with a grant of your choice, such as `{{"grant_type", "authorization_code"}, {"code", code},
// {"redirect_uri", uri}}` at login. Errors as for readTokenAnswer, and the transport's.
[[nodiscard]] Result<TokenSet> requestTokens(const Transport& transport, const TokenEndpoint& endpoint,
                                             const Headers& fields, const Clock& now = systemClock);

// What a token endpoint's answer means. Total. Errors:
// - Errc::expired: the grant is over. Only a well-formed `invalid_grant`, status 400 or 401, says so.
// - Errc::notAllowed: the provider refuses this client or this kind of request: configuration, nobody is logged out.
// - Errc::refreshFailed: everything else (429, 5xx, HTML, garbage, a missing access_token): try again later.
// An expires_in that makes no sense is ignored. Without a refresh_token the result's is empty: keep the one you have.
[[nodiscard]] Result<TokenSet> readTokenAnswer(const Response& answer, const TokenEndpoint& endpoint, TimePoint now);

// The POST that spends `tokens.refreshToken`.
[[nodiscard]] Request refreshRequest(const TokenEndpoint& endpoint, const TokenSet& tokens);

struct Refreshed {
  TokenSet tokens;
  RefreshedBy by = RefreshedBy::self;
};

// Sees to it that a refresh token is spent once, however many requests need it at the same time or come late with it.
// Implementations are thread-safe.
class RefreshCoordinator {
 public:
  // Asks the token endpoint. Runs on a thread of the coordinator's, so that no request's end interrupts it.
  using Ask = std::function<Result<TokenSet>(const TokenSet&)>;

  RefreshCoordinator() = default;
  RefreshCoordinator(const RefreshCoordinator&) = delete;
  RefreshCoordinator& operator=(const RefreshCoordinator&) = delete;
  virtual ~RefreshCoordinator() = default;

  // The tokens that have succeeded `tokens`, when a refresh in the last minute made them; never waits, never asks.
  [[nodiscard]] virtual std::optional<TokenSet> newest(std::string_view client, const TokenSet& tokens) = 0;

  // Tokens newer than `rejected`, whose access token an API has refused: those that succeeded it already, those of a
  // call that is under way, or those that a new call brings. `client` tells issuers and clients apart. At the deadline
  // Errc::refreshFailed, and the call goes on for whoever comes next; otherwise `ask`'s errors.
  [[nodiscard]] virtual Result<Refreshed> refresh(std::string_view client, const TokenSet& rejected, const Ask& ask,
                                                  Deadline deadline) = 0;
};

struct LocalCoordinatorOptions {
  Seconds keep{60};                  // how long a result serves late requests, and a dead token is not asked again
  std::size_t maxEntries = 100'000;  // the oldest go first
  std::size_t threads = 4;           // calls to token endpoints at the same time
  std::function<std::chrono::steady_clock::time_point()> now = std::chrono::steady_clock::now;
};

// The coordinator for one process. Its destructor waits for the calls under way, each bounded by
// TokenEndpoint::timeout.
class LocalCoordinator final : public RefreshCoordinator {
 public:
  // Throws std::invalid_argument for zero threads, entries or seconds.
  explicit LocalCoordinator(LocalCoordinatorOptions options = {});
  ~LocalCoordinator() override;

  [[nodiscard]] std::optional<TokenSet> newest(std::string_view client, const TokenSet& tokens) override;
  [[nodiscard]] Result<Refreshed> refresh(std::string_view client, const TokenSet& rejected, const Ask& ask,
                                          Deadline deadline) override;

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace ironjar
