// Bodies that flow down through an httplib server: through its proxy, and from a handler of one's own.
#include "support/passing.hpp"
#include "support/steps.hpp"

#include <atomic>

namespace httplib_proxy_stream_test {

using namespace ironjar;
using namespace std::chrono_literals;
using support::ApiPeer;
using support::bodyOf;
using support::mebibyte;
using support::Passing;
using support::Steps;

namespace {

const std::string chunkedAnswer =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

}  // namespace

TEST_CASE("events pass the proxy one by one, behind the cookie of a refresh; a client that goes lets the API go") {
  Steps steps;
  std::atomic<int> asked = 0;
  Passing passing([&](ApiPeer::Connection& connection) {
    while (connection.readRequest()) {
      if (++asked == 1) {
        connection.put("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n");
        continue;
      }
      connection.put(chunkedAnswer);
      for (std::size_t i = 0; i < 3; ++i) {
        if (!steps.wait(i)) return;
        connection.put(chunkOf("data: " + std::to_string(i) + "\n\n"));
      }
      while (connection.put(chunkOf(std::string(10'000, 'x')))) continue;
      return;
    }
  });
  {
    const support::RawClient client(passing.web.port());
    client.send(passing.head("GET", "/api/events", "Accept-Encoding: gzip\r\n"));
    std::string got = client.receiveSome(10s);
    CHECK(got.starts_with("HTTP/1.1 200"));
    CHECK(got.find("\r\nSet-Cookie: sid=") != std::string::npos);
    CHECK(got.find("\r\nTransfer-Encoding: chunked\r\n") != std::string::npos);
    CHECK(got.find("\r\nContent-Type: text/event-stream\r\n") != std::string::npos);
    for (std::size_t i = 0; i < 3; ++i) {
      const std::string event = "data: " + std::to_string(i) + "\n\n";
      CHECK(got.find(event) == std::string::npos);
      steps.allow(i);
      while (got.find(event) == std::string::npos) {
        const std::string more = client.receiveSome(10s);
        REQUIRE(more != "");
        got += more;
      }
    }
  }
  CHECK(passing.api.waitUntilClosed(10s));
}

TEST_CASE("what an API sends passes with its length, and whatever its size") {
  constexpr std::size_t size = 64 * mebibyte;
  Passing passing([](ApiPeer::Connection& connection) {
    const auto request = connection.readRequest();
    if (!request) return;
    const bool cuts = request->head.find(" /cut") != std::string::npos;
    const bool isLong = request->head.find(" /long") != std::string::npos;
    connection.put("HTTP/1.1 200 OK\r\nContent-Type: application/x-bytes\r\nContent-Length: " +
                   std::to_string(isLong ? size : 6) + "\r\n\r\n");
    if (request->head.starts_with("HEAD")) return;
    if (!isLong) connection.put(cuts ? "cut" : "whole!");
    for (std::size_t sent = 0; isLong && sent < size; sent += mebibyte) connection.put(std::string(mebibyte, 'x'));
  });
  for (const std::string version : {"HTTP/1.1", "HTTP/1.0"}) {
    CAPTURE(version);
    const std::string whole = passing.send(passing.head("GET", "/api/whole", "", version));
    CHECK(whole.find("\r\nContent-Length: 6\r\n") != std::string::npos);
    CHECK(whole.find("\r\nContent-Type: application/x-bytes\r\n") != std::string::npos);
    CHECK(whole.find("\r\nContent-Type:") == whole.rfind("\r\nContent-Type:"));
    CHECK(bodyOf(whole) == "whole!");
    const std::string cut = passing.send(passing.head("GET", "/api/cut", "", version));
    CHECK(cut.find("\r\nContent-Length: 6\r\n") != std::string::npos);
    CHECK(bodyOf(cut) == "cut");
  }
  const std::string head = passing.send(passing.head("HEAD", "/api/whole"));
  CHECK(head.find("\r\nContent-Length: 6\r\n") != std::string::npos);
  CHECK(bodyOf(head) == "");

  const support::RawClient client(passing.web.port());
  client.send(passing.head("GET", "/api/long", "Range: bytes=0-1\r\nConnection: close\r\n"));
  std::size_t got = 0;
  for (std::string piece; !(piece = client.receiveSome(10s)).empty();) got += piece.size();
  CHECK(got > size);
  CHECK(got < size + 2000);
}

TEST_CASE("a body without a length: one that breaks off never looks whole, to HTTP/1.0 neither") {
  Passing passing([](ApiPeer::Connection& connection) {
    const auto request = connection.readRequest();
    if (!request) return;
    if (request->head.find(" /closes") != std::string::npos) {  // where the connection does
      connection.put("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nab");
      return static_cast<void>(connection.put("cd"));
    }
    std::string answer = chunkedAnswer;
    if (request->head.find(" /events") == std::string::npos)
      answer.replace(answer.find("text/event-stream"), 17, "text/plain");
    connection.put(answer + chunkOf("ab") + chunkOf("cd"));
    if (request->head.find("cut") == std::string::npos) connection.put("0\r\n\r\n");
  });
  CHECK(bodyOf(passing.send(passing.head("GET", "/api/text"))).ends_with("0\r\n\r\n"));
  CHECK_FALSE(bodyOf(passing.send(passing.head("GET", "/api/text/cut"))).ends_with("0\r\n\r\n"));
  const std::string closed = bodyOf(passing.send(passing.head("GET", "/api/closes")));
  CHECK((closed == "4\r\nabcd\r\n0\r\n\r\n" || closed == "2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n"));
  const std::string old = passing.send(passing.head("GET", "/api/text", "", "HTTP/1.0"));
  CHECK(old.find("\r\nContent-Length: 4\r\n") != std::string::npos);
  CHECK(bodyOf(old) == "abcd");
  CHECK(passing.send(passing.head("GET", "/api/text/cut", "", "HTTP/1.0")).starts_with("HTTP/1.1 502"));
  const std::string events = passing.send(passing.head("GET", "/api/events", "", "HTTP/1.0"));
  CHECK(events.find("Content-Length") == std::string::npos);
  CHECK(events.find("Transfer-Encoding") == std::string::npos);
  CHECK(bodyOf(events) == "abcd");
}

TEST_CASE("a handler's own answer may be streamed, by whichever reader, and only through the request's respond") {
  support::Running<> web;
  const HardenedServer site(web.server);
  const SessionJar jar({.cookieName = "sid", .passwords = support::password});
  const auto pieces = [](std::vector<std::string> list) -> BodyReader {
    return [list = std::move(list), at = std::size_t{0}]() mutable -> Result<std::string> {
      return at < list.size() ? list[at++] : std::string();
    };
  };
  const auto route = [&](const std::string& path, const std::function<Response()>& answer) {
    web.server.Get(path, withSession(site, jar, [answer](const auto& request, auto& response, Session& session) {
                     session.set("user", "ada");
                     respond(request, response, answer());
                   }));
  };
  route("/async", [&] {
    return Response{.status = 200, .asyncBodyReader = [next = pieces({"a", "b"})](const auto& done) { done(next()); }};
  });
  route("/short", [&] {
    return Response{.status = 200, .headers = {{"Content-Length", "3"}}, .bodyReader = pieces({"ab"})};
  });
  route("/long", [&] {
    return Response{.status = 200, .headers = {{"Content-Length", "3"}}, .bodyReader = pieces({"ab", "cd"})};
  });
  route("/throws", [] {
    return Response{.status = 200, .bodyReader = []() -> Result<std::string> { throw std::runtime_error("reader"); }};
  });
  route("/none", [&] { return Response{.status = 204, .bodyReader = pieces({})}; });
  web.server.Get("/wrong", withSession(site, jar, [&](const auto&, auto& response, Session&) {
                   respond(response, Response{.status = 200, .bodyReader = pieces({"a"})});
                 }));
  web.start();
  const auto get = [&](const std::string& path, const std::string& method = "GET",
                       const std::string& version = "HTTP/1.1") {
    const support::RawClient client(web.port());
    client.send(method + " " + path + " " + version + "\r\nHost: 127.0.0.1\r\n\r\n");
    return client.receive(10s);
  };
  CHECK(bodyOf(get("/async")) == "1\r\na\r\n1\r\nb\r\n0\r\n\r\n");
  CHECK(get("/async").find("\r\nSet-Cookie: sid=") != std::string::npos);
  CHECK(bodyOf(get("/short")) == "ab");
  CHECK(bodyOf(get("/long")) == "ab");
  CHECK(bodyOf(get("/throws")) == "");
  CHECK(get("/none").starts_with("HTTP/1.1 204"));
  CHECK(get("/wrong").starts_with("HTTP/1.1 500"));
  for (const std::string version : {"HTTP/1.1", "HTTP/1.0"}) {
    const std::string head = get("/async", "HEAD", version);
    CHECK(head.starts_with("HTTP/1.1 200"));
    CHECK(head.find("Content-Length") == std::string::npos);  // nobody knows it
    CHECK(bodyOf(head) == "");
  }
}

}  // namespace httplib_proxy_stream_test
