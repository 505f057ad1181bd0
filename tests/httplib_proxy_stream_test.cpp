// Bodies that flow through an httplib server: up and down its proxy, and from a handler of one's own.
#include "support/raw.hpp"
#include "support/server.hpp"
#include "support/support.hpp"

#include <atomic>
#include <future>
#include <thread>

#include <ironjar/httplib.hpp>
#include <ironjar/testing/provider.hpp>
#include <ironjar/testing/transport_probe.hpp>

using namespace ironjar;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t mebibyte = 1024 * 1024;

// What a peer may only send once the test has seen what came before.
class Steps {
 public:
  bool wait(std::size_t step) { return steps_[step].get_future().wait_for(10s) == std::future_status::ready; }
  void allow(std::size_t step) { steps_[step].set_value(); }

 private:
  std::promise<void> steps_[3];
};

using ApiPeer = ironjar::testing::detail::Peer;

// A site that passes /api on to an API on a port of its own, for visitors who are signed in.
struct Passing {
  explicit Passing(ApiPeer::Script script, std::size_t maxReplayBody = mebibyte, HardenedServerOptions hardening = {})
      : api(std::move(script)), hardened(web.server, std::move(hardening)) {
    const std::string origin = "http://127.0.0.1:" + std::to_string(api.port());
    const Transport sockets = httplibTransport({.idleTimeout = 100ms});
    proxy(hardened, "/api", jar,
          Fetcher({.transport =
                       [this, origin, sockets](const Request& request, Deadline deadline) {
                         const bool isApis = request.url.starts_with(origin);
                         return isApis ? sockets(request, deadline) : provider.transport()(request, deadline);
                       },
                   .allowedOrigins = {origin},
                   .allowHttpOnLoopback = true,
                   .tokenEndpoint = {.url = provider.tokenUrl(), .clientAuth = basicAuth("web", support::clientSecret)},
                   .maxReplayBody = maxReplayBody}),
          origin);
    web.start();
    Session visitor;
    visitor.setTokens(provider.login());
    const std::string line = jar.commit(visitor)->at(0);
    cookie = "Cookie: " + line.substr(0, line.find(';')) + "\r\n";
  }

  [[nodiscard]] std::string head(const std::string& method, const std::string& target, const std::string& fields = "",
                                 const std::string& version = "HTTP/1.1") const {
    const std::string line = method + " " + target + " " + version + "\r\nHost: 127.0.0.1\r\n";
    return line + "X-Requested-With: x\r\n" + cookie + fields + "\r\n";
  }
  // The whole answer to bytes that are sent as they are.
  [[nodiscard]] std::string send(const std::string& bytes) const {
    const support::RawClient client(web.port());
    static_cast<void>(client.send(bytes));
    return client.receive(10s);
  }

  testing::Provider provider;
  ApiPeer api;
  const SessionJar jar = SessionJar({.cookieName = "sid", .passwords = support::password});
  support::Running<> web;
  HardenedServer hardened;
  std::string cookie;
};

std::string bodyOf(const std::string& answer) { return answer.substr(answer.find("\r\n\r\n") + 4); }

// Answers each request with its body.
void echo(ApiPeer::Connection& connection) {
  while (const auto request = connection.readRequest()) {
    connection.put(testing::detail::answerWith(request->body, "Content-Type: application/x-echo\r\n"));
  }
}

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
    std::string answer = chunkedAnswer;
    if (request->head.find(" /events") == std::string::npos)
      answer.replace(answer.find("text/event-stream"), 17, "text/plain");
    connection.put(answer + chunkOf("ab") + chunkOf("cd"));
    if (request->head.find("cut") == std::string::npos) connection.put("0\r\n\r\n");
  });
  CHECK(bodyOf(passing.send(passing.head("GET", "/api/text"))).ends_with("0\r\n\r\n"));
  CHECK_FALSE(bodyOf(passing.send(passing.head("GET", "/api/text/cut"))).ends_with("0\r\n\r\n"));
  const std::string old = passing.send(passing.head("GET", "/api/text", "", "HTTP/1.0"));
  CHECK(old.find("\r\nContent-Length: 4\r\n") != std::string::npos);
  CHECK(bodyOf(old) == "abcd");
  CHECK(passing.send(passing.head("GET", "/api/text/cut", "", "HTTP/1.0")).starts_with("HTTP/1.1 502"));
  const std::string events = passing.send(passing.head("GET", "/api/events", "", "HTTP/1.0"));
  CHECK(events.find("Content-Length") == std::string::npos);
  CHECK(events.find("Transfer-Encoding") == std::string::npos);
  CHECK(bodyOf(events) == "abcd");
}

