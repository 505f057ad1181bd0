// How to ask a token endpoint for tokens (RFC 6749), and what its answers mean.
//
// Example:
//   const ironjar::TokenEndpoint endpoint{.url = "https://id.example.com/token",
//                                         .clientAuth = ironjar::basicAuth("web", std::getenv("CLIENT_SECRET")),
//                                         .revocationUrl = "https://id.example.com/revoke"};
#pragma once

#include <chrono>
#include <concepts>
#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <ironjar/http.hpp>
#include <ironjar/tokens.hpp>

namespace ironjar {

enum class BodyStyle { form, json };

// What proves in one request who the client is.
struct ClientCredentials {
  Headers parameters = {};  // of the body: client_assertion and client_assertion_type (RFC 7523), client_secret, …
  Headers headers = {};     // in place of those of the same name; none that isTransportField
};

// Client authentication (RFC 6749 section 2.3). Made by the functions below.
struct ClientAuth {
  enum class Method { none, basic, post, custom };
  Method method = Method::none;
  std::string clientId = {};
  std::string clientSecret = {};
  std::function<ClientCredentials()> credentials = {};  // for custom
};

// They throw std::invalid_argument for a null or empty argument, so std::getenv goes straight in.
[[nodiscard]] ClientAuth basicAuth(const char* clientId, const char* clientSecret);  // client_secret_basic
[[nodiscard]] ClientAuth postAuth(const char* clientId, const char* clientSecret);   // client_secret_post
[[nodiscard]] ClientAuth publicClient(const char* clientId);                         // only client_id in the body
// For a signed assertion, or a secret that changes while the program runs: asked before each request, from several
// threads at once. It adds all that the endpoint wants, client_id too. What it throws is a refresh that fails, for all.
[[nodiscard]] ClientAuth customAuth(const char* clientId, std::function<ClientCredentials()> credentials);

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
  std::string expiresIn = "/expires_in";  // in TokenEndpoint::expiresInUnit
  std::string expiresAt = {};             // in place of it: RFC 3339, unix seconds, or unix milliseconds from 10^11 on
  std::string scope = "/scope";           // text, or an array of texts
  std::string error = "/error";           // RFC 6749 section 5.2: text, or a whole number
  std::string idToken = "/id_token";      // OpenID Connect: a refresh that brings another user's ends the login
  // Further members to keep in TokenSet::extra, each by a name of yours: {{"instance_url", "/instance_url"}}. Texts,
  // and numbers and booleans as JSON writes them, up to 2 KiB each; anything else is left out. They take room in the
  // cookie. A member that a later answer leaves out stays as it was.
  std::map<std::string, std::string> extra = {};
};

// What a provider makes of a refresh token that it gets a second time, when the answer to the first was lost. Unknown
// to RFC 6749; ask yours. By default the next request tries again, which a provider that ends a login at the first
// reuse of a refresh token may take for theft: say so with `strict`.
struct ReplayPolicy {
  Seconds grace{0};     // asking again within this time is safe: it is done at once, with the time that is left
  bool strict = false;  // asking again counts as theft: the login is given up instead
};

// Which token travels as Authorization: Bearer, in place of client authentication there. A refresh token that does is
// not in the body.
enum class EndpointBearer { none, accessToken, refreshToken };

// Whose refresh token is revoked when a new login takes its place in a browser (Session::replace). Providers differ in
// what a revocation ends: the tokens of one login, or all that the user has granted to the client, the new login
// included.
enum class RevokeReplaced {
  never,
  otherUsers,  // of a login whose subject is known to be another one's than the new login's; an issuer has its Fetcher
  always,      // for providers where a revocation ends that login and no other
};

