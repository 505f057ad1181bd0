// Refreshing tokens: how to ask a token endpoint (TokenEndpoint), and who asks, once (RefreshCoordinator).
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

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
  std::string resource = "resource";
  std::string clientId = "client_id";
  std::string clientSecret = "client_secret";
};

// Where the answer's members are: JSON pointers (RFC 6901), e.g. "/data/authorization/access_token".
struct AnswerPointers {
  std::string accessToken = "/access_token";
  std::string refreshToken = "/refresh_token";
  std::string expiresIn = "/expires_in";  // seconds
  std::string scope = "/scope";
  std::string error = "/error";       // RFC 6749 section 5.2
  std::string idToken = "/id_token";  // OpenID Connect: a refresh that brings another user's ends the login
};

// What a provider makes of a refresh token that it gets a second time, when the answer to the first was lost. Unknown
// to RFC 6749; ask yours. By default the next request tries again.
struct ReplayPolicy {
  Seconds grace{0};     // asking again within this time is safe: it is done at once, with the time that is left
  bool strict = false;  // asking again counts as theft: the login is given up instead
};

// How to ask for tokens. The default is RFC 6749 section 6: a form with grant_type=refresh_token.
struct TokenEndpoint {
  std::string url;
  BodyStyle body = BodyStyle::form;
  ClientAuth clientAuth = ClientAuth();
  FieldNames fields = FieldNames();
  AnswerPointers answer = AnswerPointers();
  std::string scope = {};  // asked for; empty: what was granted before
  // Asked for (RFC 8707), where a login is used for several APIs whose access tokens differ: one Fetcher for each, with
  // one coordinator. The session then keeps this one's access token apart; empty: the login's own.
  std::string resource = {};
  Headers headers = {};                 // sent along; none that isTransportField
  bool sendAccessToken = false;         // the access token travels as Authorization: Bearer
  std::string refreshTokenCookie = {};  // a name: the refresh token travels as this cookie instead of in the body
  Seconds timeout{10};                  // of one call, counted apart from the request that needs it
  ReplayPolicy replay = ReplayPolicy();
  // The errors by which this provider says that a refresh token is no longer good. Dex also says invalid_request.
  std::vector<std::string> grantErrors = {"invalid_grant"};
  // Names of cookies that it sets along with the tokens and the API wants, such as sso_session.
  std::vector<std::string> cookies = {};
  std::string revocationUrl = {};    // RFC 7009; empty: tokens of an ended login are not revoked
  bool allowHttpOnLoopback = false;  // for development; anywhere else the URL must be https
};

// One request for tokens with a grant of your choice, such as `{{"grant_type", "authorization_code"}, {"code", code},
// {"redirect_uri", uri}}` at login. Errors as for readTokenAnswer, and the transport's.
[[nodiscard]] Result<TokenSet> requestTokens(const Transport& transport, const TokenEndpoint& endpoint,
                                             const Headers& fields, const Clock& now = systemClock);

// What a token endpoint's answer means. Total. Errors:
// - Errc::expired: the login is over. Only a JSON object without an access token says so, whose `error` is one of
//   grantErrors, with a 2xx or a 4xx other than 408 and 429 (RFC 6749 section 5.2; some providers answer 200 or 403).
// - Errc::notAllowed: invalid_client or unsupported_grant_type. Configuration: nobody is logged out.
// - Errc::refreshFailed: everything else (429, 5xx, HTML, garbage, a missing access_token): try again later.
// An expires_in that makes no sense is ignored. Without a refresh_token the result's is empty: keep the one you have.
[[nodiscard]] Result<TokenSet> readTokenAnswer(const Response& answer, const TokenEndpoint& endpoint, TimePoint now);

// How long a response asks to be left alone: its Retry-After, in seconds or as a date (RFC 9110 section 10.2.3).
[[nodiscard]] std::optional<Seconds> retryAfter(const Response& answer, TimePoint now);

