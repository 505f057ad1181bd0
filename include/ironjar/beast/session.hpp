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
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

#include <ironjar/asio/fetch.hpp>
#include <ironjar/beast/request.hpp>
#include <ironjar/web.hpp>

namespace ironjar {

// Opens the request's session before the handler and commits it after, once: the answer with its cookies, which are
// always sent before the first byte of a body. `handler(Session&)` gives a Response, or an awaitable of one. When the
// session does not fit a cookie the answer is notSavedAnswer() in place of the handler's; when the handler throws it is
// internalErrorAnswer() with what rollBack() keeps. Blocks only as SessionJar's hooks do. The request must outlive the
// awaitable.
template <class Handler>
boost::asio::awaitable<Response> withSession(SessionJar jar, const BeastRequest& request, Handler handler) {
  Session session = jar.open(cookieHeader(request.web()));
  Response answer;
  std::exception_ptr thrown;
  try {
    if constexpr (std::is_convertible_v<std::invoke_result_t<Handler&, Session&>, Response>) {
      answer = handler(session);
    } else {
      answer = co_await handler(session);
    }
    answer = finish(jar, cookieHeader(request.web()), session, std::move(answer));
  } catch (...) {
    thrown = std::current_exception();
  }
  if (!thrown) co_return answer;
  request.report(thrown);
  answer = internalErrorAnswer();
  putSetCookies(answer.headers, rollBack(jar, cookieHeader(request.web()), session));
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
      if (route == AuthRoutes::Route::logout) co_return routes_.logout(request.web(), session);
      if (auto refusal = routes_.refuseRefresh(request.web(), session)) co_return *std::move(refusal);
      const auto refreshed = co_await asyncRefresh(fetcher_, session, boost::asio::use_awaitable);
      co_return routes_.afterRefresh(session, refreshed);
    });
  }

 private:
  SessionJar jar_;
  Fetcher fetcher_;
  AuthRoutes routes_;
};

// Proxy at a Beast server: bodies flow piece by piece, either way, as fast as the slower side. A request's body whose
// size is known, within FetchOptions::maxReplayBody and BeastOptions::maxBodySize, is read first, so that it can be
// sent again after a refresh; any other is streamed, and its size is for the API to limit. An upload and the head of
// its answer have to come within FetchOptions::timeout, 30 s: raise it for uploads. WebSockets are passed on (Proxy,
// ProxyOptions::webSockets): FetchOptions::asyncTransport has to be asioTransport for that. Immutable, thread-safe,
// cheap to copy.
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
    proxy_.endWithSession(request.web(), answer);
    co_return answer;
  }

  std::string prefix_;
  SessionJar jar_;
  Fetcher fetcher_;
  Proxy proxy_;
};

}  // namespace ironjar
