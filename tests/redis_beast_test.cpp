// A Beast server whose sessions, logouts and routes ask Redis: its only thread waits for none of it.
#include "redis/redis_server.hpp"
#include "support/asker.hpp"
#include "support/beast_site.hpp"

#include <atomic>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <ironjar/redis.hpp>

namespace redis_beast_test {

using namespace ironjar;
using namespace std::chrono_literals;
using support::BeastSite;
using support::RawClient;
using support::RedisServer;
using Answer = boost::asio::awaitable<BeastAnswer>;

namespace {

constexpr const char* ownPage = "X-Requested-With: fetch\r\n";

struct Site {
  explicit Site(RedisOptions options, RedisRevocationOptions denying = {})
      : redis(std::make_shared<Redis>(std::move(options))),
        list(std::make_shared<RedisRevocationList>(redis, std::move(denying))),
        fetcher(fetching()),
        jar({.cookieName = "sid",
             .passwords = support::password,
             .commitHooks = denyingLogouts(fetcher.commitHooks(), list),
             .isRevoked = revokedBy(list)}),
        auth(jar, fetcher),
        beast([this](BeastRequest& request) -> Answer {
          if (auth.matches(request)) co_return co_await auth.answer(request);
          if (request.web().target == "/plain") co_return Response{.status = 200, .body = "plain"};
          co_return co_await withSession(jar, request, [](Session& session) -> Response {
            return {.status = 200, .body = session.get<std::string>("user").value_or("nobody")};
          });
        }) {
    Session session = jar.open("");
    session.set("user", "ada");
    session.setTokens(upstream.provider.login());
    const std::string line = jar.commit(session)->at(0);
    cookie = "Cookie: " + line.substr(0, line.find(';')) + "\r\n";
  }

  FetchOptions fetching() {
    FetchOptions options = support::asyncFetchOptions(upstream);
    options.coordinator = std::make_shared<RedisCoordinator>(redis);
    return options;
  }
  // Sends a request that waits for Redis, which is stalled; meanwhile another is answered.
  Response askWhileStalled(RedisServer& server, std::string_view method, std::string_view target,
                           std::string_view fields) {
    server.pause();
    const auto before = redis->stats().commands;
    const RawClient client(beast.port());
    client.send(BeastSite::text(method, target, fields));
    while (redis->stats().commands == before) std::this_thread::yield();
    CHECK(beast.send("GET", "/plain").body == "plain");
    CHECK(client.receiveSome(0ms) == "");
    server.resume();
    return BeastSite::read(client, method);
  }

  support::Upstream upstream;
  std::shared_ptr<Redis> redis;
  std::shared_ptr<RedisRevocationList> list;
  Fetcher fetcher;
  SessionJar jar;
  std::string cookie;
  BeastAuth auth;
  BeastSite beast;
};

RedisOptions patient(const RedisServer& server) {
  return {.passwords = support::password, .port = server.port(), .timeout = 60s};
}

}  // namespace

TEST_CASE("an io thread answers others while a session is looked up in a Redis that is stalled") {
  RedisServer server;
  Site site(patient(server));
  CHECK(site.askWhileStalled(server, "GET", "/me", site.cookie).body == "ada");
}

TEST_CASE("an io thread answers others while a logout waits for a Redis that is stalled, and the logout is final") {
  RedisServer server;
  Site site(patient(server), {.lookup = RevocationLookup::mirror, .maxStaleness = 10min});  // opening asks nothing
  Site other(patient(server));
  CHECK(other.beast.send("GET", "/me", site.cookie).body == "ada");
  CHECK(site.askWhileStalled(server, "POST", "/api/auth/logout", site.cookie + ownPage).status == 204);
  CHECK(other.beast.send("GET", "/me", site.cookie).body == "nobody");
  CHECK(server.keys("ironjar:token:*").size() == 1);  // that its login has ended
}

TEST_CASE("with the policy `fail` who has a session gets 503 while Redis is away, and keeps the cookie") {
  RedisServer server;
  Site site({.passwords = support::password, .port = server.port(), .timeout = 2000ms, .pause = 60s},
            {.whenUnknown = WhenUnknown::fail});
  CHECK(site.beast.send("GET", "/me", site.cookie).body == "ada");
  server.stop();
  const Response answer = site.beast.send("GET", "/me", site.cookie);
  CHECK(answer.status == 503);
  CHECK(findHeader(answer.headers, "Retry-After"));
  CHECK_FALSE(findHeader(answer.headers, "Set-Cookie"));
  CHECK(site.beast.send("GET", "/me").body == "nobody");
  REQUIRE(server.start());
}

TEST_CASE("a handler that is cancelled after it has ended its session: the logout holds on every server") {
  namespace asio = boost::asio;
  RedisServer server;
  Site site(patient(server));
  Site other(patient(server));
  CHECK(other.beast.send("GET", "/me", site.cookie).body == "ada");
  asio::io_context io{1};
  asio::ip::tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), 0});
  const RawClient client(acceptor.local_endpoint().port());
  client.send(BeastSite::text("POST", "/leave", site.cookie));
  asio::cancellation_signal stop;
  const auto handler = [&](BeastRequest& request) -> Answer {
    co_return co_await withSession(site.jar, request, [&](Session& session) -> asio::awaitable<Response> {
      session.destroy();
      asio::post(io, [&] { stop.emit(asio::cancellation_type::terminal); });
      asio::steady_timer never(io, 1h);
      co_await never.async_wait(asio::use_awaitable);
      co_return Response{.status = 204};
    });
  };
  bool isOver = false;
  asio::co_spawn(io, serveBeast(boost::beast::tcp_stream(acceptor.accept()), handler),
                 asio::bind_cancellation_slot(stop.slot(), [&](const std::exception_ptr&) { isOver = true; }));
  io.run();
  CHECK(isOver);
  const auto isOut = [&] { return other.beast.send("GET", "/me", site.cookie).body == "nobody"; };
  CHECK(support::within(10s, isOut));
}

}  // namespace redis_beast_test
