// Sessions for handlers of a Beast server, the routes of a login, and a part of the site that is an API's.
//
// Example:
//   const auto visits = [jar](ironjar::BeastRequest& asked) {
//     return ironjar::withSession(jar, asked, [](ironjar::Session& visitor) -> ironjar::Response {
//       visitor.set("visits", visitor.get<int>("visits").value_or(0) + 1);
//       return {.status = 200, .body = "welcome"};
//     });
//   };
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <ironjar/asio/fetch.hpp>
#include <ironjar/beast/request.hpp>
#include <ironjar/web.hpp>

namespace ironjar {

namespace detail {

// Waits for what completes by a callback, where there is an asynchronous form; `start` gets that callback.
template <class Outcome, class Start>
boost::asio::awaitable<Outcome> asioWait(Start start) {
  const auto place = std::make_shared<std::optional<Outcome>>();
  auto begin = [place, start = std::move(start)](AsioAlone&, std::function<void(Result<bool>)> done,
                                                 const std::stop_token&) mutable {
    start([place, done = std::move(done)](Outcome outcome) {
      place->emplace(std::move(outcome));
      done(true);
    });
  };
  const Result<bool> isThere =
      co_await asioOperation<Result<bool>>(AsioAlone(), std::move(begin), boost::asio::use_awaitable);
  if (!isThere) throw std::runtime_error("ironjar: a session: " + isThere.error().detail);
  co_return std::move(**place);
}

inline boost::asio::awaitable<Session> openSession(const SessionJar& jar, std::string cookies) {
  if (!jar.options().isRevoked.asynchronous()) co_return jar.open(cookies);
  auto start = [jar, cookies](std::function<void(Session)> done) { jar.startOpen(cookies, std::move(done)); };
  co_return co_await asioWait<Session>(std::move(start));
}

inline boost::asio::awaitable<Response> finishSession(const SessionJar& jar, std::string cookies, Session& session,
                                                      Response answer) {
  auto start = [jar, cookies, session, answer = std::move(answer)](std::function<void(Response)> done) mutable {
    startFinish(jar, cookies, std::move(session), std::move(answer), std::move(done));
  };
  co_return co_await asioWait<Response>(std::move(start));
}

inline boost::asio::awaitable<std::vector<std::string>> rollBackSession(const SessionJar& jar, std::string cookies,
                                                                        const Session& session) {
  auto start = [jar, cookies, session](std::function<void(std::vector<std::string>)> done) {
    startRollBack(jar, cookies, session, std::move(done));
  };
  co_return co_await asioWait<std::vector<std::string>>(std::move(start));
}

}  // namespace detail

// Opens the request's session before the handler and commits it after, once: the answer with its cookies, which are
// always sent before the first byte of a body. `handler(Session&)` gives a Response, or an awaitable of one. When the
// session does not fit a cookie the answer is notSavedAnswer() in place of the handler's; when it cannot be told
// whether it is revoked, unknownSessionAnswer(); when the handler throws it is internalErrorAnswer() with what
// rollBack() keeps, which is stored when it is cancelled, too. Never blocks where SessionOptions::isRevoked and the
// jar's hooks have asynchronous forms, as revokedBy(), denyingLogouts() and Fetcher::commitHooks() give them. The
// request must outlive the awaitable.
template <class Handler>
boost::asio::awaitable<Response> withSession(SessionJar jar, const BeastRequest& request, Handler handler) {
  Session session = co_await detail::openSession(jar, cookieHeader(request.web()));
  if (auto unknown = unknownSessionAnswer(session)) co_return *std::move(unknown);
  Response answer;
  std::exception_ptr thrown;
  try {
    if constexpr (std::is_convertible_v<std::invoke_result_t<Handler&, Session&>, Response>) {
      answer = handler(session);
    } else {
      answer = co_await handler(session);
    }
    const bool isDue = session.changed() || session.isResealOnly();
    if (isDue && jar.hasAsynchronousForms()) {
      answer = co_await detail::finishSession(jar, cookieHeader(request.web()), session, std::move(answer));
    } else {
      answer = finish(jar, cookieHeader(request.web()), session, std::move(answer));
    }
  } catch (...) {
    thrown = std::current_exception();
  }
  if (!thrown) co_return answer;
  request.report(thrown);
  if (!jar.hasAsynchronousForms()) co_return internalErrorAnswer(jar, cookieHeader(request.web()), session);
  const auto state = co_await boost::asio::this_coro::cancellation_state;
  if (state.cancelled() != boost::asio::cancellation_type::none) {  // no other awaitable would begin
    startRollBack(jar, cookieHeader(request.web()), session, [](const std::vector<std::string>&) {});
    co_return internalErrorAnswer();
  }
  const std::vector<std::string> kept = co_await detail::rollBackSession(jar, cookieHeader(request.web()), session);
  answer = internalErrorAnswer();
  putSetCookies(answer.headers, kept);
  co_return answer;
}

// AuthRoutes at a Beast server, without a thread that waits. Immutable, thread-safe, cheap to copy.
class BeastAuth {
 public:
  // Throws std::invalid_argument as AuthRoutes does.
  BeastAuth(SessionJar jar, Fetcher fetcher, AuthOptions options = {})
      : jar_(std::move(jar)), fetcher_(std::move(fetcher)), routes_(fetcher_, std::move(options)) {}

