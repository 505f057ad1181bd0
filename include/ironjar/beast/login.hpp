// The routes of a login at a Beast server, without a thread that waits.
//
// Example:
//   const ironjar::Login login(jar, {.issuer = "https://id.example.com",
//                                    .client = ironjar::basicAuth("web", std::getenv("CLIENT_SECRET")),
//                                    .redirectUri = "https://app.example.com/callback",
//                                    .asyncTransport = fetcher.options().asyncTransport});
//   const ironjar::BeastLogin signIn(login, fetcher, {.afterLogout = "/bye"});
//   const auto answer = [signIn](ironjar::BeastRequest& asked) -> boost::asio::awaitable<ironjar::BeastAnswer> {
//     if (signIn.matches(asked)) co_return co_await signIn.answer(asked);
//     co_return ironjar::Response{.status = 404};
//   };
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <functional>
#include <stdexcept>
#include <stop_token>
#include <utility>

#include <ironjar/asio/operation.hpp>
#include <ironjar/beast/request.hpp>
#include <ironjar/beast/session.hpp>
#include <ironjar/login.hpp>

namespace ironjar {
namespace detail {

// A copy of a session, on which a login works elsewhere.
struct AsioLogin {
  explicit AsioLogin(Session& home) : theirs(&home), session(home) {}

  void bringHome() { *theirs = std::move(session); }

  Session* theirs;
  Session session;
};

}  // namespace detail

// LoginRoutes at a Beast server: GET /login, the callback, POST /logout, the provider's logouts where they have a path.
// LoginOptions::asyncTransport is needed: asioTransport() makes one. BeastAuth has the status. A cancelled answer
// leaves the session as it was. Immutable but for what Login knows, thread-safe, cheap to copy.
class BeastLogin {
 public:
  // Throws std::invalid_argument, saying what to change.
  BeastLogin(Login login, Fetcher fetcher, LoginRouteOptions options = {})
      : routes_(std::move(login), std::move(fetcher), std::move(options)) {
    if (routes_.login().options().asyncTransport) return;
    throw std::invalid_argument("ironjar: LoginOptions: asyncTransport is empty, and BeastLogin does not block");
  }

  // HEAD of a route that takes GET, too: answer() refuses it.
  [[nodiscard]] bool matches(const BeastRequest& request) const { return routes_.matches(request.web()); }
  // 404 for a request that does not match. This and the request must outlive the awaitable.
  [[nodiscard]] boost::asio::awaitable<Response> answer(BeastRequest& request) const {
    if (request.web().method == "POST") {  // a form
      if (auto problem = co_await request.readBody()) co_return answerForBody(*problem);
    }
    co_return co_await withSession(routes_.login().jar(), request,
                                   [this, &request](Session& session) { return answer(request, session); });
  }

 private:
  [[nodiscard]] boost::asio::awaitable<Response> answer(const BeastRequest& request, Session& session) const {
    const auto start = [this, &request](detail::AsioLogin& with, ResponseHandler done, std::stop_token stop) {
      routes_.start(request.web(), with.session, std::move(done), {.stop = std::move(stop)});
    };
    Result<Response> answer =
        co_await detail::asioOperation<Result<Response>>(detail::AsioLogin(session), start, boost::asio::use_awaitable);
    if (answer) co_return *std::move(answer);
    // What the application's code has thrown, for BeastOptions::onException.
    if (answer.error().code != Errc::cancelled) throw std::runtime_error("ironjar: a login: " + answer.error().detail);
    co_return internalErrorAnswer();
  }

  LoginRoutes routes_;
};

}  // namespace ironjar