// The POST that revokes `tokens.refreshToken`, or the access token when there is no other (RFC 7009 section 2.1).
[[nodiscard]] Request revocationRequest(const TokenEndpoint& endpoint, const TokenSet& tokens);

// The POST that spends `tokens.refreshToken`.
[[nodiscard]] Request refreshRequest(const TokenEndpoint& endpoint, const TokenSet& tokens);

struct Refreshed {
  TokenSet tokens;
  RefreshedBy by = RefreshedBy::self;
};

// How a coordinator stands at the moment.
struct CoordinatorStats {
  std::size_t tokens = 0;        // known, with what became of them
  std::size_t bytes = 0;         // of memory that they take
  std::size_t waiters = 0;       // requests waiting for a call
  std::size_t openCircuits = 0;  // token endpoints that have failed, and are not asked at the moment
  std::size_t evicted = 0;       // what was known of tokens and had to go before its time: raise the bounds
};

// Why newer tokens are wanted. That an API has refused an access token which has not ended by the clock counts: such
// refreshes are few for each login, since there are APIs that refuse every token.
enum class RefreshCause { ended, refused };

// What a coordinator has to know of whoever comes with tokens.
struct RefreshContext {
  // When its session began: a logout refuses those that began before it, in whole seconds. Unset: not known, as before.
  std::optional<TimePoint> begun = std::nullopt;
  RefreshCause cause = RefreshCause::ended;
};

// What a coordinator has to know of a logout.
struct Logout {
  TimePoint at = TimePoint::max();  // not before the session began, whatever clock said so; max: all sessions end
  // When the session that signs out began. One that an earlier logout refuses ends nothing any more: the tokens may be
  // another login's by now. Unset: not known, so refused by any.
  std::optional<TimePoint> begun = std::nullopt;
};

// Sees to it that a refresh token is spent once, however many requests need it at the same time or come late with it.
// It knows the tokens that it has seen succeed one another as a chain, A to B to C. `client` tells issuers and clients
// apart. Implementations are thread-safe and call nothing of the application's under a lock.
class RefreshCoordinator {
 public:
  // What a call has shown of the endpoint, apart from the token that it was about.
  enum class Endpoint {
    well,           // it works: it gave tokens, or an error of its own about this token
    failing,        // 5xx, or an answer that was lost or is none; this token's affair, unless others see it too
    refusing,       // 4xx without an error of its own, 429: likewise, and then for longer
    unreachable,    // nothing could be sent
    refusesClient,  // whatever the token: invalid_client, unsupported_grant_type
    notAsked,       // no call was made
  };
  struct Asked {
    Result<TokenSet> tokens;  // errors as readTokenAnswer's; Errc::loginRequired as newest()'s
    // With an error: how long the server wants to be left alone.
    std::optional<Seconds> retryAfter = std::nullopt;
    // Unset: as the error's code has it (unreachable, refusesClient for notAllowed, well for expired, else failing).
    std::optional<Endpoint> endpoint = std::nullopt;
  };
  // Asks the token endpoint. Runs on one of the coordinator's threads, so that no request's end interrupts it.
  using Ask = std::function<Asked(const TokenSet&)>;
  // Where the tokens that are asked about come from: only a cookie tells that the browser has them.
  enum class From { cookie, memory };
  // Tells the provider that tokens are no longer wanted; on one of the coordinator's threads, at most once per login.
  // What is still queued when the coordinator goes is not told.
  using Revoke = std::function<void(const TokenSet&)>;

  RefreshCoordinator() = default;
  RefreshCoordinator(const RefreshCoordinator&) = delete;
  RefreshCoordinator& operator=(const RefreshCoordinator&) = delete;
  virtual ~RefreshCoordinator() = default;