TEST_CASE("uploads reach the API byte for byte, whatever they are, framed as they came") {
  const std::string multipart = "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a\"\r\n\r\n" +
                                std::string("\0\r\n--", 5) + "\r\n--b--\r\n";
  for (const std::size_t maxReplayBody : {std::size_t{0}, std::size_t{1024 * 1024}}) {
    Passing passing(echo, maxReplayBody, {.maxBodySize = 100});
    for (const std::string fields :
         {"Content-Type: multipart/form-data; boundary=b\r\n", "Content-Encoding: gzip\r\n", "Content-Encoding: br\r\n",
          "Content-Type: application/x-www-form-urlencoded\r\nExpect: 100-continue\r\n"}) {
      for (const std::string method : {"POST", "PUT", "PATCH", "DELETE"}) {
        for (const std::string& body : {multipart, std::string("x"), std::string(100'000, 'x')}) {
          CAPTURE(fields);
          const std::string length = "Content-Length: " + std::to_string(body.size()) + "\r\n";
          std::string answer = passing.send(passing.head(method, "/api/x", fields + length) + body);
          if (answer.starts_with("HTTP/1.1 100")) answer = bodyOf(answer);
          CHECK(answer.starts_with("HTTP/1.1 200"));
          CHECK(bodyOf(answer) == body);
          const std::string seen = passing.api.seen().back().head;
          CHECK(testing::detail::fieldsOf(seen, "content-length") == std::vector{std::to_string(body.size())});
          const std::string type = fields.substr(0, fields.find("\r\n") + 2);
          CHECK(seen.find(type) != std::string::npos);
        }
      }
    }
    const std::string chunked = "Transfer-Encoding: chunked\r\nContent-Type: multipart/form-data; boundary=b\r\n";
    const std::string sent =
        chunkOf(multipart) + "1;a=b\r\nx\r\n" + chunkOf(std::string(100'000, 'y')) + "0\r\nX: y\r\n\r\n";
    const std::string answer = passing.send(passing.head("POST", "/api/x", chunked) + sent);
    CHECK(bodyOf(answer) == multipart + "x" + std::string(100'000, 'y'));
    CHECK(testing::detail::fieldsOf(passing.api.seen().back().head, "transfer-encoding") ==
          std::vector<std::string>{"chunked"});
    CHECK(passing.api.seen().back().head.find("X: y") == std::string::npos);
  }
}

TEST_CASE("a body that is malformed, cut or none that may be there does not reach the API as a whole one") {
  Passing passing(echo);
  const std::string chunked = "Transfer-Encoding: chunked\r\n";
  for (const std::string body :
       {"3\r\nabcd\r\n0\r\n\r\n", "0x3\r\nabc\r\n0\r\n\r\n", "-1\r\nabc\r\n0\r\n\r\n", "\r\n0\r\n\r\n",
        "3\nabc\r\n0\r\n\r\n", "ffffffffffffffff\r\nabc", " 3\r\nabc\r\n0\r\n\r\n", "0\r\nX: y\n\r\n\r\n"}) {
    CAPTURE(body);
    CHECK(passing.send(passing.head("POST", "/api/x", chunked) + body).starts_with("HTTP/1.1 400"));
  }
  CHECK(passing.send(passing.head("POST", "/api/x", chunked) + "1;" + std::string(9000, 'x'))
            .starts_with("HTTP/1.1 400"));
  const std::string manyDigits = "Content-Length: 00000000000000000005\r\n";
  CHECK(passing.send(passing.head("POST", "/api/x", manyDigits) + "hello").starts_with("HTTP/1.1 400"));
  CHECK(passing.send(passing.head("GET", "/api/x", "Content-Length: 1\r\n") + "x").starts_with("HTTP/1.1 400"));
  for (const std::string& bytes :
       {passing.head("POST", "/api/x", chunked) + "3\r\nab",
        passing.head("POST", "/api/x", "Content-Length: 2000000\r\n") + std::string(50'000, 'x'),
        passing.head("POST", "/api/x", "Content-Length: 2\r\n") + "x"}) {
    const support::RawClient client(passing.web.port());
    client.send(bytes);
    client.endSending();
    CHECK_FALSE(client.receive(10s).starts_with("HTTP/1.1 200"));
  }
  CHECK(passing.api.waitUntilClosed(10s));
  for (const auto& request : passing.api.seen()) CHECK_FALSE(request.complete);
}

TEST_CASE("an upload that cannot be sent again is marked as one: the cookie is new, and the next one succeeds") {
  const std::string upload(100'000, 'x');
  const std::string length = "Content-Length: " + std::to_string(upload.size()) + "\r\n";
  for (const std::size_t maxReplayBody : {std::size_t{1000}, std::size_t{1024 * 1024}}) {
    std::atomic<int> refusals = 1;
    Passing passing(
        [&](ApiPeer::Connection& connection) {
          while (const auto request = connection.readRequest()) {
            connection.put(refusals-- > 0 ? "HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno"
                                          : testing::detail::answerWith(std::to_string(request->body.size())));
          }
        },
        maxReplayBody);
    const std::string answer = passing.send(passing.head("POST", "/api/x", length) + upload);
    CHECK(answer.starts_with(maxReplayBody > upload.size() ? "HTTP/1.1 200" : "HTTP/1.1 401"));
    CHECK(answer.find("\r\nSet-Cookie: sid=") != std::string::npos);
    CHECK(bodyOf(answer) == (maxReplayBody > upload.size() ? "100000" : "no"));
    CHECK(bodyOf(passing.send(passing.head("POST", "/api/x", length) + upload)) == "100000");
  }
}

TEST_CASE("an API that answers before it has read an upload is heard, and what follows runs as no request") {
  std::atomic<int> connections = 0;
  Passing passing([&](ApiPeer::Connection& connection) {
    ++connections;
    connection.put("HTTP/1.1 413 Content Too Large\r\nContent-Length: 5\r\nConnection: close\r\n\r\nlarge");
    connection.waitUntilLeft(10s);
  });
  passing.web.server.set_keep_alive_max_count(5);  // as an application may
  const std::string smuggled = passing.head("GET", "/api/smuggled");
  for (const std::size_t size : {std::size_t{2} * mebibyte, std::size_t{20} * mebibyte}) {
    std::string body(size, 'x');
    for (std::size_t at = 0; at + smuggled.size() < size; at += smuggled.size())
      body.replace(at, smuggled.size(), smuggled);
    const support::RawClient client(passing.web.port());
    std::thread sending([&] {
      client.send(passing.head("POST", "/api/x", "Content-Length: " + std::to_string(size) + "\r\n") + body);
    });
    std::string answer;
    for (std::string piece; !answer.ends_with("large") && !(piece = client.receiveSome(10s)).empty();) answer += piece;
    CHECK(answer.starts_with("HTTP/1.1 413"));
    if (size > 10 * mebibyte) CHECK(client.receive(10s) == "");  // closed: nothing of it was served
    sending.join();
  }
  CHECK(connections == 2);
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
  const auto get = [&](const std::string& path) {
    const support::RawClient client(web.port());
    client.send("GET " + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
    return client.receive(10s);
  };
  CHECK(bodyOf(get("/async")) == "1\r\na\r\n1\r\nb\r\n0\r\n\r\n");
  CHECK(get("/async").find("\r\nSet-Cookie: sid=") != std::string::npos);
  CHECK(bodyOf(get("/short")) == "ab");
  CHECK(bodyOf(get("/long")) == "ab");
  CHECK(bodyOf(get("/throws")) == "");
  CHECK(get("/none").starts_with("HTTP/1.1 204"));
  CHECK(get("/wrong").starts_with("HTTP/1.1 500"));
}
