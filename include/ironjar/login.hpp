// Signing in with an OpenID provider: the authorization code flow (OpenID Connect Core 1.0 section 3.1) with PKCE
// (RFC 7636), always. Nothing is stored: an attempt is a sealed cookie of ten minutes, one for each, so that two tabs,
// the back button and a restored browser all end signed in.
//
// Example:
//   const ironjar::Login login(jar, {.issuer = "https://id.example.com",
//                                    .client = ironjar::basicAuth("web", std::getenv("CLIENT_SECRET")),
//                                    .redirectUri = "https://app.example.com/callback",
//                                    .scope = "openid offline_access",
//                                    .transport = ironjar::httplibTransport()});
//   response = login.begin(request, {.returnTo = "/orders"});  // of GET /login
//   response = login.callback(request, session);               // of GET /callback; then commit the session
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <ironjar/fetch.hpp>
#include <ironjar/openid_provider.hpp>
#include <ironjar/revocation.hpp>
#include <ironjar/session.hpp>
#include <ironjar/session_registry.hpp>
#include <ironjar/token_endpoint.hpp>
#include <ironjar/web.hpp>

namespace ironjar {

// Why a login has not come about.
struct LoginProblem {
  enum class Kind {
    accessDenied,         // the user, or the provider, has said no
    interactionRequired,  // the user has to do something there: asked with prompt=none, or signed in too long ago
    unavailable,          // the provider cannot be reached, or not now: trying again later may succeed
    refused,              // the provider does not accept the client, its request, or, twice, a code that it has given;
                          // or its metadata are another's: configuration
    unknownAttempt,       // of no attempt of this browser's, twice: it keeps no cookies
    invalidAnswer,        // an answer or an ID token that is not valid: an attack, or a provider's fault
  };
  Kind kind;
  Error error;                // for your log
  std::string returnTo = {};  // where the attempt would have led; empty: of no attempt
};
// As its answer says: `access_denied`.
[[nodiscard]] std::string_view nameOf(LoginProblem::Kind kind) noexcept;

struct LoginOptions {
  std::string issuer;            // as the provider writes it
  ClientAuth client;             // as TokenEndpoint::clientAuth
  std::string redirectUri;       // the callback, as it is registered with the provider
  std::string scope = "openid";  // with offline_access where refresh tokens need it; must have openid
  Transport transport = {};      // one of the two, as OpenIdProviderOptions
  AsyncTransport asyncTransport = {};
  std::string returnTo = "/";  // where a login leads that names no other place
  Headers parameters = {};     // of each authorization request: audience, …; none that is ours to write
  std::vector<std::string> claims = {"sub", "sid"};  // of the ID token, that the session keeps under their names
  // What else the session keeps of the request that signs in: the members of an object, beside the claims and the
  // tokens, which they cannot replace. They take room in the cookie. Asked at each callback.
  std::function<Json(const WebRequest&)> members = {};
  // The answer comes as a form from the provider's page, so that no code is in a URL (OAuth 2.0 Form Post Response
  // Mode). It needs cookies that other sites' requests bring: SameSite=None, for the session's too.
  bool formPost = false;
  Origins origins = {};       // the site's own, as isSameOrigin; for the logout
  bool pushRequests = false;  // RFC 9126, where the provider can; where it must be, it is done anyhow
  // Each login's tokens are bound to a key of its own (RFC 9449), which the session keeps: performFetch and refreshes
  // go on with it. The authorization request names the key (section 10), the request for tokens proves it, once more
  // where the provider asks for a nonce. One that gives Bearer tokens all the same does not sign anybody in: `refused`.
  bool dpop = false;
  std::vector<std::string> algorithms = IdTokenRules().algorithms;
  // What is special about the token endpoint. Its url, clientAuth and allowHttpOnLoopback are taken from elsewhere
  // here. Its timeout (10 s) bounds each request to the provider, those for metadata and keys too. With a
  // revocationUrl, tokens whose ID token is not valid are revoked; without, they are dropped.
  TokenEndpoint tokenEndpoint = TokenEndpoint();
  bool allowHttpOnLoopback = false;
  // As OpenIdProviderOptions has it, for the age of metadata and keys. The time of day is the jar's.
  std::function<MonotonicTime()> now = std::chrono::steady_clock::now;
  // The page for a login that has not come about; unset: {"reason": nameOf(kind)} with 403, 401, 503, 502, 400 or 400.
  // Must not throw.
  std::function<Response(const LoginProblem&)> onProblem = {};
  // Where logouts that the provider tells of are denied, by back-channel and front-channel: the list that
  // SessionOptions::isRevoked asks (revokedBy). Its `keep` is an hour at least. `claims` has to have `sid` and `sub`
  // then; sessions that are sealed as Fe26.2 keep `signedInAt`, too.
  std::shared_ptr<RevocationList> revoked = {};
  // The registry of recordingSessions(), if there is one: the session that a login takes the place of leaves it.
  std::shared_ptr<SessionRegistry> sessions = {};
};

// One attempt. All but returnTo may be empty: left out.
struct LoginRequest {
  // A path of this site with a query: anything else, more than 512 characters, and a path that has other spellings
  // (`.` and `..` segments, escaped letters) is LoginOptions::returnTo.
  std::string returnTo = {};
  std::string prompt = {};
  std::optional<Seconds> maxAge = {};  // held to, by the ID token's auth_time
  std::string loginHint = {};
  std::string acrValues = {};
  std::string uiLocales = {};
  std::string resource = {};  // RFC 8707
  Headers parameters = {};    // further ones; std::invalid_argument for one that is ours to write
};

// Immutable but for what is known of the provider, thread-safe, cheap to copy.
class Login {
 public:
  // Sealed with the jar's passwords, with Secure as its cookie. The session's cookie must not be SameSite=Strict:
  // browsers would not send the new one with the redirect that ends the login. Throws std::invalid_argument, saying
  // what to change.
  Login(SessionJar jar, LoginOptions options);

