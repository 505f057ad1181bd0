// HTTP/2, by Node's server; without Node nothing is tested here, and the output says so.
#include "client.hpp"
#include "support/process.hpp"

#include <optional>
#include <thread>

namespace curl_http2_test {

using namespace ironjar;
using namespace std::chrono_literals;
using support::Asked;
using support::curlTransports;
using support::in;
using support::wordOf;

namespace {

// One, since its file is named after this process.
const support::Certificate& certificate() {
  static const support::Certificate one;
  return one;
}

class Http2Server {
 public:
  explicit Http2Server(int maxStreams = 100) {
    int ends[2] = {-1, -1};
    if (::pipe(ends) != 0) throw std::runtime_error("no pipe could be had");
    process_ = support::Process({"node", IRONJAR_HTTP2_SERVER, certificate().file.string(), std::to_string(maxStreams)},
                                ends[1]);
    ::close(ends[1]);
    char text[16] = {};
    static_cast<void>(::read(ends[0], text, sizeof text - 1) < 0);
    ::close(ends[0]);
    port_ = std::atoi(text);
  }
  [[nodiscard]] bool isThere() const { return port_ != 0; }
  [[nodiscard]] std::string url(const std::string& target) const {
    return "https://localhost:" + std::to_string(port_) + target;
  }
  [[nodiscard]] TransportOptions options() const { return {.caCertFile = certificate().file.string()}; }

