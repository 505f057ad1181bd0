#include "support/support.hpp"

#include <pthread.h>
#include <string>
#include <string_view>

#include <ironjar/http1.hpp>

namespace http1_test {

using namespace ironjar;
using namespace std::chrono_literals;
using support::errorOf;

namespace {

struct Read {
  std::optional<Errc> error;
  bool complete = false;
  bool mayKeep = false;
  Response response = {};
};

// In two pieces, cut at `cut`; then, unless `open`, the peer closes.
Read readIn2(std::string_view text, std::size_t cut, std::string_view method, const ResponseLimits& limits, bool open) {
  ResponseReader reader(method, limits);
  std::optional<Error> problem = reader.read(text.substr(0, cut));
  if (!problem) problem = reader.read(text.substr(cut));
  if (!problem && !open && !reader.complete()) problem = reader.end();
  Read read{.error = std::nullopt, .complete = reader.complete(), .mayKeep = reader.mayKeep()};
  if (problem) read.error = problem->code;
  if (read.complete) read.response = reader.take();
  return read;
}

// The same however it is cut.
Read read(std::string_view text, std::string_view method = "GET", const ResponseLimits& limits = {},
          bool open = false) {
  Read whole = readIn2(text, 0, method, limits, open);
  for (std::size_t cut = 1; cut < std::min<std::size_t>(text.size(), 400); ++cut) {
    const Read other = readIn2(text, cut, method, limits, open);
    REQUIRE(other.error == whole.error);
    REQUIRE(other.mayKeep == whole.mayKeep);
    REQUIRE(other.response.body == whole.response.body);
    REQUIRE(other.response.headers == whole.response.headers);
  }
  return whole;
}

std::string repeated(std::string_view text, std::size_t size) {
  std::string out;
  while (out.size() < size) out += text;
  return out;
}

}  // namespace

TEST_CASE("a response is read to the end that its length, its chunks or the close tell") {
  const Read sized = read("HTTP/1.1 200 OK\r\nX-A: 1\r\nx-a:\t2 \r\nContent-Length: 3\r\n\r\nabc");
  CHECK(sized.response.status == 200);
  CHECK(sized.response.headers == Headers{{"X-A", "1"}, {"x-a", "2"}, {"Content-Length", "3"}});
  CHECK(sized.response.body == "abc");
  CHECK(sized.mayKeep);
  const Read chunked = read(
      "HTTP/1.1 404 \r\nTransfer-Encoding: Chunked\r\n\r\n"
      "3;a=\"b\"\r\nabc\r\n0B \r\n-de\r\n\r\nfghi\r\n000\r\nTrailer: 1\r\n\r\n");
  CHECK(chunked.response.status == 404);
  CHECK(chunked.response.body == "abc-de\r\n\r\nfghi");
  CHECK(chunked.mayKeep);
  CHECK_FALSE(findHeader(chunked.response.headers, "Trailer"));
  const Read closed = read("HTTP/1.0 200\r\n\r\nabc");
  CHECK(closed.response.body == "abc");
  CHECK_FALSE(closed.mayKeep);
  CHECK(read("HTTP/1.1 200 OK\nContent-Length: 1\n\nx").response.body == "x");
}

TEST_CASE("a body is taken in pieces as they come, whatever it has in all") {
  ResponseReader reader("GET", {.maxBodySize = 4});
  CHECK_FALSE(reader.read("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"));
  CHECK_FALSE(reader.hasHead());
  CHECK_FALSE(reader.read("\r\n2\r\nab"));
  REQUIRE(reader.hasHead());
  const Response head = reader.takeHead();
  CHECK(head.status == 200);
  CHECK(head.headers == Headers{{"Transfer-Encoding", "chunked"}});
  CHECK(head.body == "ab");
  CHECK(reader.takeBody() == "");
  CHECK_FALSE(reader.read("\r\n4\r\ncdef\r\n"));
  CHECK(reader.takeBody() == "cdef");
  CHECK_FALSE(reader.complete());
  CHECK_FALSE(reader.read("0\r\nTrailer: 1\r\n\r\n"));
  CHECK(reader.takeBody() == "");
  CHECK(reader.mayKeep());
}

TEST_CASE("interim responses are skipped, folded lines joined, and what is no field left out") {
  const Read interim = read(
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: x\r\n\r\n"
      "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  CHECK(interim.response.headers == Headers{{"Content-Length", "0"}});
  CHECK(interim.mayKeep);
  CHECK(read("HTTP/1.1 100 Continue\r\n\r\n").error == Errc::transport);
  CHECK(read("HTTP/1.1 101 Switching Protocols\r\n\r\n").error == Errc::transport);
  std::string text =
      "HTTP/1.1 200 OK\r\n lost\r\nA: 1\r\n 2\r\n\t3\r\nNone\r\nB b: 1\r\n folded\r\n: x\r\nC: a@b\r\n"
      "D: a\rSet-Cookie: x\r\nE: 1\r\n f\x01\r\n g\r\nF: %0d%0a\r\n\r\n";
  text[text.find('@')] = '\0';
  const Read odd = read(text);
  CHECK(odd.response.headers == Headers{{"A", "1 2 3"}, {"F", "%0d%0a"}});
}

TEST_CASE("V02 a connection is kept only when the response ended where it said, and nobody wants to close") {
  const auto mayKeep = [](const std::string& text, std::string_view method = "GET") {
    return read(text, method).mayKeep;
  };
  const std::string ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n";
  CHECK(mayKeep(ok + "\r\nok"));
  CHECK_FALSE(mayKeep(ok + "\r\nok!"));
  CHECK_FALSE(mayKeep(ok + "\r\nokHTTP/1.1 200 OK\r\n\r\n"));
  CHECK_FALSE(mayKeep(ok + "Connection: close\r\n\r\nok"));
  CHECK_FALSE(mayKeep(ok + "Connection: keep-alive, CLOSE\r\n\r\nok"));
  CHECK_FALSE(mayKeep(ok + "Connection: x\r\nConnection: close\r\n\r\nok"));
  CHECK_FALSE(mayKeep(ok + "Content-Length: 2\r\n\r\nok"));
  CHECK_FALSE(mayKeep(ok + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"));
  CHECK_FALSE(mayKeep("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok"));
  CHECK_FALSE(mayKeep(ok + "\r\n", "HEAD"));
  CHECK_FALSE(mayKeep("HTTP/1.1 304 Not Modified\r\n\r\n"));
  CHECK_FALSE(mayKeep("HTTP/1.1 204 No Content\r\n\r\n"));
  CHECK_FALSE(mayKeep("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n\r\n"));
}

TEST_CASE("V02 what contradicts itself, or ends too early, is no response") {
  for (const char* head :
       {"Content-Length: -1", "Content-Length: +2", "Content-Length: 0x2", "Content-Length: %32",
        "Content-Length: 2, 3", "Content-Length: 2\r\nContent-Length: 3", "Content-Length:", "Content-Length: 2 2",
        "Content-Length: 99999999999999999999", "Content-Length: 3", "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: chunked, chunked", "Transfer-Encoding: identity", "Transfer-Encoding: chunked"}) {
    CAPTURE(head);
    CHECK(read("HTTP/1.1 200 OK\r\n" + std::string(head) + "\r\n\r\nok").error == Errc::transport);
  }
  for (const char* chunks : {"2\r\nok", "2\r\nok0\r\n\r\n", "2\r\nok\r\n", "2\r\nok\r\n0\r\n", "-1\r\n", "0x0\r\n\r\n",
                             "\r\n", "ffffffffffffffffff\r\n", "2\r\nokay\r\n0\r\n\r\n", " ;\r\n"}) {
    CAPTURE(chunks);
    CHECK(read("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + std::string(chunks)).error == Errc::transport);
  }
  for (const char* begin :
       {"", "\r\n", "HTTP/1.1", "HTTP/1.1 20\r\n", "HTTP/1.1 2000\r\n", "HTTP/2 200 OK\r\n", "HTTP/1.1 099 X\r\n",
        "HTTP/1.1  200 OK\r\n", "http/1.1 200 OK\r\n", "ICY 200 OK\r\n", "HTTP/1.1 -20 OK\r\n", "nonsense\r\n"}) {
    CAPTURE(begin);
    CHECK(read(begin + std::string("\r\n")).error == Errc::transport);
  }
}

TEST_CASE("V17 whatever never ends is cut at its limit") {
  constexpr std::size_t endless = 400'000;
  const ResponseLimits limits{.maxHeadSize = 1000, .maxBodySize = 1000};
  const std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::string tiny = "1\r\nx\r\n";
  const std::vector<std::pair<std::string, std::string>> attacks = {{"HTTP/1.1 200 ", "x"},
                                                                    {"HTTP/1.1 200 OK\r\n", "X-Many: 1\r\n"},
                                                                    {"HTTP/1.1 200 OK\r\nX-Long: ", "x"},
                                                                    {"HTTP/1.1 200 OK\r\n", " x\r\n"},
                                                                    {"", "HTTP/1.1 100 Continue\r\n\r\n"},
                                                                    {"", "HTTP/1.1 103 Hints\r\nA: 1\r\n\r\n"},
                                                                    {chunked, "0"},
                                                                    {chunked + "1;", "x"},
                                                                    {chunked + tiny + "1;", "x"},
                                                                    {chunked + "0\r\n", "A: 1\r\n"},
                                                                    {chunked + "0\r\n", "x"},
                                                                    {chunked + "1\r\nx", "\r"}};
  for (const auto& attack : attacks) {
    const std::string& begin = attack.first;
    CAPTURE(begin);
    ResponseReader reader("GET", limits);
    const std::string text = begin + repeated(attack.second, endless);
    std::size_t taken = 0;
    std::optional<Error> problem;
    for (; taken < text.size() && !problem; taken += 100)
      problem = reader.read(std::string_view(text).substr(taken, 100));
    REQUIRE(problem);
    CHECK(problem->code == Errc::transport);
    CHECK(taken <= 1400);
  }
  CHECK(read(chunked + repeated(tiny, endless), "GET", limits).error == Errc::tooLarge);
  CHECK(read(chunked + repeated(tiny, 6 * 1000) + "0\r\n\r\n", "GET", limits).response.body.size() == 1000);
  CHECK(read("HTTP/1.1 200 OK\r\n\r\n" + std::string(1001, 'x'), "GET", limits).error == Errc::tooLarge);
  CHECK(read("HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n", "GET", limits).error == Errc::tooLarge);
  CHECK(read(chunked + "3e9\r\n", "GET", limits).error == Errc::tooLarge);
}

TEST_CASE("V13 a long status line takes no stack") {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 128 * 1024);
  const auto attack = [](void*) -> void* {
    static const std::string text = "HTTP/1.1 200 " + std::string(60'000, 'a') + "\r\nContent-Length: 0\r\n\r\n";
    static ResponseReader reader("GET");
    return !reader.read(text) && reader.complete() ? &reader : nullptr;
  };
  pthread_t thread{};
  REQUIRE(pthread_create(&thread, &attributes, attack, nullptr) == 0);
  void* good = nullptr;
  pthread_join(thread, &good);
  pthread_attr_destroy(&attributes);
  CHECK(good != nullptr);
}

TEST_CASE("a connection leaves HTTP for the protocol that was asked for, and for no other") {
  const HttpTarget target = readTarget("http://h/").value();
  const Request ask{
      .url = "http://h/", .headers = {{"Upgrade", "h2c"}, {"Connection", "close"}}, .upgrade = "websocket"};
  const std::string head = requestHead(ask, target, AfterResponse::switchProtocols).value();
  CHECK(head.ends_with("\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"));
  CHECK(head.find("h2c") == std::string::npos);
  CHECK(requestHead(ask, target, AfterResponse::closeConnection)->find("Upgrade") == std::string::npos);
  for (const char* protocol : {"", "a b", "websocket\r\nX: y"}) {
    const Request other{.url = "http://h/", .upgrade = protocol};
    CHECK(errorOf(requestHead(other, target, AfterResponse::switchProtocols)) == Errc::malformed);
  }

  const std::string status = "HTTP/1.1 101 Switching Protocols\r\n";
  ResponseReader reader("GET", {}, "websocket");
  CHECK_FALSE(reader.read("HTTP/1.1 103 Early Hints\r\n\r\n" + status));
  CHECK_FALSE(reader.hasHead());
  CHECK_FALSE(reader.read("upgrade: WebSocket\r\nConnection: x, upgrade\r\nContent-Length: 2\r\n\r\nHTTP/1.1 200"));
  REQUIRE(reader.hasHead());
  CHECK(reader.takeHead().body == "HTTP/1.1 200");
  CHECK_FALSE(reader.read("\r\n\r\n"));
  CHECK(reader.takeBody() == "\r\n\r\n");
  CHECK_FALSE(reader.complete());
  CHECK_FALSE(reader.end());
  CHECK(reader.complete());
  CHECK_FALSE(reader.mayKeep());
  for (const char* fields :
       {"", "Upgrade: websocket\r\n", "Connection: Upgrade\r\n", "Upgrade: h2c\r\nConnection: Upgrade\r\n",
        "Upgrade: websocket, h2c\r\nConnection: Upgrade\r\n", "Upgrade: websocket\r\nConnection: Upgrades\r\n",
        "Upgrade: websocket\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n"}) {
    CAPTURE(fields);
    ResponseReader strict("GET", {}, "websocket");
    const auto problem = strict.read(status + fields + "\r\n");
    CHECK((problem && problem->code == Errc::transport));
  }
  CHECK(read(status + "Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n").error == Errc::transport);

  const Response response{.status = 101,
                          .headers = {{"X", "y"}, {"Content-Length", "9"}},
                          .body = "body",
                          .upgraded = std::make_shared<Upgraded>(Upgraded{.protocol = "websocket"})};
  const AnsweredRequest asked{.after = AfterResponse::switchProtocols};
  const ResponseHead answer = responseHead(response, asked, "Switching Protocols").value();
  CHECK(answer.framing == BodyFraming::none);
  CHECK(answer.text.starts_with(status + "X: y\r\n"));
  CHECK(answer.text.ends_with("\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"));
  CHECK(answer.text.find("Content-Length") == std::string::npos);
  CHECK(errorOf(responseHead(response, {})) == Errc::malformed);
  CHECK(errorOf(responseHead({.status = 101}, asked)) == Errc::malformed);
  CHECK(responseHead({.status = 500}, asked)->text.find("\r\nConnection: close\r\n") != std::string::npos);
}

TEST_CASE("a response's head says how its body follows") {
  const auto framed = [](const Response& response, const AnsweredRequest& request) {
    const auto head = responseHead(response, request, "Reason").value();
    CHECK(head.text.ends_with("\r\n\r\n"));
    CHECK(head.text.find("\r\nDate: ") != std::string::npos);
    const auto has = [&](std::string_view what) { return head.text.find(what) != std::string::npos; };
    return std::string(head.framing == BodyFraming::none      ? "none"
                       : head.framing == BodyFraming::length  ? "length"
                       : head.framing == BodyFraming::chunked ? "chunked"
                                                              : "close") +
           (has("Content-Length: 4\r\n")   ? " 4"
            : has("Content-Length: 0\r\n") ? " 0"
                                           : "") +
           (has("Transfer-Encoding: chunked\r\n") ? " te" : "") + (has("Connection: close\r\n") ? " ends" : "") +
           (has("Connection: keep-alive\r\n") ? " stays" : "");
  };
  const Response whole{.status = 200, .headers = {{"content-length", "9"}, {"Connection", "x"}}, .body = "body"};
  const Response empty{.status = 200};
  const Response flowing{.status = 200, .bodyReader = [] { return std::string(); }};
  const AnsweredRequest old{.isHttp11 = false};
  CHECK(framed(whole, {}) == "length 4");
  CHECK(framed(empty, {}) == "length 0");
  CHECK(framed(flowing, {}) == "chunked te");
  CHECK(framed(whole, {.after = AfterResponse::closeConnection}) == "length 4 ends");
  CHECK(framed(whole, old) == "length 4 stays");
  CHECK(framed(flowing, old) == "close ends");
  CHECK(framed(whole, {.method = "HEAD"}) == "none 4");
  CHECK(framed(empty, {.method = "HEAD"}) == "none");
  CHECK(framed(flowing, {.method = "HEAD"}) == "none");
  for (const int status : {204, 304}) CHECK(framed({.status = status, .body = "body"}, {}) == "none");
  for (const int status : {0, 42, 100, 103, 1000})
    CHECK(errorOf(responseHead({.status = status}, {})) == Errc::malformed);
  CHECK(errorOf(responseHead({.status = 200, .headers = {{"X", "a\r\nY: b"}}}, {})) == Errc::malformed);
  CHECK(errorOf(responseHead({.status = 200, .headers = {{"a b", "c"}}}, {})) == Errc::malformed);
  CHECK(errorOf(responseHead(empty, {}, "a\nb")) == Errc::malformed);
  CHECK(chunkOf("") == "0\r\n\r\n");
  CHECK(chunkOf("abc") == "3\r\nabc\r\n");
  CHECK(chunkOf(std::string(255, 'x')).starts_with("ff\r\n"));
  for (const std::string& piece : {std::string(), std::string("abc"), std::string(4096, 'x')})
    CHECK(chunkOf(piece) == ironjar::chunkHead(piece.size()) + piece + std::string(ironjar::chunkTail));
}

TEST_CASE("what a chunk's first line and a Content-Length say") {
  CHECK(chunkSizeIn("a") == 10U);
  CHECK(chunkSizeIn("1F \t;a=\"b\"") == 31U);
  for (const char* line : {"", ";a", "0x1", "-1", "+1", "1 2", "1g", "10000000000000000"}) {
    CAPTURE(line);
    CHECK_FALSE(chunkSizeIn(line));
  }
  CHECK(contentLengthIn("0") == 0U);
  CHECK(contentLengthIn("999999999999999999") == 999'999'999'999'999'999U);
  for (const char* value : {"", "+1", "-1", " 1", "1 ", "1,1", "0x1", "1000000000000000000"}) {
    CAPTURE(value);
    CHECK_FALSE(contentLengthIn(value));
  }
}

}  // namespace http1_test