// How to ask for tokens. The default is RFC 6749 section 6: a form with grant_type=refresh_token.
struct TokenEndpoint {
  std::string url;
  BodyStyle body = BodyStyle::form;
  ClientAuth clientAuth = ClientAuth();
  FieldNames fields = FieldNames();
  AnswerPointers answer = AnswerPointers();
  std::string scope = {};  // asked for; empty: what was granted before
  // Asked for (RFC 8707), where a login is used for several APIs whose access tokens differ: one Fetcher for
  // each, with one coordinator. The session then keeps this one's access token apart; empty: the login's own.
  std::string resource = {};
  Headers headers = {};     // sent along, in place of our own of the same name; none that isTransportField
  Headers parameters = {};  // further members of the body: audience, device_id, …; none that is in `fields`
  EndpointBearer bearer = EndpointBearer::none;
  // A name: the refresh token travels as this cookie instead of in the body, and a new one comes as Set-Cookie.
  std::string refreshTokenCookie = {};
  Seconds timeout{10};  // of one call, counted apart from the request that needs it; 5 min at most
  ReplayPolicy replay = ReplayPolicy();
  // The errors by which this provider says that a refresh token is no longer good. Dex also says invalid_request; a
  // number is written in decimal.
  std::vector<std::string> grantErrors = {"invalid_grant"};
  // Which answers say so without an error that can be read, such as 403 with a page or 401 with nothing. Asked about
  // 4xx but 408 and 429. What everybody gets, from a firewall say, ends no login: one ends with the fourth such
  // answer while calls about others succeed, or after a minute of them while no other fails. Must not throw.
  std::function<bool(const Response&)> endsGrant = {};
  std::chrono::milliseconds expiresInUnit = Seconds{1};  // what AnswerPointers::expiresIn counts
  // Names of cookies that it sets along with the tokens and the API wants, such as sso_session.
  std::vector<std::string> cookies = {};
  std::string revocationUrl = {};  // RFC 7009; empty: tokens of an ended login are not revoked
  RevokeReplaced revokeReplaced = RevokeReplaced::otherUsers;
  bool allowHttpOnLoopback = false;  // for development; anywhere else the URL must be https
};

struct TokenRequestOptions {
  std::string dpopKey = {};  // of generateDpopKey(): the tokens are bound to it, and it is in TokenSet::dpopKey
  Clock now = systemClock;
};

// One request for tokens with a grant of your choice, such as `{{"grant_type", "authorization_code"}, {"code", code},
// {"redirect_uri", uri}}` at login. With a dpopKey it sends a second one when the endpoint asks for a nonce (RFC 9449
// section 8). Blocks the calling thread, for TokenEndpoint::timeout at most. Errors as for readTokenAnswer, and the
// transport's; Errc::loginRequired for a dpopKey that is no key. Throws std::invalid_argument for an endpoint that a
// Fetcher would refuse.
[[nodiscard]] Result<TokenSet> requestTokens(const Transport& transport, const TokenEndpoint& endpoint,
                                             const Headers& fields, const TokenRequestOptions& options = {});
// The same without blocking: `done` is called exactly once, before this returns or later, on whichever thread knows.
// When a stop is requested it ends soon, with Errc::cancelled. Throws as requestTokens does.
void startRequestTokens(AsyncTransport transport, TokenEndpoint endpoint, const Headers& fields,
                        std::function<void(Result<TokenSet>)> done, TokenRequestOptions options = {},
                        std::stop_token stop = {});

// What a token endpoint's answer means. Total. Errors:
// - RefreshEnd::invalidGrant: the login is over. Only a JSON object without an access token says so, whose `error` is
//   one of grantErrors, with a 2xx or a 4xx other than 408 and 429 (RFC 6749 section 5.2; some providers answer 200 or
//   403).
// - Errc::notAllowed: invalid_client, unsupported_grant_type, invalid_target (RFC 8707), or a token_type that does not
//   fit the request: with a dpopKey anything but DPoP, since a client that wants the protection must discard tokens
//   without it (RFC 9449 section 5); without one DPoP and other types that need a proof. Configuration, or with a
//   dpopKey this login's own affair: nobody is logged out.
// - Errc::refreshFailed: everything else (429, 5xx, HTML, garbage, a missing access_token): try again later.
// An expires_in that makes no sense is ignored. Without a refresh_token the result's is empty: keep the one you have.
// The body is JSON, or a form where its Content-Type says so, in gzip or deflate too (RFC 9110 section 8.4). It must be
// exact in the members that AnswerPointers names, but for `extra`, and in the token_type: all else in it is taken as it
// comes. `dpopKey` is the key of the proof that went with the request; empty: none did.
[[nodiscard]] Result<TokenSet> readTokenAnswer(const Response& answer, const TokenEndpoint& endpoint, TimePoint now,
                                               const std::string& dpopKey = {});