  // The tokens that have succeeded `tokens`, nothing when these are the newest known. Never waits, never asks.
  // Errc::loginRequired when the login was ended with end(), or the token was spent so long ago that its successor is
  // forgotten: the browser may hold a newer cookie, so this one's is not to be deleted.
  [[nodiscard]] virtual Result<std::optional<TokenSet>> newest(std::string_view client, const TokenSet& tokens,
                                                               From from, const RefreshContext& context = {}) = 0;

  // Tokens newer than `rejected`, whose access token an API has refused: those that succeeded it already, those of a
  // call that is under way, or those that a new call brings. Errors: as newest(); `ask`'s; Errc::refreshFailed at the
  // deadline (the call goes on, for whoever comes next), while calls about this token have failed and while the
  // endpoint's circuit breaker is open; Errc::overloaded when too many wait; Errc::throttled for RefreshCause::refused.
  // Whatever passes has its retryAfter. Blocks the calling thread.
  [[nodiscard]] virtual Result<Refreshed> refresh(std::string_view client, const TokenSet& rejected, const Ask& ask,
                                                  Deadline deadline, const RefreshContext& context = {}) = 0;

  // Ends the login that these tokens belong to: whatever is under way for it is discarded, later requests with any of
  // its tokens, of sessions that began up to `logout.at`, get Errc::loginRequired for as long as it is remembered
  // (LocalCoordinator: keepUnconfirmed), and `revoke`, if there is one, gets its last tokens.
  virtual void end(std::string_view client, const TokenSet& tokens, const Revoke& revoke,
                   const Logout& logout = {}) = 0;

  [[nodiscard]] virtual CoordinatorStats stats() const = 0;
};

struct LocalCoordinatorOptions {
  Seconds keep{60};              // how long a token's successor is known after a request has brought it
  Seconds keepUnconfirmed{600};  // and while none has: the response with the new cookie may have been lost
  // Tokens known; the least recently used go first, and logouts never for others' sake.
  std::size_t maxEntries = 100'000;
  std::size_t maxBytes = 64 * 1024 * 1024;
  // How often an API's 401 may have a login refreshed, before its tokens have ended by the clock: so often at once,
  // then once in the interval. An API that refuses every token would spend one a request.
  std::size_t refusedBurst = 3;
  Seconds refusedInterval{30};
  std::size_t threads = 4;        // calls to token endpoints at the same time
  std::size_t maxWaiters = 1024;  // requests waiting for a call; beyond: Errc::overloaded
  std::size_t maxWaitersPerToken = 256;
  std::function<std::chrono::steady_clock::time_point()> now = std::chrono::steady_clock::now;
};

// The coordinator for one process.
// - A token about which a call has failed is not asked about for 1 s, doubling to 60 s, or as long as Retry-After says,
//   10 min at most. One that has failed for 10 min while others have not gets Errc::loginRequired.
// - Three different tokens that fail in a row open the endpoint's circuit breaker, for 4 s, for 60 s where it refuses
//   without an error of its own, or as long as Retry-After says; so does an endpoint that cannot be reached, or that
//   refuses the client, at once. Then one call probes, then 2, 4 … at once.
// The destructor waits for the calls under way, each bounded by TokenEndpoint::timeout.
class LocalCoordinator final : public RefreshCoordinator {
 public:
  // Throws std::invalid_argument for numbers that are zero or absurdly large.
  explicit LocalCoordinator(LocalCoordinatorOptions options = {});
  ~LocalCoordinator() override;

  [[nodiscard]] Result<std::optional<TokenSet>> newest(std::string_view client, const TokenSet& tokens, From from,
                                                       const RefreshContext& context = {}) override;
  [[nodiscard]] Result<Refreshed> refresh(std::string_view client, const TokenSet& rejected, const Ask& ask,
                                          Deadline deadline, const RefreshContext& context = {}) override;
  void end(std::string_view client, const TokenSet& tokens, const Revoke& revoke, const Logout& logout = {}) override;
  [[nodiscard]] CoordinatorStats stats() const override;

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace ironjar
