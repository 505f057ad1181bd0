// Sessions, a login's routes and the proxy at a real Beast server.
#include "support/beast_site.hpp"

#include <atomic>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/http/string_body.hpp>

namespace beast_test {

using namespace ironjar;
using namespace std::chrono_literals;
using support::asyncFetchOptions;
using support::BeastSite;
using support::Upstream;
namespace asio = boost::asio;
using Answer = asio::awaitable<BeastAnswer>;

namespace {

const SessionJar jar({.cookieName = "sid", .passwords = support::password});
constexpr const char* ownPage = "X-Requested-With: fetch\r\n";

std::string fieldOf(const Response& response, std::string_view name) {
  return std::string(findHeader(response.headers, name).value_or("(none)"));
}

// A cookie of somebody who is signed in.
std::string signedIn(const TokenSet& tokens) {
  Session session;
  session.setTokens(tokens);
  session.set("user", "ada");
  const std::string line = jar.commit(session)->at(0);
  return line.substr(0, line.find(';'));
}

Session sessionOf(const BeastSite& site) { return jar.open(site.cookie); }

}  // namespace

TEST_CASE("a session lives in the cookie, and only answers that write it say so to caches") {
  BeastSite site([](BeastRequest& request) -> Answer {
    if (request.web().target == "/read") {
      co_return co_await withSession(jar, request, [](Session& visitor) -> Response {
        return {.status = 200, .body = std::to_string(visitor.get<int>("visits").value_or(0))};
      });
    }
    co_return co_await withSession(jar, request, [](Session& visitor) -> asio::awaitable<Response> {
      visitor.set("visits", visitor.get<int>("visits").value_or(0) + 1);
      co_return Response{.status = 200, .headers = {{"Cache-Control", "max-age=60"}}, .body = "counted"};
    });
  });
  CHECK(site.visit("GET", "/read").body == "0");
  CHECK(site.cookie.empty());
  const Response counted = site.visit("GET", "/");
  CHECK(counted.body == "counted");
  CHECK(fieldOf(counted, "Cache-Control") == "no-store");
  CHECK(fieldOf(counted, "Vary") == "Cookie");
  site.visit("GET", "/");
  const Response read = site.visit("GET", "/read");
  CHECK(read.body == "2");
  CHECK(fieldOf(read, "Set-Cookie") == "(none)");
  CHECK(fieldOf(read, "Vary") == "(none)");
}

TEST_CASE("a handler that throws: its writes are dropped, refreshed tokens are kept, and its text stays here") {
  Upstream upstream;
  const Fetcher fetcher(asyncFetchOptions(upstream));
  std::atomic<int> told = 0;
  const auto throwing = [&](BeastRequest& request) -> Answer {
    if (request.web().target == "/outside") throw std::runtime_error("secret");
    co_return co_await withSession(jar, request, [&](Session& visitor) -> asio::awaitable<Response> {
      const auto items = co_await asyncFetch(fetcher, visitor, support::get(), asio::use_awaitable);
      visitor.set("user", items ? "bob" : "mallory");
      throw std::runtime_error("secret");
    });
  };
  BeastSite site(throwing, {.onException = [&](const std::exception_ptr&) { ++told; }});
  const TokenSet tokens = upstream.provider.login();
  upstream.provider.expireAccessTokens();
  site.cookie = signedIn(tokens);
  const Response failed = site.visit("GET", "/");
  CHECK(failed.status == 500);
  CHECK(failed.body == R"({"reason":"internal_error"})");
  CHECK(sessionOf(site).get<std::string>("user") == "ada");
  CHECK(sessionOf(site).tokens()->refreshToken != tokens.refreshToken);
  CHECK(site.visit("GET", "/outside").status == 500);
  CHECK(told == 2);
}

TEST_CASE("a session that does not fit is a 500 with a reason, and the old cookie stays") {
  BeastSite site([](BeastRequest& request) -> Answer {
    co_return co_await withSession(jar, request, [](Session& visitor) -> Response {
      visitor.set("much", std::string(10'000, 'x'));
      return {.status = 302, .headers = {{"Location", "/away"}}};
    });
  });
  const Response response = site.visit("GET", "/");
  CHECK(response.status == 500);
  CHECK(response.body == R"({"reason":"session_not_saved"})");
  CHECK(fieldOf(response, "Location") == "(none)");
  CHECK(fieldOf(response, "Set-Cookie") == "(none)");
}

TEST_CASE("status, refresh and logout, without a thread that waits (R72 R76)") {
  Upstream upstream;
  const BeastAuth auth(jar, Fetcher(asyncFetchOptions(upstream)), {.refreshInterval = Seconds{0}});
  BeastSite site([&](BeastRequest& request) -> Answer {
    if (auth.matches(request)) co_return co_await auth.answer(request);
    co_return Response{.status = 404};
  });
  const auto status = [&] { return Json::parse(site.visit("GET", "/api/auth/status").body); };
  CHECK(status()["reason"] == "login_required");
  CHECK(site.visit("POST", "/api/auth/refresh", ownPage).status == 401);
  CHECK(site.visit("GET", "/api/auth/refresh", ownPage).status == 404);
  CHECK(site.visit("POST", "/api/auth/statusx", ownPage).status == 404);

  const TokenSet tokens = upstream.provider.login();
  site.cookie = signedIn(tokens);
  CHECK(status()["authenticated"] == true);
  CHECK(site.visit("POST", "/api/auth/refresh").status == 403);
  CHECK(site.visit("POST", "/api/auth/refresh", "Origin: https://elsewhere.example\r\n").status == 403);
  const Response refreshed = site.visit("POST", "/api/auth/refresh", ownPage);
  CHECK(refreshed.status == 200);
  CHECK(Json::parse(refreshed.body)["expiresIn"].get<int>() > 3590);
  CHECK(sessionOf(site).tokens()->refreshToken != tokens.refreshToken);
  upstream.provider.answerTokenCalls({Response{.status = 503}});
  CHECK(site.visit("POST", "/api/auth/refresh", ownPage).status == 503);
  const std::string before = site.cookie;
  CHECK(site.visit("POST", "/api/auth/logout", ownPage).status == 204);
  CHECK(site.cookie.empty());
  site.cookie = before;  // by a response that was under way
  CHECK(status()["reason"] == "session_expired");
}

TEST_CASE("a session may ask for a refresh now and then only") {
  Upstream upstream;
  const BeastAuth auth(jar, Fetcher(asyncFetchOptions(upstream)), {.refreshInterval = Seconds{3600}});
  BeastSite site([&](BeastRequest& request) -> Answer { co_return co_await auth.answer(request); });
  site.cookie = signedIn(upstream.provider.login());
  CHECK(site.visit("POST", "/api/auth/refresh", ownPage).status == 200);
  const Response again = site.visit("POST", "/api/auth/refresh", ownPage);
  CHECK(again.status == 429);
  CHECK(fieldOf(again, "Retry-After") == "3600");
  CHECK(upstream.provider.counts().tokenCalls == 1);
}

TEST_CASE("the proxy: the session's token goes up, spent ones are renewed, and nothing passes that may not") {
  Upstream upstream;
  const BeastProxy proxy("/api", jar, Fetcher(asyncFetchOptions(upstream)), support::api);
  BeastSite site([&](BeastRequest& request) -> Answer {
    if (proxy.matches(request)) co_return co_await proxy.answer(request);
    co_return Response{.status = 404};
  });
  CHECK(site.visit("GET", "/api/items").status == 401);
  site.cookie = signedIn(upstream.provider.login());
  CHECK(site.visit("GET", "/api/items").status == 200);
  upstream.provider.expireAccessTokens();
  const Response renewed = site.visit("GET", "/api/items");
  CHECK(renewed.status == 200);
  CHECK(fieldOf(renewed, "Set-Cookie").starts_with("sid="));
  CHECK(upstream.provider.counts().tokenCalls == 1);

  upstream.provider.expireAccessTokens();
  CHECK(site.visit("POST", "/api/items", ownPage, "{}").status == 200);  // read first, so that it could be sent again
  CHECK(upstream.provider.counts().tokenCalls == 2);
  CHECK(site.visit("POST", "/api/items", "", "{}").status == 403);
  CHECK(site.visit("DELETE", "/api/items", ownPage).status == 200);
  CHECK(site.visit("GET", "/api/../items").status == 400);
  CHECK(site.visit("GET", "/%61pi/items").status == 404);
  CHECK(site.visit("OPTIONS", "/api/items", ownPage).status == 405);
}

}  // namespace beast_test
