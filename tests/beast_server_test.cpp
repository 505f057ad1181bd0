// What stands between the network and a handler at a Beast server: framing, limits, times, bodies.
#include "support/beast_site.hpp"
#include "support/smuggling.hpp"

#include <algorithm>
#include <atomic>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/http/string_body.hpp>

namespace beast_server_test {

using namespace ironjar;
using namespace std::chrono_literals;
using support::answersIn;
using support::BeastSite;
using support::RawClient;
namespace asio = boost::asio;
namespace http = boost::beast::http;
using Answer = asio::awaitable<BeastAnswer>;

namespace {

BeastSite::Handler echo() {
  return [](BeastRequest& request) -> Answer {
    if (auto problem = co_await request.readBody()) co_return answerForBody(*problem);
    co_return Response{.status = 200, .body = std::string(request.web().body)};
  };
}

const std::string get = BeastSite::text("GET", "/");

}  // namespace

TEST_CASE("V01 nothing that follows a request's head runs, unless it is a request whoever reads it") {
  std::atomic<int> logouts = 0;
  const auto handler = [&](BeastRequest& request) -> Answer {
    if (request.web().target == "/logout") ++logouts;
    co_return Response{.status = 200, .body = "page"};
  };
  BeastSite site(handler);
  for (const bool reads : {false, true}) {
    BeastSite reading(echo());
    for (const support::Vector& vector : support::vectors()) {
      CAPTURE(vector.name);
      CAPTURE(vector.head.substr(0, 200));
      const std::string answer = support::exchange(reads ? reading.port() : site.port(), vector);
      // What is read to its end may be followed by another request.
      const bool isWhole = vector.rest.ends_with("0\r\n\r\n" + support::smuggled);
      CHECK(answersIn(answer) <= (vector.isPipelined || (reads && isWhole) ? 2 : 1));
      if (vector.isPipelined || reads) continue;
      CHECK((answersIn(answer) == 0 || answer.find("Connection: close\r\n") != std::string::npos));
    }
  }
  const auto all = support::vectors();
  CHECK(logouts == std::count_if(all.begin(), all.end(), [](const auto& vector) {
          return vector.isPipelined && vector.head.find("chunked") == std::string::npos;
        }));
}

TEST_CASE("a refusal says why, and ends the connection") {
  BeastSite site(echo());
  const auto refusal = [&](const std::string& text) {
    const RawClient client(site.port());
    client.send(text);
    const std::string all = client.receive(10s);
    REQUIRE(answersIn(all) == 1);
    CHECK(all.find("Connection: close\r\n") != std::string::npos);
    CHECK(all.find("Cache-Control: no-store\r\n") != std::string::npos);
    return all.substr(9, 3) + " " + all.substr(all.find("\r\n\r\n") + 4);
  };
  CHECK(refusal("GET / HTTP/1.1\r\nHost: x\r\nX: " + std::string(20'000, 'x') + "\r\n\r\n") ==
        R"(431 {"reason":"head_too_large"})");
  CHECK(refusal("nonsense\r\n\r\n") == R"(400 {"reason":"malformed_request"})");
  CHECK(refusal("GET / HTTP/2.0\r\nHost: x\r\n\r\n") == R"(400 {"reason":"malformed_request"})");
  CHECK(refusal("GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n") == R"(400 {"reason":"malformed_request"})");
  CHECK(refusal("GET / HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\n\r\n") == R"(400 {"reason":"malformed_request"})");
  CHECK(refusal("FOO / HTTP/1.1\r\nHost: x\r\n\r\n") == R"(501 {"reason":"unknown_method"})");
  CHECK(refusal("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1048577\r\n\r\n") ==
        R"(413 {"reason":"body_too_large"})");
}

TEST_CASE("many requests on one connection, one after another and all at once") {
  BeastSite site(echo());
  const RawClient client(site.port());
  for (const std::string body : {"one", "", "three"}) {
    client.send(BeastSite::text("POST", "/", {}, body));
    CHECK(BeastSite::read(client).body == body);
  }
  client.send(
      "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nCookie: "
      "t\r\n\r\n");
  CHECK(BeastSite::read(client).body == "abcde");
  client.send(get + BeastSite::text("POST", "/", {}, "second") + BeastSite::text("GET", "/", "Connection: close\r\n"));
  const std::string all = client.receive(10s);
  CHECK(answersIn(all) == 3);
  CHECK(all.find("\r\n\r\nsecond") != std::string::npos);
}

TEST_CASE("a head is read wherever it is cut, and to the last byte of its limit") {
  BeastSite site(echo());
  const auto headOf = [](std::size_t size) {
    const std::string begin = "GET / HTTP/1.1\r\nHost: x\r\nX: ";
    return begin + std::string(size - begin.size() - 4, 'x') + "\r\n\r\n";
  };
  const BeastOptions limits;
  for (const auto& [size, status] : {std::pair(limits.maxHeadSize, 200), std::pair(limits.maxHeadSize + 1, 431)}) {
    const RawClient client(site.port());
    client.send(headOf(size));
    CHECK(BeastSite::read(client).status == status);
  }
  for (const std::size_t size : {std::size_t{60}, std::size_t{2048}, std::size_t{2050}, std::size_t{6000}}) {
    const std::string head = headOf(size);
    for (std::size_t cut = head.size() - 5; cut < head.size(); ++cut) {
      CAPTURE(size);
      CAPTURE(cut);
      const RawClient client(site.port());
      client.send(head.substr(0, cut));
      std::this_thread::sleep_for(2ms);
      client.send(head.substr(cut) + get);
      CHECK(BeastSite::read(client).status == 200);
    }
  }
}

TEST_CASE("requests that come behind a body of any size are the next ones") {
  BeastSite site(echo());
  const std::string large = "GET / HTTP/1.1\r\nHost: x\r\nX: " + std::string(15'000, 'x') + "\r\n\r\n";
  for (const std::size_t size : {1U, 16'000U, 32'768U, 100'000U}) {
    CAPTURE(size);
    const RawClient client(site.port());
    client.send(BeastSite::text("POST", "/", {}, std::string(size, 'b')) + large + get +
                BeastSite::text("POST", "/", "Connection: close\r\n", "last"));
    const std::string all = client.receive(10s);
    CHECK(answersIn(all) == 4);
    CHECK(all.ends_with("\r\n\r\nlast"));
  }
}

TEST_CASE("a trailer's fields are none of the request's") {
  BeastSite site([](BeastRequest& request) -> Answer {
    co_await request.readBody();
    co_return Response{.status = 200,
                       .body = cookieHeader(request.web()) + std::to_string(request.head().count("Cookie"))};
  });
  const RawClient client(site.port());
  client.send(
      "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nCookie: sid=evil\r\n\r\n");
  CHECK(BeastSite::read(client).body == "0");
}

TEST_CASE("what answers without a body, and HTTP/1.0") {
  BeastSite site([](BeastRequest& request) -> Answer {
    const int status = request.web().target == "/204" ? 204 : request.web().target == "/304" ? 304 : 200;
    co_return Response{.status = status, .headers = {{"X", "y"}, {"Content-Length", "9"}}, .body = "page"};
  });
  const RawClient client(site.port());
  for (const char* target : {"/204", "/304"}) {
    client.send(BeastSite::text("GET", target));
    const std::string head = client.receiveSome(10s);
    CHECK(head.ends_with("\r\n\r\n"));
    CHECK(head.find("Content-Length") == std::string::npos);
  }
  client.send(BeastSite::text("HEAD", "/"));
  const std::string head = client.receiveSome(10s);
  CHECK(head.ends_with("\r\n\r\n"));
  CHECK(head.find("Content-Length: 4\r\n") != std::string::npos);
  client.send(get);
  CHECK(BeastSite::read(client).body == "page");

  const RawClient old(site.port());
  old.send("GET / HTTP/1.0\r\n\r\n");
  const std::string whole = old.receive(10s);
  CHECK(whole.ends_with("\r\n\r\npage"));
  CHECK(whole.find("Connection: close") != std::string::npos);
  const RawClient kept(site.port());
  kept.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  CHECK(kept.receiveSome(10s).find("Connection: keep-alive") != std::string::npos);
  kept.send("GET / HTTP/1.0\r\n\r\n");
  CHECK(kept.receive(10s).ends_with("page"));
}

TEST_CASE("a response that cannot be sent is a 500, and told") {
  std::atomic<int> told = 0;
  const auto handler = [](BeastRequest& request) -> Answer {
    if (request.web().target == "/status") co_return Response{.status = 42};
    if (request.web().target == "/interim") co_return Response{.status = 103};
    co_return Response{.status = 200, .headers = {{"X", "a\r\nSet-Cookie: evil=1"}}};
  };
  BeastSite site(handler, {.onException = [&](const std::exception_ptr&) { ++told; }});
  for (const char* target : {"/", "/status", "/interim"}) {
    const Response response = site.send("GET", target);
    CHECK(response.status == 500);
    CHECK(!findHeader(response.headers, "Set-Cookie"));
  }
  CHECK(told == 3);
}

TEST_CASE("Beast's own responses are answers too") {
  BeastSite site([](BeastRequest& request) -> Answer {
    http::response<http::string_body> response(http::status::ok, request.head().version());
    response.keep_alive(request.web().target != "/last");
    response.body() = "Beast's";
    response.prepare_payload();
    co_return http::message_generator(std::move(response));
  });
  const RawClient client(site.port());
  for (const char* target : {"/", "/", "/last"}) {
    client.send(BeastSite::text("GET", target));
    CHECK(BeastSite::read(client).body == "Beast's");
  }
  CHECK(client.isClosed(10s));
}

TEST_CASE("who waits for a 100 gets it when the body is wanted, and only then") {
  BeastSite site(echo());
  const RawClient client(site.port());
  client.send("POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
  CHECK(client.receiveSome(10s) == "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("body");
  CHECK(BeastSite::read(client).body == "body");
  client.send("POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2000000\r\n\r\n");
  CHECK(client.receive(3s).starts_with("HTTP/1.1 413"));
}

TEST_CASE("V09 a body over the limit is not taken, and the answer reaches a peer that goes on sending") {
  BeastSite site(echo(), {.maxBodySize = 100'000});
  const std::string large(4'000'000, 'x');
  const auto answerTo = [&](const std::string& text) {
    const RawClient client(site.port());
    std::thread sending([&] { static_cast<void>(client.send(text)); });
    const std::string answer = client.receive(3s);
    sending.join();
    return answer;
  };
  CHECK(answerTo(BeastSite::text("POST", "/", {}, large.substr(0, 300'000))).starts_with("HTTP/1.1 413"));
  CHECK(answerTo("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n30d40\r\n" +
                 large.substr(0, 200'000) + "\r\n0\r\n\r\n")
            .starts_with("HTTP/1.1 413"));
  // A chunk's head, or a trailer, of any length is not taken either.
  CHECK(answerTo("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1;" + large.substr(0, 100'000))
            .starts_with("HTTP/1.1 400"));
  CHECK(answerTo("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: " + large.substr(0, 100'000))
            .starts_with("HTTP/1.1 400"));
}

TEST_CASE("who is slow is not waited for") {
  BeastSite site(echo(), {.timeout = 1s});
  const RawClient head(site.port());
  head.send("GET / HT");
  const RawClient body(site.port());
  body.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbo");
  CHECK(body.isClosed(4s));
  CHECK(head.isClosed(4s));
}

TEST_CASE("a body that drips is not waited for, however often a byte of it comes") {
  BeastSite site(echo(), {.timeout = 1s});
  for (const std::string framing : {"Content-Length: 1000\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n3E8\r\n"}) {
    const RawClient client(site.port());
    client.send("POST / HTTP/1.1\r\nHost: x\r\n" + framing);
    int sent = 0;
    while (sent < 100 && !client.isClosed(100ms) && client.send("x")) ++sent;
    CHECK(sent < 100);
  }
}

TEST_CASE("nobody who waits holds up others") {
  BeastSite site([](BeastRequest& request) -> Answer {
    if (request.web().target == "/slow") {
      asio::steady_timer timer(co_await asio::this_coro::executor, 4s);
      co_await timer.async_wait(asio::use_awaitable);
    }
    co_return Response{.status = 200, .body = "page"};
  });
  std::vector<std::unique_ptr<RawClient>> waiting;
  for (int n = 0; n < 100; ++n) waiting.push_back(std::make_unique<RawClient>(site.port()));
  for (const auto& client : waiting) client->send(BeastSite::text("GET", "/slow"));
  const auto begin = std::chrono::steady_clock::now();
  CHECK(site.send("GET", "/").body == "page");
  CHECK(std::chrono::steady_clock::now() - begin < 3500ms);
  for (const auto& client : waiting) CHECK(BeastSite::read(*client).body == "page");
}

TEST_CASE("limits that would serve nothing are refused") {
  asio::io_context io;
  asio::ip::tcp::acceptor acceptor(io);
  for (const BeastOptions& options :
       {BeastOptions{.maxHeadSize = 10}, BeastOptions{.maxHeadSize = 64 * 1024}, BeastOptions{.timeout = 0s}}) {
    CHECK_THROWS_AS(static_cast<void>(serveBeast(boost::beast::tcp_stream(io), echo(), options)),
                    std::invalid_argument);
    CHECK_THROWS_AS(static_cast<void>(listenBeast(acceptor, echo(), options)), std::invalid_argument);
  }
}

}  // namespace beast_server_test
