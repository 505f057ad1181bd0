// performFetch: call an API with the session's access token, refresh it when the API answers 401, and try again.
//
// Example:
//   const auto answer = fetcher.performFetch(session, {.url = "https://api.example.com/items"});
//   response = answer ? *answer : ironjar::answerFor(answer.error());
//   const auto setCookies = jar.commit(session);
//   if (setCookies) ironjar::putSetCookies(response.headers, *setCookies);
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <ironjar/coordinator.hpp>
#include <ironjar/http.hpp>
#include <ironjar/refresh_service.hpp>
#include <ironjar/session.hpp>

namespace ironjar {

// How tokens are renewed by a protocol that TokenEndpoint cannot describe.
struct CustomRefresh {
  // What it asks, issuer and client, by a name of yours. Fetchers that share a coordinator, or a Redis, share what is
  // known of a refresh token when they have the same name, and only then.
  std::string client;
  // Must return by then. Errors as readTokenAnswer's, and Errc::unreachable when nothing was sent.
  std::function<Result<TokenSet>(const TokenSet&, Deadline)> call;
};

struct FetchOptions {
  // One of the two at least. httplibTransport() of <ironjar/httplib.hpp>, or a function of your own; asioTransport() of
  // <ironjar/asio.hpp> and its like for asyncTransport. If there is an asynchronous one, the token endpoint is asked
  // with it; performFetch uses the other, if there is that.
  Transport transport = {};
  AsyncTransport asyncTransport = {};
  std::vector<std::string> allowedOrigins;  // `https://api.example.com`: tokens go nowhere else
  bool allowHttpOnLoopback = false;         // also `http://127.0.0.1:8080` and its like, for development
  TokenEndpoint tokenEndpoint = TokenEndpoint();
  // How the access token travels to the API; with an empty scheme it stands alone. A token with a dpopKey always has
  // the scheme DPoP, and a proof beside it.
  std::string tokenHeader = "Authorization";
  std::string tokenScheme = "Bearer";
  // Which answers say that the access token is no longer good, where it is not those with status 401: 403, 419 or 498,
  // or a 200 with a code in its body. Must not throw.
  std::function<bool(const Response&)> refusesToken = {};
  // Paths whose 401 is an answer and not a spent token (a login form's, say): each covers what lies below it too, in
  // every spelling that a server may take for it (`//login`, `/%6cogin`, `/x/../login`, `/login;v=1`).
  std::vector<std::string> excludedPaths = {};
  // Tries after a refresh, which is made once: from the second on they bring the same new token, settleDelay later. 0:
  // a 401 is the caller's, only refreshing ahead of the end remains. Tokens that another request has brought are no
  // retry.
  unsigned maxRetries = 1;
  // For everything one performFetch does. A body that is streamed up may take any time, as long as its bytes leave
  // within this of one another (Request::uploadIdle); once the API has answered it, what follows, such as a refresh,
  // has this time anew. A deadline that the caller gives stays absolute: such a body has up to it instead.
  Seconds timeout{30};
  // An access token is refreshed before it ends: when less than this is left of it, or less than a fifth of its
  // lifetime, whichever is shorter, give or take a fifth of that at random. Without a lifetime it is refreshed once it
  // has ended; without an expiry only a 401 tells.
  Seconds refreshThreshold{600};
  std::chrono::milliseconds settleDelay{0};  // between a refresh and the next try, for APIs that learn of tokens late
  std::size_t maxReplayBody = 1024 * 1024;   // a larger body is sent once: the tokens are refreshed, the 401 returned
  // Names of cookies that the API sets with a 401 and wants to see on the next try. All others are only in the
  // response; TokenEndpoint::cookies are those that come with the tokens.
  std::vector<std::string> cookies = {};
  // Who makes sure that a refresh token is spent once. Share one among Fetchers of the same client; the default is a
  // LocalCoordinator of this Fetcher's own.
  std::shared_ptr<RefreshCoordinator> coordinator = {};
  std::optional<CustomRefresh> refresh = {};  // in place of tokenEndpoint.url
  Observer observer = {};  // told of RefreshStarted, TokensAnswered, Refreshed, RefreshFailed and FetchRetried
  Clock now = systemClock;
};

// One performFetch, a step at a time: what the last step says is done by whoever drives it, and its outcome told, which
// gives the next step, until Return. So it runs on any event loop. Not thread-safe; the session, which it works on,
// must outlive it. Made by Fetcher::fetch. Telling it what its last step did not ask for throws std::logic_error.
class Fetch {
 public:
  struct Send {
    const Request* request;  // the API is to be asked this; valid until answered()
    Deadline deadline;
  };
  struct Refresh {};  // refresh() or startRefresh() is to be called
  struct Wait {
    Deadline until;  // then waited()
  };
  struct Return {
    Result<Response> result;  // as Fetcher::performFetch's
  };
  using Step = std::variant<Send, Refresh, Wait, Return>;

