#include "support/support.hpp"

#include <string>
#include <string_view>

#include <ironjar/http1.hpp>

namespace http1_request_test {

using namespace ironjar;
using namespace std::chrono_literals;
using support::errorOf;

namespace {

HttpTarget target(std::string_view url) { return readTarget(url).value(); }

}  // namespace

TEST_CASE("V20 every spelling of an origin is one origin") {
  for (const char* url :
       {"http://api.example", "HTTP://API.example/", "http://Api.Example:80/x", "http://api.example?q"})
    CHECK(target(url).origin == "http://api.example");
  CHECK(target("https://api.example:443/").origin == "https://api.example");
  CHECK(target("https://[::1]:8443/a").host == "::1");
  CHECK(target("https://[::1]:8443/a").port == "8443");
  CHECK(target("https://[::1]:8443/a").authority == "[::1]:8443");
  CHECK(target("https://[::1]").port == "443");
  CHECK(target("http://a.b").port == "80");
  CHECK(errorOf(readTarget("http://user@host/")) == Errc::malformed);
}

TEST_CASE("V35 path and query are sent as they are") {
  for (const std::string path :
       {"/a%20b%2Fc", "/?b=2&a=1", "/?q=a%20b+c%2B&sig=%2f", "/a;b,c'd(e)!$*", "/?", "//x", "/%"}) {
    const auto head = requestHead({.url = "http://h" + path}, target("http://h" + path), AfterResponse::keepConnection);
    CHECK(head->starts_with("GET " + path + " HTTP/1.1\r\nHost: h\r\n"));
  }
  CHECK(target("http://h?q").target == "/?q");
}

TEST_CASE("V36 the fields that frame a request are written once, whatever the request brought") {
  Request request{.method = "POST", .url = "http://h/", .body = "12345678"};
  for (const char* name : {"Content-Length", "content-length", "TRANSFER-ENCODING", "Host", "hOST", "Connection", "TE",
                           "Trailer", "Upgrade", "Expect", "Keep-Alive", "Proxy-Connection"}) {
    CHECK(isTransportField(name));
    request.headers.emplace_back(name, "3");
    request.headers.emplace_back(name, "chunked");
  }
  for (const char* name : {"Content-Type", "Hos", "Hosts", "X-Host", "", "Content-Lengt"})
    CHECK_FALSE(isTransportField(name));
  request.headers.emplace_back("X-Own", "1");
  const HttpTarget where = target(request.url);
  CHECK(*requestHead(request, where, AfterResponse::keepConnection) ==
        "POST / HTTP/1.1\r\nHost: h\r\nX-Own: 1\r\nUser-Agent: ironjar\r\nAccept: */*\r\nContent-Length: 8\r\n\r\n");
  const std::string chunked =
      "POST / HTTP/1.1\r\nHost: h\r\nX-Own: 1\r\nUser-Agent: ironjar\r\nAccept: */*\r\nConnection: close\r\n"
      "Transfer-Encoding: chunked\r\n\r\n";
  request.openBody = [] { return BodyReader(); };
  CHECK(*requestHead(request, where, AfterResponse::closeConnection) == chunked);
  request.openAsyncBody = [] { return AsyncBodyReader(); };
  CHECK(*requestHead(request, where, AfterResponse::closeConnection) == chunked);
  request.openBody = nullptr;
  CHECK(*requestHead(request, where, AfterResponse::closeConnection) == chunked);
  request.bodySize = 18'446'744'073'709'551'615U;
  CHECK(requestHead(request, where, AfterResponse::keepConnection)
            ->ends_with("Content-Length: 18446744073709551615\r\n\r\n"));
  for (const char* value : {"a\r\nX: 1", "a\nX: 1", "a\rb"}) {
    CHECK(errorOf(requestHead({.url = "http://h/", .headers = {{"X", value}}}, where, {})) == Errc::malformed);
  }
  CHECK(errorOf(requestHead({.method = "GET / HTTP/1.1\r\nX:", .url = "http://h/"}, where, {})) == Errc::malformed);
}

TEST_CASE("what leaves of a streamed body moves its request's deadline on, and only to later") {
  Request request{.method = "POST", .url = "http://h/"};
  const auto moved = [&request, given = std::chrono::steady_clock::now() + 1h](std::chrono::milliseconds idle) {
    request.uploadIdle = idle;
    RequestDeadline deadline(given, request);
    deadline.sent();
    return deadline.until() - given;
  };
  CHECK(moved(2h) == 0h);  // without a streamed body
  request.openBody = [] { return BodyReader(); };
  for (const auto idle : {std::chrono::milliseconds(2h), std::chrono::milliseconds::max()}) CHECK(moved(idle) > 0h);
  for (const auto idle : {-1ms, 0ms, 1ms}) CHECK(moved(idle) == 0h);
}

TEST_CASE("a body's pieces are framed as its head has said, and come to just its size") {
  BodyFramer chunks{Request()};
  CHECK(chunks.frame("abc").value() == "3\r\nabc\r\n");
  CHECK(chunks.frame("").value() == "0\r\n\r\n");
  CHECK_FALSE(chunks.isEnded());
  CHECK(BodyFramer(Request{.url = {}, .bodySize = 0}).isEnded());
  BodyFramer sized(Request{.url = {}, .bodySize = 4});
  CHECK(sized.frame("ab").value() == "ab");
  CHECK(BodyFramer(sized).frame("cd").value() == "cd");
  CHECK(errorOf(BodyFramer(sized).frame("cde")) == Errc::malformed);
  CHECK(errorOf(BodyFramer(sized).frame("")) == Errc::malformed);
  CHECK_FALSE(sized.isEnded());
  CHECK(sized.frame("cd").value() == "cd");
  CHECK(sized.isEnded());
  CHECK(sized.frame("").value() == "");
  CHECK(errorOf(sized.frame("e")) == Errc::malformed);
}

}  // namespace http1_request_test