  [[nodiscard]] bool matches(const BeastRequest& request) const { return routes_.routeOf(request.web()).has_value(); }
  // 404 for a request that does not match. This and the request must outlive the awaitable.
  [[nodiscard]] boost::asio::awaitable<Response> answer(const BeastRequest& request) const {
    const auto route = routes_.routeOf(request.web());
    return withSession(jar_, request, [this, &request, route](Session& session) -> boost::asio::awaitable<Response> {
      if (!route) co_return Response{.status = 404};
      if (route == AuthRoutes::Route::status) co_return routes_.status(session);
      if (route == AuthRoutes::Route::logout) co_return co_await logout(request, session);
      if (route == AuthRoutes::Route::sessions) co_return co_await sessions(request, session);
      if (auto refusal = routes_.refuseRefresh(request.web(), session)) co_return *std::move(refusal);
      const auto refreshed = co_await asyncRefresh(fetcher_, session, boost::asio::use_awaitable);
      co_return routes_.afterRefresh(session, refreshed);
    });
  }

 private:
  [[nodiscard]] boost::asio::awaitable<Response> logout(const BeastRequest& request, Session& session) const {
    struct Ended {
      Session session;
      Response answer = {};
    };
    // On a copy, which lives for as long as that takes, whatever becomes of the awaitable.
    const auto ended = std::make_shared<Ended>(Ended{session});
    auto start = [this, &request, ended](std::function<void(bool)> done) {
      routes_.startLogout(request.web(), ended->session, [ended, done = std::move(done)](Response answer) {
        ended->answer = std::move(answer);
        done(true);
      });
    };
    const auto isDone = co_await detail::asioWait<bool>(std::move(start));
    static_cast<void>(isDone);
    session = ended->session;
    co_return ended->answer;
  }

  // The routes and the session are copied: what is asked may go on after the awaitable.
  [[nodiscard]] boost::asio::awaitable<Response> sessions(const BeastRequest& request, const Session& session) const {
    auto start = [routes = routes_, &request, session](std::function<void(Response)> done) {
      routes.startSessions(request.web(), session, std::move(done));
    };
    co_return co_await detail::asioWait<Response>(std::move(start));
  }

  SessionJar jar_;
  Fetcher fetcher_;
  AuthRoutes routes_;
};

// Proxy at a Beast server: bodies flow piece by piece, either way, as fast as the slower side. A request's body whose
// size is known, within FetchOptions::maxReplayBody and BeastOptions::maxBodySize, is read first, so that it can be
// sent again after a refresh; any other is streamed, and its size is for the API to limit. An upload may take any time,
// as long as the API takes bytes of it, and then answers, within FetchOptions::timeout of one another, 30 s. What ends
// a client that sends slowly is BeastOptions::timeout, for each piece, and in all beyond what its bytes may take at 26
// kbit/s. WebSockets are passed on (Proxy, ProxyOptions::webSockets): FetchOptions::asyncTransport has to be
// asioTransport for that. Immutable, thread-safe, cheap to copy.
class BeastProxy {
 public:
  // Throws std::invalid_argument as Proxy does.
  BeastProxy(const std::string& prefix, SessionJar jar, Fetcher fetcher, std::string_view upstream,
             ProxyOptions options = {})
      : prefix_(prefix),
        jar_(std::move(jar)),
        fetcher_(std::move(fetcher)),
        proxy_(prefix, jar_, fetcher_, upstream, std::move(options)) {}

  [[nodiscard]] bool matches(const BeastRequest& request) const { return isBelow(request.web().target, prefix_); }
  // For a request that matches. This and the request must outlive the awaitable.
  [[nodiscard]] boost::asio::awaitable<Response> answer(BeastRequest& request) const {
    // RFC 9110 section 7.8: Upgrade means nothing in HTTP/1.0.
    if (request.head().version() == 11 && asksForWebSocket(request.web())) return webSocket(request);
    return withSession(jar_, request, [this, &request](Session& session) -> boost::asio::awaitable<Response> {
      auto next = proxy_.upstreamRequest(request.web(), session);
      if (auto* const own = std::get_if<Response>(&next)) co_return std::move(*own);
      Request upstream = std::get<Request>(std::move(next));
      if (request.canRead() && *request.bodySize() <= fetcher_.options().maxReplayBody) {
        if (auto problem = co_await request.readBody()) co_return answerForBody(*problem);
        upstream.body = request.web().body;
      } else {
        // Taken here: a fetch opens it on whichever thread it goes on, and may outlive the request.
        upstream.bodySize = request.bodySize();
        upstream.openAsyncBody = [reader = std::make_shared<AsyncBodyReader>(request.bodyReader())] {
          return std::exchange(*reader, nullptr);
        };
      }
      upstream.streamsResponse = true;
      auto response = co_await asyncFetch(fetcher_, session, std::move(upstream), boost::asio::use_awaitable);
      co_return proxy_.forBrowser(request.web(), std::move(response));
    });
  }

 private:
  [[nodiscard]] boost::asio::awaitable<Response> webSocket(const BeastRequest& request) const {
    const auto ask = [this, &request](Session& session) -> boost::asio::awaitable<Response> {
      auto next = proxy_.webSocketRequest(request.web(), session);
      if (auto* const own = std::get_if<Response>(&next)) co_return std::move(*own);
      Request upstream = std::get<Request>(std::move(next));
      auto response = co_await asyncFetch(fetcher_, session, std::move(upstream), boost::asio::use_awaitable);
      co_return proxy_.forBrowser(request.web(), std::move(response));
    };
    Response answer = co_await withSession(jar_, request, ask);
    if (!answer.upgraded) co_return answer;
    auto start = [this, cookies = cookieHeader(request.web()), answer](std::function<void(Response)> done) mutable {
      proxy_.startEndWithSession(std::move(cookies), std::move(answer), std::move(done));
    };
    co_return co_await detail::asioWait<Response>(std::move(start));
  }

  std::string prefix_;
  SessionJar jar_;
  Fetcher fetcher_;
  Proxy proxy_;
};

}  // namespace ironjar