  Fetch(Fetch&&) noexcept;
  Fetch& operator=(Fetch&&) noexcept;
  ~Fetch();

  [[nodiscard]] Step begin();
  [[nodiscard]] Step answered(Result<Response> response);
  [[nodiscard]] Step refresh();  // blocks the calling thread until the coordinator has tokens, or the deadline
  // The same without blocking: `done` gets the next step, once, before this returns or later, on whichever thread
  // knows. Until then neither this nor the session may be touched. When a stop is requested, it is not waited for.
  void startRefresh(std::stop_token stop, std::function<void(Step)> done);
  [[nodiscard]] Step waited();

 private:
  friend class Fetcher;
  class State;
  explicit Fetch(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// How long an operation that does not block goes on.
struct StartOptions {
  // If it is earlier than FetchOptions::timeout would have it; of a body that is streamed up in place of that.
  std::optional<Deadline> deadline = std::nullopt;
  std::stop_token stop = {};  // when a stop is requested it ends soon, with Errc::cancelled
};

// Immutable, thread-safe, cheap to copy.
class Fetcher {
 public:
  // Throws std::invalid_argument, saying what to change: no transport, an origin that is not one or is not
  // https, an http token endpoint.
  explicit Fetcher(FetchOptions options);

  // The API's response, whatever its status and content coding, with the trace of how it came about. A login whose
  // access token the API refuses again and again, though it has not ended, is refreshed three times, then once in 30 s:
  // meanwhile its 401 is the response. New tokens are in the session when it returns, so that the next commit() writes
  // them into the cookie. The request's own Authorization and Cookie headers do not travel (the tokens' own cookies
  // do), nor do those that are the transport's (isTransportField), nor its connectionGroup and uploadIdle. A GET or
  // HEAD without openBody whose connection breaks is sent once more, on a new connection, since the API may close a
  // kept one at any moment (RFC 9112 section 9.3.1); not with freshConnection, nor without a token. With a dpopKey, a
  // request whose proof a 401 refuses is sent again, once in a row, if the next proof has another nonce: that is
  // neither a refresh nor a retry. Otherwise that 401 is the response. Errors:
  // - Errc::loginRequired without Error::end: the API wants a token and the session has none, or its dpopKey is no key.
  //   Its cookie stays.
  // - Errc::loginRequired with Error::end: the login is over. Where keepsCookie() holds, the session is detached: it is
  //   nobody's, and its cookie stays, since the browser may hold a newer one. Else it is destroyed, and the next
  //   commit() deletes the cookie.
  // - Errc::expired: the session that came was past its end.
  // - Errc::refreshFailed: the provider does not answer properly now; the session is untouched, try again later. While
  //   its access token is good it is used, and this does not happen.
  // - Errc::overloaded: too many requests wait for a refresh; the session is untouched.
  // - Errc::notAllowed: the URL is outside allowedOrigins, or the provider refuses this client.
  // - Errc::malformed: a URL, method or header that cannot be sent, or a body that cannot be opened.
  // - Errc::unreachable, Errc::transport, Errc::timeout, Errc::tooLarge: from the API's side, and whatever a body's
  //   reader says.
  // Where nothing else is said, the session and its cookie stay as they are.
  // Blocks the calling thread, for FetchOptions::timeout at most, or as that says for a body that is streamed up, and
  // no longer than until `deadline`, plus what the body's reader takes for a piece.
  [[nodiscard]] Result<Response> performFetch(Session& session, Request request,
                                              std::optional<Deadline> deadline = std::nullopt) const;

  // The same in steps, which never blocks but in Fetch::refresh().
  [[nodiscard]] Fetch fetch(Session& session, Request request, std::optional<Deadline> deadline = std::nullopt) const;

  // From when on performFetch refreshes the session's access token ahead of its end, give or take the spread; nothing
  // when only a 401 will tell.
  [[nodiscard]] std::optional<TimePoint> refreshAt(const Session& session) const;

  // How the session's login has ended, if this process knows that it has: by a logout, or because the provider has
  // ended it. Such a session may still come, with a cookie that a late response has brought back. Asks nobody, and
  // never waits.
  [[nodiscard]] std::optional<RefreshEnd> endOf(const Session& session) const;

  // For SessionOptions::commitHooks. Before: brings a session that is about to be written onto the newest tokens of its
  // login, whatever order responses finish in, so that a slow response does not write older tokens over newer ones; and
  // makes a logout final: what is under way for that login is discarded, requests still coming with its cookies are
  // nobody's, and its tokens are revoked if TokenEndpoint::revocationUrl is set. A session whose login has ended
  // elsewhere is not written at all: begin a new one with replace(). After: a login that another one has replaced
  // (Session::replace) ends likewise, so that a late response of it does not take the new one's place; its tokens are
  // revoked as TokenEndpoint::revokeReplaced says. Copies of them may outlive the Fetcher.
  [[nodiscard]] CommitHooks commitHooks() const;

  // Ends the login and destroys the session, as destroy() does for a jar with commitHooks(). Blocks as the
  // coordinator's end() does.
  void signOut(Session& session) const;
  // The same without blocking, as the coordinator's startEnd(): the session is destroyed when this returns.
  void startSignOut(Session& session, std::function<void()> done) const;

  // Newer tokens than the session's, whatever the state of its access token: who brought them. A session that is behind
  // its login is only brought up to date, without a call. Errors as above.
  // Blocks the calling thread, for FetchOptions::timeout at most.
  [[nodiscard]] Result<RefreshedBy> refresh(Session& session) const;
  // The same without blocking: as startFetch() in all that is said of `done`, the session and StartOptions.
  void startRefresh(Session& session, std::function<void(Result<RefreshedBy>)> done,
                    const StartOptions& options = {}) const;

  // For a RefreshService that keeps tokens fresh at this Fetcher's token endpoint and never races with its requests.
  // Read there for which tokens that is.
  [[nodiscard]] TokenSource tokenSource() const;

  [[nodiscard]] const FetchOptions& options() const;

 private:
  friend class Fetch;
  friend void startFetch(const Fetcher& fetcher, Session& session, Request request, AsyncTransport transport,
                         ResponseHandler done, const StartOptions& options);
  class State;
  std::shared_ptr<const State> state_;
};

// performFetch without a thread that waits: sends with this transport, and returns. `done` is called exactly once,
// before this returns or later, on whichever thread knows, never under a lock; what it throws is dropped. Until then
// the session must live and must not be touched; nothing of it, of the Fetcher or of the request is held any more when
// `done` is called. Cancelling leaves a refresh that the fetch waits for in flight, for the others. The Fetcher need
// not live as long. Errors as performFetch's, and Errc::cancelled.
//
// For example:
//   ironjar::startFetch(api, session, {.url = "https://api.example.com/items"}, transport,
//                       [](ironjar::Result<ironjar::Response> response) { std::cout << response->status << '\n'; });
void startFetch(const Fetcher& fetcher, Session& session, Request request, AsyncTransport transport,
                ResponseHandler done, const StartOptions& options = {});

}  // namespace ironjar
