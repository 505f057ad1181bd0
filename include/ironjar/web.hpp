// The server's side without a framework: who sent a request, what an answer may say, which cookies it sets, and what a
// proxy passes on. Functions over values, without I/O but for Fetcher's: an adapter, or a handler of any server, only
// translates types.
//
// Example:
//   const std::string cookies = ironjar::cookieHeader(request);
//   ironjar::Session visitor = jar.open(cookies);
//   if (!ironjar::isSameOrigin(request)) response = ironjar::crossSiteAnswer();
//   response = ironjar::finish(jar, cookies, visitor, std::move(response));  // with its Set-Cookie fields
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <ironjar/fetch.hpp>
#include <ironjar/http.hpp>
#include <ironjar/session.hpp>
#include <ironjar/web/request_framing.hpp>

namespace ironjar {

class OwnSessions;

// A request as it was received: views into the server's own, which must outlive it.
struct WebRequest {
  std::string_view method = "GET";
  std::string_view target = "/";       // path and query, never decoded
  std::vector<FieldView> fields = {};  // the header's, duplicates included
  std::string_view body = {};
  bool bodyFollows = false;  // there is one that is not in `body`: it comes in pieces
};

// All Cookie lines of a request as one (RFC 9113 section 8.2.3 joins them so), for SessionJar::open.
[[nodiscard]] std::string cookieHeader(const WebRequest& request);

// ---- Who sent it

// Origins of sites, such as `https://app.example.com`, compared as browsers write them (RFC 6454 section 6.2).
class Origins {
 public:
  Origins() = default;
  // Throws std::invalid_argument for what is no origin, `null` and `*` included, and for http beside https of one host
  // that is not this machine: whoever is on the way could then speak for the https site.
  Origins(std::initializer_list<std::string> origins);
  Origins(std::vector<std::string> origins);

  [[nodiscard]] bool empty() const { return origins_.empty(); }
  [[nodiscard]] bool contains(std::string_view origin) const;  // as an Origin field has it