 private:
  support::Process process_;
  int port_ = 0;
};

// Null, and a notice, when there is no Node.
const Http2Server* server() {
  static const Http2Server one;
  if (!one.isThere()) MESSAGE("NODE IS MISSING: HTTP/2 IS NOT TESTED");
  return one.isThere() ? &one : nullptr;
}

std::string fieldOf(const Result<Response>& response, std::string_view name) {
  if (!response) return std::string(nameOf(response.error().code));
  return std::string(findHeader(response->headers, name).value_or("none"));
}
std::string connectionOf(const Result<Response>& response) { return fieldOf(response, "x-connection"); }

int timesSeen(const Transport& transport, const Http2Server& of, const std::string& path) {
  return Json::parse(transport({.url = of.url("/seen")}, in(10s)).value().body).value(path, 0);
}

}  // namespace

TEST_CASE("HTTP/2 is spoken where the server does, and HTTP/1.1 where it is turned off") {
  const Http2Server* const node = server();
  if (node == nullptr) return;
  for (const auto& each : curlTransports(node->options())) {
    const Transport& transport = each.second;
    CAPTURE(each.first);
    const Headers fields = {{"X-Empty", ""}, {"Authorization", "Bearer at"}, {"TE", "gzip"}, {"Connection", "x"}};
    const auto response = transport({.url = node->url("/hello?a=%20b&&c"), .headers = fields}, in(10s));
    REQUIRE(wordOf(response).substr(0, 4) == "200 ");
    CHECK(fieldOf(response, "x-version") == "2.0");
    CHECK(fieldOf(response, "x-url") == "/hello?a=%20b&&c");
    CHECK(std::count_if(response->headers.begin(), response->headers.end(),
                        [](const auto& field) { return field.first == "x-two"; }) == 2);
    const Json seen = Json::parse(response->body).at("headers");
    CHECK(seen.at("x-empty") == "");
    CHECK(seen.at("authorization") == "Bearer at");
    CHECK(seen.at("user-agent") == "ironjar");
    CHECK_FALSE(seen.contains("connection"));
    CHECK(wordOf(transport({.method = "HEAD", .url = node->url("/hello")}, in(10s))) == "200 ");
    const std::string big(300'000, 'x');
    CHECK(transport({.method = "POST", .url = node->url("/echo"), .body = big}, in(10s)).value().body == big);
  }
  TransportOptions options = node->options();
  options.http2 = false;
  for (const auto& each : curlTransports(options)) {
    const Transport& transport = each.second;
    CHECK(fieldOf(transport({.url = node->url("/hello")}, in(10s)), "x-version") == "1.1");
  }
}

TEST_CASE("on HTTP/2, too, interim responses and trailers are skipped, and limits hold") {
  const Http2Server* const node = server();
  if (node == nullptr) return;
  TransportOptions options = node->options();
  options.maxBodySize = 100'000;
  for (const auto& each : curlTransports(options)) {
    const Transport& transport = each.second;
    CAPTURE(each.first);
    const auto response = transport({.url = node->url("/trailers")}, in(10s));
    CHECK(wordOf(response) == "200 ok");
    CHECK(fieldOf(response, "x-final") == "1");
    CHECK(fieldOf(response, "x-interim") == "none");
    CHECK(fieldOf(response, "x-trailer") == "none");
    CHECK(wordOf(transport({.url = node->url("/big")}, in(10s))) == "tooLarge");
    CHECK(wordOf(transport({.url = node->url("/cut")}, in(10s))) == "transport");
    CHECK(wordOf(transport({.url = node->url("/wait")}, in(2s))) == "timeout");
    CHECK(wordOf(transport({.method = "POST", .url = node->url("/early"), .body = std::string(8'000'000, 'x')},
                           in(10s))) == "413 too much");
  }
}

TEST_CASE("a stream that is refused is not sent again") {
  const Http2Server* const node = server();
  if (node == nullptr) return;
  int seen = 0;
  for (const auto& each : curlTransports(node->options())) {
    const Transport& transport = each.second;
    CAPTURE(each.first);
    for (const char* group : {"", "ada", "ada"}) {
      const Request request{.method = "POST", .url = node->url("/refuse"), .body = "x", .connectionGroup = group};
      CHECK(wordOf(transport(request, in(10s))) == "transport");
      CHECK(timesSeen(transport, *node, "/refuse") == ++seen);
    }
  }
}

TEST_CASE("a connection that the server takes leave of is not used again") {
  const Http2Server* const node = server();
  if (node == nullptr) return;
  for (const auto& each : curlTransports(node->options())) {
    const Transport& transport = each.second;
    CAPTURE(each.first);
    for (int i = 0; i < 5; ++i) {
      CHECK(wordOf(transport({.url = node->url("/goodbye"), .connectionGroup = "ada"}, in(10s))) == "200 goodbye");
    }
  }
}

TEST_CASE("on HTTP/2 a connection serves one group, and several of its requests at a time") {
  const Http2Server* const node = server();
  if (node == nullptr) return;
  const auto transport = asyncCurlTransport(node->options());
  const Transport one = blocking(transport);
  const auto ask = [&](const std::string& group, bool fresh = false) {
    return connectionOf(one({.url = node->url("/hello"), .freshConnection = fresh, .connectionGroup = group}, in(10s)));
  };
  const std::string ada = ask("ada");
  CHECK(ask("ada") == ada);
  const std::string bob = ask("bob");
  CHECK(bob != ada);
  CHECK(ask("ada", true) != ada);
  CHECK(ask("") != ask(""));

  const int before = timesSeen(one, *node, "/wait");
  std::vector<Request> requests;
  for (int i = 0; i < 10; ++i) {
    for (const char* group : {"ada", "bob"}) requests.push_back({.url = node->url("/wait"), .connectionGroup = group});
  }
  std::vector<Asked> asked(requests.size());
  std::stop_source stop;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    transport(requests[i], in(20s), i == 0 ? stop.get_token() : std::stop_token(), asked[i].done());
  }
  REQUIRE(support::eventually([&] { return timesSeen(one, *node, "/wait") == before + 20; }));
  stop.request_stop();
  CHECK(wordOf(asked[0].get()) == "cancelled");  // and its connection goes on
  CHECK(wordOf(one({.url = node->url("/release")}, in(10s))).substr(0, 4) == "200 ");
  for (std::size_t i = 1; i < requests.size(); ++i) {
    CHECK(wordOf(asked[i].get()) == "200 released");
    CHECK((connectionOf(asked[i].get()) == ada || connectionOf(asked[i].get()) == bob || i < 40));
  }
}

TEST_CASE("requests of one group share a connection that is known to be of HTTP/2") {
  const Http2Server* const node = server();
  if (node == nullptr) return;
  const auto transport = asyncCurlTransport(node->options());
  const Transport one = blocking(transport);
  const int before = timesSeen(one, *node, "/wait");
  std::vector<Request> requests(6, {.url = node->url("/wait"), .connectionGroup = "ada"});
  std::vector<Asked> asked(requests.size());
  const std::string first = connectionOf(one({.url = node->url("/hello"), .connectionGroup = "ada"}, in(10s)));
  for (std::size_t i = 0; i < requests.size(); ++i) {
    transport(requests[i], in(20s), {}, asked[i].done());
    REQUIRE(support::eventually([&] { return timesSeen(one, *node, "/wait") == before + static_cast<int>(i) + 1; }));
  }
  CHECK(wordOf(one({.url = node->url("/release")}, in(10s))).substr(0, 4) == "200 ");
  for (const Asked& each : asked) CHECK(connectionOf(each.get()) == first);
}

TEST_CASE("more requests than a connection takes at a time are answered, too") {
  if (server() == nullptr) return;
  const Http2Server few(2);
  const auto transport = asyncCurlTransport(few.options());
  const Request request{.url = few.url("/hello"), .connectionGroup = "ada"};
  CHECK(wordOf(blocking(transport)(request, in(10s))).substr(0, 4) == "200 ");
  std::vector<Asked> asked(20);
  for (Asked& each : asked) transport(request, in(10s), {}, each.done());
  for (const Asked& each : asked) CHECK(wordOf(each.get()).substr(0, 4) == "200 ");
}

TEST_CASE("on HTTP/2 bodies flow both ways, and one that nobody reads holds up nobody") {
  const Http2Server* const node = server();
  if (node == nullptr) return;
  constexpr std::size_t size = std::size_t{16} << 20U;
  for (const auto& each : curlTransports(node->options())) {
    const Transport& transport = each.second;
    CAPTURE(each.first);
    const auto unread =
        transport({.url = node->url("/big"), .streamsResponse = true, .connectionGroup = "ada"}, in(10s));
    REQUIRE(unread);
    Request request{.method = "POST", .url = node->url("/echo"), .streamsResponse = true, .connectionGroup = "ada"};
    const auto pieces = [] {
      return [left = size]() mutable -> Result<std::string> {
        const std::size_t piece = std::min<std::size_t>(left, 40'000);
        left -= piece;
        return std::string(piece, 'x');
      };
    };
    request.openBody = pieces;
    request.openAsyncBody = [&] { return [reader = BodyReader(pieces())](const auto& done) { done(reader()); }; };
    const auto response = transport(request, in(10s));
    REQUIRE(response);
    CHECK(fieldOf(response, "x-version") == "2.0");
    CHECK(support::readAll(response->bodyReader).size() == size);
    std::size_t received = 0;
    for (auto piece = unread->bodyReader(); piece && !piece->empty(); piece = unread->bodyReader()) {
      received += piece->size();
    }
    CHECK(received == (std::size_t{64} << 20U));
  }
}

TEST_CASE("on HTTP/2 an upload takes longer than its deadline, as long as the server takes bytes of it") {
  const Http2Server* const node = server();
  if (node == nullptr) return;
  for (const auto& each : curlTransports(node->options())) {
    const Transport& transport = each.second;
    CAPTURE(each.first);
    Request request{.method = "POST", .url = node->url("/echo"), .uploadIdle = 2s};
    request.openBody = [] {
      return [left = 30]() mutable -> Result<std::string> {
        if (left == 0) return std::string();
        --left;
        std::this_thread::sleep_for(100ms);
        return std::string(1000, 'x');
      };
    };
    const auto response = transport(request, in(2s));
    REQUIRE(response);
    CHECK(fieldOf(response, "x-version") == "2.0");
    CHECK(response->body.size() == 30'000);
    request.url = node->url("/wait");  // reads nothing
    request.openBody = [] { return [] { return Result<std::string>(std::string(40'000, 'x')); }; };
    const auto begin = std::chrono::steady_clock::now();
    CHECK(support::errorOf(transport(request, in(2s))) == Errc::timeout);
    CHECK(std::chrono::steady_clock::now() - begin >= 2s);
  }
}

}  // namespace curl_http2_test
