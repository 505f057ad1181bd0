// Sessions for handlers of a Poco::Net::HTTPServer (1.11 or later), the routes of a login, and a part of the site that
// is an API's. Header-only; each connection has a thread of Poco's, and everything here blocks.
//
// Example:
//   struct Visits : Poco::Net::HTTPRequestHandler {
//     ironjar::SessionJar jar;
//     explicit Visits(ironjar::SessionJar own) : jar(std::move(own)) {}
//     void handleRequest(Poco::Net::HTTPServerRequest& asked, Poco::Net::HTTPServerResponse& answer) override {
//       ironjar::withSession(jar, asked, answer, [](const ironjar::WebRequest&, ironjar::Session& visitor) {
//         visitor.set("visits", visitor.get<int>("visits").value_or(0) + 1);
//         return ironjar::Response{.status = 200, .body = "welcome"};
//       });
//     }
//   };
//   Poco::AutoPtr<Poco::Net::HTTPServerParams> params(new Poco::Net::HTTPServerParams);
//   params->setKeepAlive(false);
//   const ironjar::PocoServerSocket socket({"127.0.0.1", 8080});  // for Poco::Net::HTTPServer, with the params
//
// The server must be made of a PocoServerSocket and params without keep-alive; else every answer is a 500 {"reason":
// "server_not_hardened"}. Poco's own reading is not one to build sessions on: it decodes encoded words (RFC 2047) in
// every field, so that a sister domain's cookie `=?x?q?=3B?=` becomes several of any name; it skips lines without a
// colon, ends lines at a bare LF, and takes a chunked body that was cut for a whole one. So what came is read again
// here, and nothing that follows a request on its connection is served: behind a reverse proxy it may be another's.
//
// Each wait for bytes ends after HTTPServerParams::getTimeout(); a head or a body that drips, or an answer that is read
// slowly, has no other deadline, so put a reverse proxy in front, which has to do TLS, too. Some heads are Poco's to
// refuse, by a 400 without a body or by closing: fields over 8 KiB, more than 100, a single length that is no number.
//
// Call one of these functions once for a request: a second has nothing to read. Bodies are whole, either way. The
// answer is all of the response: Poco's object gets the status only; do not send() it.
#pragma once

#include <Poco/Net/HTTPServerRequest.h>
#include <Poco/Net/HTTPServerResponse.h>
#include <exception>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include <ironjar/fetch.hpp>
#include <ironjar/poco/request.hpp>
#include <ironjar/session.hpp>
#include <ironjar/web.hpp>

namespace ironjar {

// Called on the connection's thread, so from many at once.
using PocoHandler = std::function<Response(const WebRequest&, Session&)>;

// Reads the request, opens its session, calls the handler, commits the session and sends the answer with its cookies.
// When the session does not fit a cookie that is notSavedAnswer(); when the handler throws, internalErrorAnswer() with
// what rollBack() keeps. The handler does not get requests that are refused. Nothing escapes.
inline void withSession(const SessionJar& jar, Poco::Net::HTTPServerRequest& request,
                        Poco::Net::HTTPServerResponse& response, const PocoHandler& handler,
                        const PocoOptions& options = {}) try {
  response.setKeepAlive(false);
  PocoRequest asked(request, options);
  if (asked.refusal()) return asked.send(response, *asked.refusal());
  const std::string cookies = cookieHeader(asked.web());
  Session session = jar.open(cookies);
  if (auto unknown = unknownSessionAnswer(session)) return asked.send(response, *std::move(unknown));
  Response answer;
  try {
    answer = finish(jar, cookies, session, handler(asked.web(), session));
  } catch (...) {
    asked.report(std::current_exception());
    answer = internalErrorAnswer(jar, cookies, session);
  }
  asked.send(response, std::move(answer));
} catch (...) {
  if (options.onException) options.onException(std::current_exception());
}

// AuthRoutes at a Poco server. Immutable, thread-safe, cheap to copy. Blocks as Fetcher::refresh does.
class PocoAuth {
 public:
  // Throws std::invalid_argument as AuthRoutes does.
  PocoAuth(SessionJar jar, Fetcher fetcher, AuthOptions options = {}, PocoOptions server = {})
      : jar_(std::move(jar)), routes_(std::move(fetcher), std::move(options)), server_(std::move(server)) {}

  [[nodiscard]] bool matches(const Poco::Net::HTTPServerRequest& request) const {
    return routes_.routeOf({.method = request.getMethod(), .target = request.getURI()}).has_value();
  }
  // 404 for a request that does not match.
  void serve(Poco::Net::HTTPServerRequest& request, Poco::Net::HTTPServerResponse& response) const {
    const auto answer = [this](const WebRequest& asked, Session& session) -> Response {
      const auto route = routes_.routeOf(asked);
      if (!route) return {.status = 404};
      if (route == AuthRoutes::Route::status) return routes_.status(session);
      if (route == AuthRoutes::Route::sessions) return routes_.sessions(asked, session);
      return route == AuthRoutes::Route::logout ? routes_.logout(asked, session) : routes_.refresh(asked, session);
    };
    withSession(jar_, request, response, answer, server_);
  }

 private:
  SessionJar jar_;
  AuthRoutes routes_;
  PocoOptions server_;
};

// Proxy at a Poco server. Immutable, thread-safe, cheap to copy. Blocks as performFetch does.
class PocoProxy {
 public:
  // Throws std::invalid_argument as Proxy does.
  PocoProxy(std::string prefix, SessionJar jar, Fetcher fetcher, std::string_view upstream, ProxyOptions options = {},
            PocoOptions server = {})
      : prefix_(std::move(prefix)),
        jar_(std::move(jar)),
        proxy_(prefix_, jar_, std::move(fetcher), upstream, std::move(options)),
        server_(std::move(server)) {}

  [[nodiscard]] bool matches(const Poco::Net::HTTPServerRequest& request) const {
    return isBelow(request.getURI(), prefix_);
  }
  // 404 for a request that does not match.
  void serve(Poco::Net::HTTPServerRequest& request, Poco::Net::HTTPServerResponse& response) const {
    const auto answer = [this](const WebRequest& asked, Session& session) { return proxy_.answer(asked, session); };
    withSession(jar_, request, response, answer, server_);
  }

 private:
  std::string prefix_;
  SessionJar jar_;
  Proxy proxy_;
  PocoOptions server_;
};

}  // namespace ironjar