 private:
  std::vector<std::string> origins_;
};

// Whether a request that changes something comes from the site itself. The first of these fields that the request has
// decides: Sec-Fetch-Site, which pages cannot forge and which must be `same-origin`, whatever `origins` says; Origin,
// which older browsers send; X-Requested-With, which a page of another site can set only after a CORS preflight. A
// request with Sec-Fetch-Site, Origin or Host twice is refused. Without `origins` an Origin has to be https and the
// Host that the request was sent to, or http when that Host is this machine: name the site's origins behind a reverse
// proxy that rewrites Host, and for a site without TLS.
[[nodiscard]] bool isSameOrigin(const WebRequest& request, const Origins& origins = {});

// 403 {"reason": "cross_site_request"}: for those that are not.
[[nodiscard]] Response crossSiteAnswer();

// ---- Errors

// The answer for an error of performFetch's or commit's: the status and a JSON body {"reason": …}. 401 login_required
// (nobody was signed in), superseded (the browser may hold a newer cookie: repeat the request, once) or
// session_expired, 503 temporarily_unavailable with Retry-After (the error's retryAfter), 504 upstream_timeout, else
// 502 upstream_failed. No detail: that is for your log.
[[nodiscard]] Response answerFor(const Error& error);

// {"reason": …} with the status, for a request that refusalOf() refuses.
[[nodiscard]] Response refusalAnswer(const Refusal& refusal);
// The answer when a request's body could not be read: 413 body_too_large for Errc::tooLarge, 408 body_timeout for
// Errc::timeout, else 400 malformed_body.
[[nodiscard]] Response answerForBody(const Error& error);

struct RespondOptions {
  // Where a page that the browser navigates to is sent (302) when it needs a login. A script's fetch never is.
  std::string loginUrl = {};
  // Origins of other sites whose scripts may read these answers (CORS). Whoever needs more than errors there sets such
  // fields for the whole server.
  Origins corsOrigins = {};
};

// The same for this request: pages go to sign in, and scripts of allowed origins can read why they must.
[[nodiscard]] Response answerFor(const Error& error, const WebRequest& request, const RespondOptions& options);

// Puts an answer's fields among those that a response has already. An answer's take the place of others of their name;
// but Set-Cookie and Vary are added, and Access-Control fields that are set already are left as they are.
void putFields(Headers& headers, const Headers& answer);

// ---- Sessions

// Puts Set-Cookie values among a response's fields. A later one takes the place of an earlier one that browsers would
// store in the same place: of the same name, domain, path and partition. Such a response belongs to one visitor, so
// caches are told: `Cache-Control: no-store` and `Vary: Cookie`, and what would go before them (Expires, RFC 9213's
// targeted fields, Surrogate-Control, X-Accel-Expires) is removed.
void putSetCookies(Headers& headers, const std::vector<std::string>& cookies);

// The answer for a session that was just opened of which it could not be told whether it is revoked
// (SessionOptions::isRevoked): 503 with Retry-After. Nothing for all others. Adapters send it in place of calling a
// handler.
[[nodiscard]] std::optional<Response> unknownSessionAnswer(const Session& opened);

struct Finished {
  std::vector<std::string> cookies;  // the Set-Cookie values due, whatever happened
  std::optional<Error> error = {};   // why the session was not saved: answer notSavedAnswer(error) in place of your own
};

// commit() for a request whose handler has returned. When the session does not fit a cookie, what rollBack() keeps.
// `cookieHeader` is what the session was opened from.
// Blocks as commit() does.
[[nodiscard]] Finished finish(const SessionJar& jar, std::string_view cookieHeader, Session& session);

// The same for an answer that is a value: as the browser gets it, with the cookies, or what takes its place.
[[nodiscard]] Response finish(const SessionJar& jar, std::string_view cookieHeader, Session& session, Response answer);
// The same without blocking, as far as startOpen() and startCommit() do not; `done` as theirs.
void startFinish(const SessionJar& jar, std::string cookieHeader, Session session, Response answer,
                 std::function<void(Response)> done);

// For a request that failed: drops what its handler wrote, but keeps what must not be lost. These are tokens that a
// refresh has brought, which are the only ones left, and the end of a login. Tokens of a login that was made meanwhile
// are dropped with the rest. Returns the Set-Cookie values due. Blocks as open() and commit() do.
[[nodiscard]] std::vector<std::string> rollBack(const SessionJar& jar, std::string_view cookieHeader,
                                                const Session& session);
// The same without blocking, as startFinish().
void startRollBack(const SessionJar& jar, std::string cookieHeader, Session session,
                   std::function<void(std::vector<std::string>)> done);

// 500 {"reason": "internal_error"}: for a handler that threw; or in place of an answer that cannot be sent, whose
// cookies it has, as far as these can: they may hold the only tokens that are left.
[[nodiscard]] Response internalErrorAnswer(const Response& instead = {});
// The same for a handler that threw in the middle of a session: with what rollBack() keeps.
[[nodiscard]] Response internalErrorAnswer(const SessionJar& jar, std::string_view cookieHeader,
                                           const Session& session);
// 500 {"reason": "session_not_saved"}; answerFor() of a session that was denied while the request was served.
[[nodiscard]] Response notSavedAnswer(const std::optional<Error>& why = {});
// Removes what described the body that an answer of ours takes the place of, and where it would have led.
void eraseFieldsOfBody(Headers& headers);

// ---- The routes by which a page asks after its login, refreshes it and ends it

struct AuthOptions {
  std::string prefix = "/api/auth";
  Origins origins = {};  // the site's own, as isSameOrigin
  // How often a session may ask for a refresh; sooner is 429 with Retry-After. 0: as often as it likes.
  Seconds refreshInterval{5};
  // What of a session that is authenticated its pages may see, as `claims` in the status; unset: nothing. Its answer
  // reaches every script of the site: claimsNamed() gives members by their names, and never the tokens.
  std::function<Json(const Session&)> claims = {};
  // Where the page should go, as `redirectTo` in the status: to a login, say, or to what a new user has to fill in. It
  // is asked with the session and the rest of the status; empty: the page stays. What is no path of this site, as
  // LoginRequest::returnTo wants it, is left out of the answer: a value that a user has chosen may lead nowhere else.
  std::function<std::string(const Session&, const Json& status)> redirectTo = {};
  // The list of a user's own sessions (session_registry.hpp); unset: there is no {prefix}/sessions.
  std::shared_ptr<const OwnSessions> sessions = {};
};

// For AuthOptions::claims: an object with those of the session's members that are there, such as the claims that
// LoginOptions::claims keeps. A name under which the session has its tokens is passed over.
//
// For example:
//   const ironjar::AuthOptions auth{.claims = ironjar::claimsNamed({"sub", "name"})};
[[nodiscard]] std::function<Json(const Session&)> claimsNamed(std::vector<std::string> names);

// Immutable, thread-safe, cheap to copy. Open the session before and finish() it after each.
class AuthRoutes {
 public:
  // Throws std::invalid_argument, saying what to change.
  explicit AuthRoutes(Fetcher fetcher, AuthOptions options = {});