  // To the provider: 303, with the attempt's cookie. Touches no session. Blocks while the provider is asked for its
  // metadata, or gets a pushed request.
  [[nodiscard]] Response begin(const WebRequest& request, const LoginRequest& attempt = {}) const;

  // The provider's answer: signs in and leads to the attempt's returnTo (303). The session is replaced, by one with the
  // tokens and the claims, only then; commit it afterwards, also when the answer is another. Blocks while the provider
  // is asked for keys and tokens, and to revoke tokens that are not taken. While no keys can be had the code is not
  // sent, so that loading the page again goes on.
  //
  // An answer of no attempt of this browser's changes nothing: who is signed in gets to LoginOptions::returnTo, and for
  // who is not the login begins anew, once, with what `anew` asks for. So it does, with all that the attempt had asked
  // for, when the code is refused and nobody has signed in since the attempt began; one that asked for more than its
  // cookie holds (1.5 KiB) is a problem then.
  [[nodiscard]] Response callback(const WebRequest& request, Session& session, const LoginRequest& anew = {}) const;

  // Ends the login here (Fetcher::signOut), and at the provider if it has such a page (OpenID Connect RP-Initiated
  // Logout 1.0): 303, to it or to `returnTo`, an absolute URL that is registered with the provider, or a path. A
  // request of another site gets crossSiteAnswer(). May block as begin(). No id_token_hint is sent, since the session
  // keeps no ID token: providers ask the user whether to sign out, and one that demands the hint shows an error of its
  // own or does not lead back; the session here has ended anyhow.
  [[nodiscard]] Response logout(const WebRequest& request, Session& session, const Fetcher& fetcher,
                                const std::string& returnTo = "/") const;

  // Back-channel logout (OpenID Connect Back-Channel Logout 1.0 section 2.5): denies the sessions that the request's
  // logout token names, by LoginOptions::revoked: those of its `sid`, or all of its `sub`'s begun until now. 200; 400
  // {"error": "invalid_request", …} for a token that is not valid or was used before, and, as the section wants it,
  // "temporarily_unavailable" while no keys can be had. Blocks as callback(), and as the list does. Throws
  // std::invalid_argument without LoginOptions::revoked.
  [[nodiscard]] Response backChannelLogout(const WebRequest& request) const;

  // Front-channel logout (OpenID Connect Front-Channel Logout 1.0 section 3): a page of the provider's has this in an
  // iframe, to which browsers send no SameSite=Lax cookie. So `iss` and `sid` of the query say which sessions are
  // denied, by LoginOptions::revoked: register with frontchannel_logout_session_required. Without both, or with another
  // issuer's, 400, and nobody is signed out. Where the session's cookie comes along and has that sid, the session ends
  // (Fetcher::signOut): commit it afterwards. The answer may be framed by pages of the issuer's origin alone. Nothing
  // but the sid, which nobody can guess, authenticates the request: beyond 100 such denials at once and one a second,
  // 503. Prefer back-channel logout. Blocks as the list does. Throws as backChannelLogout().
  [[nodiscard]] Response frontChannelLogout(const WebRequest& request, Session& session, const Fetcher& fetcher) const;