// How long a response asks to be left alone: its Retry-After, in seconds or as a date (RFC 9110 section 10.2.3).
[[nodiscard]] std::optional<Seconds> retryAfter(const Response& answer, TimePoint now);

// The POST that revokes `tokens.refreshToken`, or the access token when there is no other (RFC 7009 section 2.1). It
// needs no DPoP proof.
[[nodiscard]] Request revocationRequest(const TokenEndpoint& endpoint, const TokenSet& tokens);

// The POST that spends `tokens.refreshToken`, without a DPoP proof (dpopProof() makes one). Throws what customAuth()'s
// function throws, and std::invalid_argument for parameters of its that JSON cannot hold; so does revocationRequest().
[[nodiscard]] Request refreshRequest(const TokenEndpoint& endpoint, const TokenSet& tokens);

// What a call has shown of the endpoint, apart from the token that it was about.
enum class EndpointState {
  well,           // it works: it gave tokens, or an error of its own about this token
  failing,        // 5xx, or an answer that was lost or is none; this token's affair, unless others see it too
  refusing,       // 4xx without an error of its own, 429: likewise, and then for longer
  unreachable,    // nothing could be sent
  refusesClient,  // whatever the token: invalid_client, unsupported_grant_type
  notAsked,       // no call was made
};

// What a call to the token endpoint has brought.
struct RefreshAnswer {
  Result<TokenSet> tokens;  // errors as readTokenAnswer's, and any RefreshEnd
  // With an error: how long the server wants to be left alone.
  std::optional<Seconds> retryAfter = std::nullopt;
  // With an error: the answer may mean that the login is over (TokenEndpoint::endsGrant).
  bool mayBeOver = false;
  // Unset: as the error's code has it (unreachable, refusesClient for notAllowed, failing; for a RefreshEnd that
  // keepsCookie() notAsked, else well).
  std::optional<EndpointState> endpoint = std::nullopt;
};

// Asks the token endpoint for the successors of these tokens. Either blocks, on one of a coordinator's threads, so that
// no request's end interrupts it; or begins to ask and returns, and calls `done` once, at once or later, from any
// thread. The tokens are there until it returns.
using BlockingRefresh = std::function<RefreshAnswer(const TokenSet&)>;
using AsyncRefresh = std::function<void(const TokenSet&, std::function<void(RefreshAnswer)> done)>;
class RefreshCall {
 public:
  RefreshCall() = default;
  // From a function of either kind, which its parameters tell.
  template <class Function>
  requires std::constructible_from<BlockingRefresh, Function> RefreshCall(Function call)
      : blocking_(std::move(call)) {}  // NOLINT: passing a function is the point
  template <class Function>
  requires std::constructible_from<AsyncRefresh, Function> RefreshCall(Function call)
      : asynchronous_(std::move(call)) {}  // NOLINT: passing a function is the point

  explicit operator bool() const { return blocking_ || asynchronous_; }
  // The one that it is; the other one is empty.
  [[nodiscard]] const BlockingRefresh& blocking() const { return blocking_; }
  [[nodiscard]] const AsyncRefresh& asynchronous() const { return asynchronous_; }

 private:
  BlockingRefresh blocking_;
  AsyncRefresh asynchronous_;
};
// Tells the provider that tokens are no longer wanted (RFC 7009). May block; runs on one of a coordinator's threads, at
// most once per login. What is still queued when the coordinator goes is not told.
using RevokeCall = std::function<void(const TokenSet&)>;

}  // namespace ironjar