  enum class Route { status, refresh, logout, sessions };
  // Which of them a request is for, its method included.
  [[nodiscard]] std::optional<Route> routeOf(const WebRequest& request) const;

  // GET {prefix}/status: {"authenticated": …, "expiresIn": seconds or null, "refreshAt": unix seconds or null,
  // "reason": when not authenticated, "claims": as AuthOptions::claims, when authenticated, "redirectTo": as
  // AuthOptions::redirectTo, when there is one}. Nothing of the tokens. A login that was ended is not authenticated, as
  // far as Fetcher::endOf() knows.
  [[nodiscard]] Response status(const Session& session) const;
  // POST {prefix}/refresh: newer tokens, and the status; 401, with a redirectTo as the status, or 503 as answerFor; 429
  // when asked too often.
  // Blocks as Fetcher::refresh does.
  [[nodiscard]] Response refresh(const WebRequest& request, Session& session) const;
  // The same in two steps, for who does not block: what is answered without asking for newer tokens, if anything, and
  // the answer when Fetcher::startRefresh has brought them.
  [[nodiscard]] std::optional<Response> refuseRefresh(const WebRequest& request, const Session& session) const;
  [[nodiscard]] Response afterRefresh(const Session& session, const Result<RefreshedBy>& refreshed) const;
  // POST {prefix}/logout: ends the session: 204. Blocks as Fetcher::signOut does.
  [[nodiscard]] Response logout(const WebRequest& request, Session& session) const;
  // The same without blocking: as Fetcher::startSignOut in all that is said of `done` and the session.
  void startLogout(const WebRequest& request, Session& session, std::function<void(Response)> done) const;

  // With AuthOptions::sessions, for who is authenticated as the status says; 401 else, 503 when it cannot be told now.
  // GET {prefix}/sessions: {"sessions": [{"id": …, "startedAt": unix seconds, "lastSeen": likewise, "label": …,
  // "current": …}]}, the last seen first. No character of it means anything in HTML, but the label may once a page has
  // parsed it: it is text.
  // DELETE {prefix}/sessions/{id}: ends that one: 204; 404 no_such_session, also for another user's; 409
  // current_session for the one that asks: POST {prefix}/logout.
  // DELETE {prefix}/sessions: ends all but the one that asks: 204.
  // Blocks as OwnSessions does.
  [[nodiscard]] Response sessions(const WebRequest& request, const Session& session) const;
  // The same without blocking, as OwnSessions' functions that begin with start. `done` is called exactly once.
  void startSessions(const WebRequest& request, const Session& session, std::function<void(Response)> done) const;