  // The same without a thread that waits, by LoginOptions::asyncTransport; std::invalid_argument without. `done` is
  // called exactly once, before these return or later, on whichever thread knows, never under a lock; what it throws is
  // dropped. Until then the session must live and must not be touched; the request need not. At the deadline the answer
  // is the one for a provider that cannot be reached; no step goes on after it. A stop ends it soon with
  // Errc::cancelled, which is the only error: a code whose answer is under way is spent then.
  void startBegin(const WebRequest& request, const LoginRequest& attempt, ResponseHandler done,
                  const StartOptions& start = {}) const;
  void startCallback(const WebRequest& request, Session& session, const LoginRequest& anew, ResponseHandler done,
                     const StartOptions& start = {}) const;
  void startLogout(const WebRequest& request, Session& session, const Fetcher& fetcher, const std::string& returnTo,
                   ResponseHandler done, const StartOptions& start = {}) const;
  void startBackChannelLogout(const WebRequest& request, ResponseHandler done, const StartOptions& start = {}) const;
  void startFrontChannelLogout(const WebRequest& request, Session& session, const Fetcher& fetcher,
                               ResponseHandler done, const StartOptions& start = {}) const;

  [[nodiscard]] const SessionJar& jar() const;
  [[nodiscard]] const LoginOptions& options() const;
  [[nodiscard]] const OpenIdProvider& provider() const;

 private:
  template <class Plan>
  void run(std::unique_ptr<Plan> plan, ResponseHandler done, const StartOptions& start) const;
  void begin(std::string cookies, const LoginRequest& attempt, bool isRestart, ResponseHandler done,
             const StartOptions& start) const;
  void callback(const WebRequest& request, Session& session, const LoginRequest& anew, ResponseHandler done,
                const StartOptions& start) const;
  void logout(const WebRequest& request, Session& session, const Fetcher& fetcher, const std::string& returnTo,
              ResponseHandler done, const StartOptions& start) const;
  void frontChannelLogout(const WebRequest& request, Session& session, const Fetcher& fetcher, ResponseHandler done,
                          const StartOptions& start) const;
  void requireAsync() const;
  void requireRevoked() const;

  struct State;
  std::shared_ptr<const State> state_;
};

// ---- The routes of a login

struct LoginRouteOptions {
  std::string loginPath = "/login";
  std::string logoutPath = "/logout";
  std::string afterLogout = "/";  // as Login::logout has it
  // As they are registered with the provider (backchannel_logout_uri, frontchannel_logout_uri); empty: there is none.
  // They need LoginOptions::revoked.
  std::string backChannelLogoutPath = {};
  std::string frontChannelLogoutPath = {};
  // What else one attempt asks for. A returnTo that it leaves empty is the query's `returnTo`. Unset: that alone. Asked
  // for each callback too, for the attempt that it may begin anew.
  std::function<LoginRequest(const WebRequest&)> attempt = {};
};

// Immutable but for what Login knows, thread-safe, cheap to copy. Open the session (Login::jar) before and finish() it
// after each.
//   GET  loginPath               Login::begin; a returnTo that leads to one of these paths is LoginOptions::returnTo
//   GET  the redirectUri's path  Login::callback; POST with formPost
//   POST logoutPath              Login::logout
//   POST backChannelLogoutPath   Login::backChannelLogout
//   GET  frontChannelLogoutPath  Login::frontChannelLogout
class LoginRoutes {
 public:
  // Throws std::invalid_argument for paths that are none, or not different ones, and for a LoginOptions::returnTo on
  // one of them.
  LoginRoutes(Login login, Fetcher fetcher, LoginRouteOptions options = {});

  enum class Route { login, callback, logout, backChannelLogout, frontChannelLogout };
  // Which of them a request is for, its method included.
  [[nodiscard]] std::optional<Route> routeOf(const WebRequest& request) const;
  // Whether it is for one of them, or is HEAD of one that takes GET, for which answer() has 405: HEAD signs nobody in.
  [[nodiscard]] bool matches(const WebRequest& request) const;
  // Blocks as Login's functions. 404 for a request that does not match.
  [[nodiscard]] Response answer(const WebRequest& request, Session& session) const;
  // The same without a thread that waits, as Login's functions that begin with start.
  void start(const WebRequest& request, Session& session, ResponseHandler done, const StartOptions& start = {}) const;

  [[nodiscard]] const Login& login() const;
  [[nodiscard]] const LoginRouteOptions& options() const;
  [[nodiscard]] const std::string& callbackPath() const;

 private:
  struct State;
  std::shared_ptr<const State> state_;
};

}  // namespace ironjar
