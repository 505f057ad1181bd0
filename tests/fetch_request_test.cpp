// Which requests performFetch sends, where to and with what, and the options that it refuses.
#include "support/support.hpp"
#include "support/upstream.hpp"

namespace fetch_request_test {

using namespace ironjar;
using support::bearer;
using support::errorOf;
using support::fetchOptions;
using support::get;
using support::sessionWith;
using support::Upstream;

TEST_CASE("tokens go to allowed origins only (R14)") {
  Upstream upstream;
  FetchOptions options = fetchOptions(upstream);
  options.allowedOrigins = {"https://api.example", "https://other.example:8443"};
  const Fetcher fetcher(options);
  Session session = sessionWith(upstream.provider.login());
  for (const char* url : {"https://evil.example/", "http://api.example/", "https://api.example:444/",
                          "https://api.example.evil/", "https://sub.api.example/", "https://other.example/"}) {
    CAPTURE(url);
    CHECK(errorOf(fetcher.performFetch(session, {.url = url})) == Errc::notAllowed);
  }
  for (const char* url : {"https://api.example@evil.example/", "https://api.example\\@evil.example/", "//api.example/",
                          "/items", "", "https://api.example/\r\nX: y"}) {
    CAPTURE(url);
    CHECK(errorOf(fetcher.performFetch(session, {.url = url})) == Errc::malformed);
  }
  CHECK(upstream.api.counts().calls == 0);
  CHECK(fetcher.performFetch(session, {.url = "https://API.example:443/x"})->status == 200);
}

TEST_CASE("redirects are answers (R14)") {
  Upstream upstream;
  upstream.api.behave({.status = 302});
  const Fetcher fetcher(fetchOptions(upstream));
  Session session = sessionWith(upstream.provider.login());
  CHECK(fetcher.performFetch(session, get())->status == 302);
  CHECK(upstream.api.counts().calls == 1);
}

TEST_CASE("the request's own credentials do not travel, everything else does, on the retry too (R09 R13)") {
  Upstream upstream;
  const Fetcher fetcher(fetchOptions(upstream));
  Session session = sessionWith(upstream.provider.login());
  upstream.provider.expireAccessTokens();
  Request request{.method = "POST",
                  .url = std::string(support::api) + "/items",
                  .headers = {{"authorization", "Bearer mine"},
                              {"COOKIE", "sid=1"},
                              {"Idempotency-Key", "k"},
                              {"X-A", "1"},
                              {"X-A", "2"}},
                  .body = std::string("a\0b", 3) + std::string(10'000, 'x')};
  CHECK(fetcher.performFetch(session, request)->status == 200);
  const auto seen = upstream.api.seen();
  REQUIRE(seen.size() == 2);
  for (const Request& sent : seen) {
    CHECK(sent.method == "POST");
    CHECK(sent.body == request.body);
    CHECK_FALSE(findHeader(sent.headers, "Cookie"));
    CHECK(findHeader(sent.headers, "idempotency-key") == "k");
    CHECK(sent.headers.size() == 4);  // the three others, and one Authorization
  }
  CHECK(bearer(seen[0]) != bearer(seen[1]));
}

TEST_CASE("what cannot be sent is refused before anything is") {
  Upstream upstream;
  const Fetcher fetcher(fetchOptions(upstream));
  Session session = sessionWith(upstream.provider.login());
  for (const Headers& headers :
       {Headers{{"a", "b\r\nc: d"}}, Headers{{"a b", "c"}}, Headers{{"", "c"}}, Headers{{"a", std::string("\0", 1)}}}) {
    CHECK(errorOf(fetcher.performFetch(session, {.url = get().url, .headers = headers})) == Errc::malformed);
  }
  for (const char* method : {"", "GET /", "G\r\n"}) {
    CHECK(errorOf(fetcher.performFetch(session, {.method = method, .url = get().url})) == Errc::malformed);
  }
  Session odd = sessionWith({.accessToken = "a\r\nX: y", .refreshToken = "r"});
  CHECK(errorOf(fetcher.performFetch(odd, get())) == Errc::malformed);
  CHECK(upstream.api.counts().calls == 0);
}

TEST_CASE("errors of the API's side are passed on, and the session stays") {
  Upstream upstream;
  for (const Errc code : {Errc::transport, Errc::timeout, Errc::tooLarge}) {
    FetchOptions options = fetchOptions(upstream);
    options.transport = [code](const Request&, Deadline) -> Result<Response> { return fail(code); };
    Session session = sessionWith(upstream.provider.login());
    CHECK(errorOf(Fetcher(options).performFetch(session, get())) == code);
    CHECK_FALSE(session.destroyed());
  }
}

TEST_CASE("configuration that cannot be is refused at start-up (G11 url)") {
  Upstream upstream;
  const auto refuses = [&](auto change) {
    FetchOptions options = fetchOptions(upstream);
    change(options);
    CHECK_THROWS_AS(Fetcher{options}, std::invalid_argument);
  };
  refuses([](FetchOptions& o) { o.transport = nullptr; });
  refuses([](FetchOptions& o) { o.allowedOrigins = {}; });
  refuses([](FetchOptions& o) { o.allowedOrigins = {"api.example"}; });
  refuses([](FetchOptions& o) { o.allowedOrigins = {"https://api.example/v1"}; });
  refuses([](FetchOptions& o) { o.allowedOrigins = {"https://*.example"}; });
  refuses([](FetchOptions& o) { o.timeout = Seconds{0}; });
  refuses([](FetchOptions& o) { o.now = nullptr; });
  refuses([](FetchOptions& o) { o.tokenHeader = "Cookie"; });
  refuses([](FetchOptions& o) { o.tokenHeader = "Content-Length"; });
  refuses([](FetchOptions& o) { o.tokenHeader = ""; });
  refuses([](FetchOptions& o) { o.tokenScheme = "Bearer "; });
  refuses([](FetchOptions& o) { o.refreshThreshold = Seconds{-1}; });
  refuses([](FetchOptions& o) { o.tokenEndpoint.timeout = Seconds{0}; });
  refuses([](FetchOptions& o) { o.tokenEndpoint.timeout = Seconds{301}; });
  refuses([](FetchOptions& o) { o.tokenEndpoint.replay = {.grace = Seconds{-1}}; });
  refuses([](FetchOptions& o) { o.tokenEndpoint.replay = {.grace = Seconds{30}, .strict = true}; });
  refuses([](FetchOptions& o) { o.tokenEndpoint.refreshTokenCookie = "a b"; });
  refuses([](FetchOptions& o) { o.tokenEndpoint.answer.accessToken = "data"; });
  refuses([](FetchOptions& o) { o.tokenEndpoint.answer.accessToken = ""; });
  for (const char* url : {"", "id.example", "http://id.example/token", "http://127.0.0.1/token",
                          "https://u@id.example/", "https://id.example/#f", "http://[fe80::1%25eth0]/",
                          "https://id.example:0/", "https://id.example:65536/", "https://id.example/\r\n"}) {
    CAPTURE(url);
    refuses([url](FetchOptions& o) { o.tokenEndpoint.url = url; });
  }
  FetchOptions local = fetchOptions(upstream);
  local.tokenEndpoint.allowHttpOnLoopback = true;
  local.tokenEndpoint.url = "http://127.0.0.1:9/token";
  CHECK_NOTHROW(Fetcher{local});
  local.tokenEndpoint.url = "http://id.example/token";
  CHECK_THROWS_AS(Fetcher{local}, std::invalid_argument);
}

}  // namespace fetch_request_test
