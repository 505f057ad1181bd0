// Bodies that flow up through an httplib server's proxy, hostile ones included.
#include "support/passing.hpp"

#include <atomic>
#include <stdexcept>
#include <thread>

namespace httplib_proxy_upload_test {

using namespace ironjar;
using namespace std::chrono_literals;
using support::ApiPeer;
using support::bodyOf;
using support::mebibyte;
using support::Passing;

namespace {

// Answers each request with its body.
void echo(ApiPeer::Connection& connection) {
  while (const auto request = connection.readRequest()) {
    connection.put(testing::detail::answerWith(request->body, "Content-Type: application/x-echo\r\n"));
  }
}

}  // namespace

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
        "3\nabc\r\n0\r\n\r\n", "ffffffffffffffff\r\nabc", " 3\r\nabc\r\n0\r\n\r\n", "3 4\r\nabc\r\n0\r\n\r\n",
        "0000000000000003\r\nabc\r\n0\r\n\r\n", "0\r\nX: y\n\r\n\r\n"}) {
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

TEST_CASE("what throws behind a half-read upload is a 500, and what follows runs as no request") {
  std::atomic<int> connections = 0;
  Passing passing(
      [&](ApiPeer::Connection& connection) {
        ++connections;
        connection.put("HTTP/1.1 413 Content Too Large\r\nContent-Length: 5\r\nConnection: close\r\n\r\nlarge");
        connection.waitUntilLeft(10s);
      },
      0, {.onException = [](const auto&, auto& response, auto) { response.set_header("X-Own", "1"); }},
      [](const Response&) -> bool { throw std::runtime_error("hook"); });
  passing.web.server.set_keep_alive_max_count(100);  // as an application may
  const std::string smuggled = passing.head("GET", "/api/smuggled");
  std::string body;
  while (body.size() < 20 * mebibyte) body += smuggled;
  const support::RawClient client(passing.web.port());
  std::thread sending([&] {
    client.send(passing.head("POST", "/api/x", "Content-Length: " + std::to_string(body.size()) + "\r\n") + body);
  });
  std::string answer;
  for (std::string piece; answer.find("internal_error") == answer.npos && !(piece = client.receiveSome(10s)).empty();)
    answer += piece;
  CHECK(answer.starts_with("HTTP/1.1 500"));
  CHECK(answer.find("X-Own: 1\r\n") != std::string::npos);
  CHECK(client.receive(10s).find("HTTP/1.1") == std::string::npos);
  sending.join();
  CHECK(connections == 1);
}

TEST_CASE("a body that a GET or HEAD has runs as no request") {
  std::atomic<int> connections = 0;
  Passing passing([&](ApiPeer::Connection& connection) {
    ++connections;
    echo(connection);
  });
  passing.web.server.set_keep_alive_max_count(5);  // as an application may
  const std::string smuggled = passing.head("GET", "/api/smuggled");
  for (const std::string method : {"GET", "HEAD"}) {
    for (const std::string& fields : {"Content-Length: " + std::to_string(smuggled.size()) + "\r\n",
                                      std::string("Transfer-Encoding: chunked\r\n")}) {
      CAPTURE(method);
      CAPTURE(fields);
      const support::RawClient client(passing.web.port());
      client.send(passing.head(method, "/api/x", fields));
      CHECK(client.receiveSome(10s).starts_with("HTTP/1.1 400"));
      client.send(smuggled);
      CHECK(client.receive(10s).find("HTTP/1.1 200") == std::string::npos);
    }
  }
  CHECK(connections == 0);
}

TEST_CASE("an upload takes longer than the timeout, as long as it comes; a client that stops ends it") {
  Passing passing(echo, 0, {}, {}, Seconds{2});
  const std::string piece(std::size_t{16} * 1024, 'x');
  const std::size_t size = 13 * piece.size();
  const std::string head = passing.head("POST", "/api/x", "Content-Length: " + std::to_string(size) + "\r\n");
  const support::RawClient client(passing.web.port());
  client.send(head);
  for (int sent = 0; sent < 13; ++sent) {
    if (sent > 0) std::this_thread::sleep_for(250ms);
    client.send(piece);
  }
  std::string answer;
  for (std::string more; !(more = client.receiveSome(10s)).empty();) {
    answer += more;
    if (answer.starts_with("HTTP/1.1 200") && bodyOf(answer).size() == size) break;
  }
  CHECK(answer.starts_with("HTTP/1.1 200"));

  const support::RawClient stopped(passing.web.port());
  stopped.send(head + piece);
  CHECK_FALSE(stopped.receive(20s).starts_with("HTTP/1.1 200"));
}

TEST_CASE("who sends a body that nobody wants byte by byte is answered all the same") {
  Passing passing(echo);
  const support::RawClient client(passing.web.port());
  client.send("POST /api/x HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: http://evil.example\r\nContent-Length: 1000\r\n\r\n");
  std::string answer;
  for (int sent = 0; answer.empty() && sent < 100 && client.send("x"); ++sent) answer = client.receiveSome(100ms);
  CHECK(answer.starts_with("HTTP/1.1 403"));
}

TEST_CASE("a piece of a body is not waited for without end, and what reading throws leaves the request as it was") {
  httplib::Request request;
  request.headers = {{"Content-Length", "1000"}, {"X-Own", "1"}};
  int bytes = 0;
  const httplib::ContentReader slow(
      [&](const httplib::ContentReceiver& receive) {
        while (bytes < 1000 && receive("x", 1)) ++bytes;
        return bytes == 1000;
      },
      {});
  detail::RequestBody late(request, &slow, mebibyte, {.piece = 0ms, .rest = 0ms});
  CHECK(support::errorOf(late.next()) == Errc::timeout);
  CHECK(bytes < 10);
  CHECK_FALSE(late.finish());

  // Bytes of a body in chunks, as many at a time as are asked for, with a pause before each.
  const auto chunks = [&](const std::string& chunk) {
    return httplib::ContentReader(
        [&request, chunk, sent = std::make_shared<std::string>()](const httplib::ContentReceiver& receive) {
          std::this_thread::sleep_for(10ms);
          const std::size_t size = std::stoul(request.get_header_value("Content-Length"));
          while (sent->size() < size) *sent += chunk;
          const std::string next = sent->substr(0, size);
          sent->erase(0, size);
          return receive(next.data(), next.size());
        },
        {});
  };
  request.headers = {{"Transfer-Encoding", "chunked"}};
  const detail::BodyTimes patient{.piece = 1h, .spare = 500ms, .rest = 0ms};
  const auto small = chunks("1\r\nx\r\n");
  detail::RequestBody trickle(request, &small, mebibyte, patient);
  Result<std::string> piece = std::string();
  int pieces = 0;
  while (pieces < 1000 && (piece = trickle.next())) ++pieces;
  CHECK(support::errorOf(piece) == Errc::timeout);
  CHECK(pieces < 40);
  const auto large = chunks(chunkOf(std::string(std::size_t{16} * 1024, 'x')));
  detail::RequestBody flow(request, &large, mebibyte, {.piece = 1h, .spare = 2s, .rest = 0ms});
  for (pieces = 0; pieces < 30; ++pieces) CHECK(flow.next());  // for longer than there is to spare

  request.headers = {{"Content-Length", "1000"}, {"X-Own", "1"}};
  const httplib::ContentReader throwing([](const auto&) -> bool { throw std::runtime_error("read"); }, {});
  detail::RequestBody thrown(request, &throwing, mebibyte);
  CHECK_THROWS_AS(static_cast<void>(thrown.next()), std::runtime_error);
  CHECK(request.get_header_value("X-Own") == "1");
  CHECK(request.get_header_value("Content-Length") == "1000");
}

}  // namespace httplib_proxy_upload_test