 private:
  class State;
  std::shared_ptr<State> state_;
};

// ---- A part of the site that is passed on to an API

// Whether a request asks for its connection to become a WebSocket: Upgrade lists `websocket`, and Connection `Upgrade`
// (RFC 6455 section 4.2.1).
[[nodiscard]] bool asksForWebSocket(const WebRequest& request);

// WebSockets of a proxied part, at servers whose adapter can (Beast's).
struct WebSocketOptions {
  std::size_t maxOpen = 1000;               // at once; more: 503. 0: none, 501
  std::chrono::milliseconds idle{600'000};  // without a byte in either direction; then both sides are closed
  // How often it is asked whether the session has ended meanwhile. It costs no call to the provider; SessionOptions::
  // isRevoked is asked. At most 30 s: what has become of tokens is forgotten after a minute.
  std::chrono::milliseconds checkSession{5000};
};

struct ProxyOptions {
  Origins origins = {};  // the site's own, as isSameOrigin
  // Names of cookies that the API may set in the browser, host-only: their Domain is taken off. All others stay here,
  // and none go back up.
  std::vector<std::string> setCookies = {};
  // Names of further fields of the API's answers that may reach the browser, beside those of what a browser needs of an
  // API: Content-Type, -Language, -Disposition and -Encoding, ETag, Last-Modified, Retry-After, Allow, Accept-Patch,
  // Accept-Post, Deprecation, Sunset, Preference-Applied, RateLimit and X-RateLimit fields, X-Request-Id and
  // X-Correlation-Id. Each field that is named here speaks for your origin.
  std::vector<std::string> responseFields = {};
  // Whether what a browser would render as a document of your origin (HTML, SVG, XML, or of no type) gets
  // `Content-Security-Policy: sandbox`, so that its scripts do not run.
  bool sandboxDocuments = true;
  // Whether requests of visitors who are not signed in are passed on, too. Else they get 401 {"reason":
  // "login_required"}, and the API is not asked.
  bool anonymous = false;
  WebSocketOptions webSockets = WebSocketOptions();
  RespondOptions errors = RespondOptions();
};

// `{prefix}/rest?query` becomes `{upstream}/rest?query`, by performFetch. The browser's Cookie, Authorization and
// Range do not travel up, nor what proxies say of a request's origin and method (X-Forwarded-*, X-Original-URL,
// X-HTTP-Method-Override, …); other fields do. Down come the fields that ProxyOptions names, and a Location that leads
// to the upstream, mapped to the prefix. No answer is stored by caches. A request that changes something must come from
// this site (isSameOrigin). Immutable, thread-safe, cheap to copy.
//
// A WebSocket is one request likewise, whose answer of 101 is followed by bytes in both directions, passed on as they
// are. Its Origin has to be the site's: one of ProxyOptions::origins or, without any, that of the Host; no other field
// will do. Up go the handshake's own fields, and down those that answer them; an API that grants what was not asked for
// is 502. It ends with the session: once its cookie has ended, it is denied (SessionOptions::isRevoked), or this
// process knows that the login is over, be it by a logout.
class Proxy {
 public:
  // `prefix` has no slash at its end. Throws std::invalid_argument, saying what to change: an upstream whose origin is
  // not among the fetcher's allowedOrigins, a cookie that is the session's own, a field that is for one hop only.
  Proxy(std::string prefix, const SessionJar& jar, Fetcher fetcher, std::string_view upstream,
        ProxyOptions options = {});

  // upstreamRequest(), performFetch, forBrowser(). Blocks as performFetch does.
  [[nodiscard]] Response answer(const WebRequest& request, Session& session) const;

  // What to ask the API, or what to answer without asking it: 400 for a path that leads out of the part that is passed
  // on, or may for some server (climbs), 401, 403, 404.
  [[nodiscard]] std::variant<Request, Response> upstreamRequest(const WebRequest& request,
                                                                const Session& session) const;
  // The same for a request that asksForWebSocket(), which is 501 {"reason": "websocket_unsupported"} otherwise: 400,
  // 403 and 426 for a handshake that must not be, 503 when maxOpen are open. To be sent by a transport that can switch
  // protocols.
  [[nodiscard]] std::variant<Request, Response> webSocketRequest(const WebRequest& request,
                                                                 const Session& session) const;
  // The API's response, or the error in its place, as the browser gets it; a body that is streamed is passed on, and so
  // is Response::upgraded.
  [[nodiscard]] Response forBrowser(const WebRequest& request, Result<Response> response) const;
  // For an answer with Response::upgraded, when finish() has put its cookies: makes it end with its session. Any other
  // is left as it is. Does not block, as far as SessionJar::startOpen() does not; `done` as there.
  void startEndWithSession(std::string cookieHeader, Response answer, std::function<void(Response)> done) const;

 private:
  class State;
  std::shared_ptr<const State> state_;
};

// Whether a request's path leads out of where it seems to be, as it stands or after some server has decoded it, any
// number of times: `..` in any spelling, with parameters, backslashes, controls, spaces, NUL or overlong UTF-8 in it.
// True also for what cannot be told: percent signs without two digits, controls, more than a proxy need pass on.
[[nodiscard]] bool climbs(std::string_view target);

}  // namespace ironjar
