// Names: nobody waits for another one's, nor for his own for longer than until his deadline.
#include "client.hpp"
#include "curl/setup.hpp"

namespace curl_resolver_test {

using namespace ironjar;
using namespace std::chrono_literals;
using support::Asked;
using support::in;
using support::Peer;
using support::RawServer;
using support::wordOf;

namespace {

const std::string ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

void answer(Peer& peer) {
  while (!peer.readRequest().empty()) peer.put(ok);
}

std::vector<Transport> both(const detail::Lookup& lookup) {
  return {detail::makeCurlTransport({}, lookup), blocking(detail::makeAsyncCurlTransport({}, lookup))};
}

}  // namespace

TEST_CASE("a name that does not resolve in time holds up nobody else") {
  std::promise<void> end;
  const auto isOver = end.get_future().share();
  const detail::Lookup lookup = [isOver](const std::string& host) {
    if (host == "slow.example") isOver.wait();
    return detail::Addresses{"127.0.0.1"};
  };
  const RawServer server(answer);
  const std::string port = ":" + std::to_string(server.port());
  for (const Transport& transport : both(lookup)) {
    std::thread slow([&] { CHECK(wordOf(transport({.url = "http://slow.example" + port}, in(5s))) == "unreachable"); });
    for (int i = 0; i < 10; ++i) CHECK(wordOf(transport({.url = "http://fast.example" + port}, in(4s))) == "200 ok");
    slow.join();
  }
  end.set_value();
}

TEST_CASE("who goes while a name is looked up does not wait for it") {
  std::promise<void> end;
  const auto isOver = end.get_future().share();
  const detail::Lookup lookup = [isOver](const std::string&) {
    isOver.wait();
    return detail::Addresses{"127.0.0.1"};
  };
  const auto begin = std::chrono::steady_clock::now();
  for (const Transport& transport : both(lookup)) {
    CHECK(wordOf(transport({.url = "http://slow.example"}, in(50ms))) == "unreachable");
  }
  CHECK(std::chrono::steady_clock::now() - begin < 10s);
  end.set_value();
}

TEST_CASE("a name is looked up once for all who ask, and its answer serves for a while; no address is asked anew") {
  std::atomic<int> lookups = 0;
  const detail::Lookup lookup = [&lookups](const std::string& host) {
    ++lookups;
    std::this_thread::sleep_for(50ms);
    return host == "nobody.example" ? detail::Addresses() : detail::Addresses{"127.0.0.1"};
  };
  const RawServer server(answer);
  const Request request{.url = "http://name.example:" + std::to_string(server.port())};
  const auto transport = detail::makeAsyncCurlTransport({}, lookup);
  std::vector<Asked> asked(20);
  for (Asked& each : asked) transport(request, in(10s), {}, each.done());
  for (const Asked& each : asked) CHECK(wordOf(each.get()) == "200 ok");
  CHECK(wordOf(blocking(transport)(request, in(10s))) == "200 ok");
  CHECK(lookups == 1);
  const Request nobody{.url = "http://nobody.example"};
  for (int i = 0; i < 2; ++i) CHECK(wordOf(blocking(transport)(nobody, in(10s))) == "unreachable");
  CHECK(lookups == 3);
}

TEST_CASE("a host's addresses are tried in turn, of both families") {
  const RawServer server(answer);
  const std::string url = "http://name.example:" + std::to_string(server.port());
  for (const auto& addresses : std::vector<detail::Addresses>{
           {"127.0.0.2", "127.0.0.3", "127.0.0.1"}, {"::1", "127.0.0.1"}, {"127.0.0.1", "::1"}}) {
    for (const Transport& transport : both([addresses](const std::string&) { return addresses; })) {
      const int before = server.connections();
      for (int i = 0; i < 2; ++i) {
        CHECK(wordOf(transport({.url = url, .connectionGroup = "ada"}, in(10s))) == "200 ok");
      }
      CHECK(server.connections() == before + 1);  // it is kept, whatever else was tried
    }
  }
  for (const Transport& transport : both([](const std::string&) -> detail::Addresses { throw 1; })) {
    CHECK(wordOf(transport({.url = url}, in(10s))) == "unreachable");
  }
}

TEST_CASE("addresses need no lookup, and the system's resolver knows localhost") {
  const detail::Lookup none = [](const std::string& host) {
    FAIL_CHECK("it was looked up: " << host);
    return detail::Addresses();
  };
  const RawServer server(answer);
  for (const Transport& transport : both(none)) CHECK(wordOf(transport({.url = server.origin()}, in(10s))) == "200 ok");
  const auto addresses = detail::systemLookup("localhost");
  CHECK(std::find(addresses.begin(), addresses.end(), "127.0.0.1") != addresses.end());
  CHECK(detail::systemLookup("nobody.invalid").empty());
}

}  // namespace curl_resolver_test
