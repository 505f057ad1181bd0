// Bodies at a Beast server, on their way in pieces: whose they are, how long they may be read, and what ends them.
#include "support/asio.hpp"
#include "support/beast_site.hpp"
#include "support/given_body.hpp"
#include "support/raw_server.hpp"

#include <boost/asio/read.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <future>

namespace beast_body_test {

using namespace ironjar;
using namespace std::chrono_literals;
using support::asyncFetchOptions;
using support::BeastSite;
using support::GivenBody;
using support::RawClient;
using support::Upstream;
namespace asio = boost::asio;
using Answer = asio::awaitable<BeastAnswer>;

namespace {

BeastSite::Handler echo() {
  return [](BeastRequest& request) -> Answer {
    if (auto problem = co_await request.readBody()) co_return answerForBody(*problem);
    co_return Response{.status = 200, .body = std::string(request.web().body)};
  };
}

// What a reader gives next.
Result<std::string> pieceOf(const AsyncBodyReader& reader) {
  std::promise<Result<std::string>> told;
  reader([&](Result<std::string> piece) { told.set_value(std::move(piece)); });
  return told.get_future().get();
}

const std::string get = BeastSite::text("GET", "/");
const std::string chunked = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";

}  // namespace

TEST_CASE("a body goes up in pieces, whatever its size, and down as its source has it") {
  std::size_t sum = 0;
  GivenBody source;
  BeastSite site([&](BeastRequest& request) -> Answer {
    if (request.web().method == "POST") {
      auto reader = request.bodyReader();
      CHECK(!request.bodyReader());
      while (true) {
        const auto piece = co_await asio::async_initiate<const asio::use_awaitable_t<>, void(Result<std::string>)>(
            [&](auto handler) {
              auto shared = std::make_shared<decltype(handler)>(std::move(handler));
              reader([shared](Result<std::string> got) { (*shared)(std::move(got)); });
            },
            asio::use_awaitable);
        if (!piece || piece->empty()) break;
        sum += piece->size();
      }
      co_return Response{.status = 204};
    }
    co_return Response{.status = 200, .headers = {{"Set-Cookie", "first=1"}}, .asyncBodyReader = source.reader()};
  });
  CHECK(site.send("POST", "/", {}, std::string(5'000'000, 'x')).status == 204);
  CHECK(sum == 5'000'000);

  const RawClient client(site.port());
  client.send(get);
  const std::string head = client.receiveSome(10s);
  CHECK(head.find("Set-Cookie: first=1") != std::string::npos);  // before the first byte
  CHECK(head.find("Transfer-Encoding: chunked") != std::string::npos);
  for (const std::string event : {"data: 1\n\n", "data: 22\n\n"}) {
    source.give(event);
    CHECK(client.receiveSome(10s).find(event) != std::string::npos);  // each at once
  }
  source.give(std::string());
  CHECK(client.receiveSome(10s) == "0\r\n\r\n");
  client.send(get);  // and the connection goes on
  client.receiveSome(10s);
  source.give(fail(Errc::transport));
  CHECK(client.isClosed(10s));  // cut: no end that looks like one
  const RawClient old(site.port());
  old.send("GET / HTTP/1.0\r\n\r\n");
  old.receiveSome(10s);
  source.give(std::string("raw"));
  source.give(std::string());
  CHECK(old.receive(10s) == "raw");
}

TEST_CASE("a chunked body is read wherever it is cut") {
  BeastSite site(echo());
  for (const std::string body : {"0\r\n\r\n", "1\r\nx\r\n0\r\n\r\n", "0;a=b\r\nX: y\r\n\r\n"}) {
    for (std::size_t cut = 1; cut < body.size(); ++cut) {
      CAPTURE(cut);
      const RawClient client(site.port());
      client.send(chunked + body.substr(0, cut));
      std::this_thread::sleep_for(2ms);
      client.send(body.substr(cut));
      CHECK(BeastSite::read(client).status == 200);
    }
  }
}

TEST_CASE("a reader that is kept reads nothing of the next request, and nothing when all has ended") {
  AsyncBodyReader kept;
  std::mutex mutex;
  {
    BeastSite site([&](BeastRequest& request) -> Answer {
      if (request.web().target == "/second") {
        if (auto problem = co_await request.readBody()) co_return answerForBody(*problem);
        co_return Response{.status = 200, .body = std::string(request.web().body)};
      }
      auto reader = request.bodyReader();
      if (request.web().target == "/first") {
        const auto start = [reader](detail::AsioAlone&, const std::function<void(Result<std::string>)>& done,
                                    const std::stop_token&) { reader(done); };
        const auto first =
            co_await detail::asioOperation<Result<std::string>>(detail::AsioAlone(), start, asio::use_awaitable);
        CHECK(first.value() == "first");
      }
      const std::lock_guard lock(mutex);
      kept = std::move(reader);
      co_return Response{.status = 200};
    });
    const RawClient client(site.port());
    client.send(BeastSite::text("POST", "/first", {}, "first"));
    CHECK(BeastSite::read(client).status == 200);
    client.send("POST /second HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nSEC");
    std::this_thread::sleep_for(20ms);
    CHECK(!pieceOf(kept));
    client.send("RET");
    CHECK(BeastSite::read(client).body == "SECRET");

    // Nor while the connection that it was given on lingers.
    const RawClient other(site.port());
    other.send("POST /unread HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nsome");
    CHECK(BeastSite::read(other).status == 200);
    std::this_thread::sleep_for(200ms);  // until the server knows that it has answered
    for (int n = 0; n < 20; ++n) CHECK(!pieceOf(kept));
  }
  CHECK(!pieceOf(kept));
}

TEST_CASE("a handler that answers with what it is sent, for who waits for a 100") {
  BeastSite site([](BeastRequest& request) -> Answer {
    co_return Response{.status = 200, .asyncBodyReader = request.bodyReader()};
  });
  const RawClient client(site.port());
  client.send("POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello");
  CHECK(BeastSite::read(client).body == "hello");  // and no 100 within it
}

TEST_CASE("a piece that does not come in time ends the body, however much comes that is none") {
  BeastSite site(echo(), {.timeout = 1s});
  const RawClient client(site.port());
  client.send(chunked + "5;a=");
  const auto begin = std::chrono::steady_clock::now();
  while (client.send("b") && std::chrono::steady_clock::now() - begin < 6s) std::this_thread::sleep_for(100ms);
  CHECK(std::chrono::steady_clock::now() - begin < 5s);
}

TEST_CASE("a reader that throws ends its answer, and is told") {
  std::atomic<int> told = 0;
  const auto handler = [](BeastRequest& request) -> Answer {
    Response response{.status = 200};
    if (request.web().target == "/now") {
      response.bodyReader = []() -> Result<std::string> { throw std::runtime_error("theirs"); };
    } else {
      response.asyncBodyReader = [](const std::function<void(Result<std::string>)>&) { throw std::runtime_error("x"); };
    }
    co_return response;
  };
  BeastSite site(handler, {.onException = [&](const std::exception_ptr&) { ++told; }});
  for (const char* target : {"/now", "/later", "/now"}) {
    const RawClient client(site.port());
    client.send(BeastSite::text("GET", target));
    const std::string all = client.receive(2s);
    CHECK(all.starts_with("HTTP/1.1 200"));
    CHECK(all.ends_with("\r\n\r\n"));  // the head's: no last chunk
  }
  CHECK(told == 3);
}

TEST_CASE("to HTTP/1.0 a body that broke off does not look whole") {
  GivenBody source;
  BeastSite site(
      [&](BeastRequest&) -> Answer { co_return Response{.status = 200, .asyncBodyReader = source.reader()}; });
  asio::io_context io;
  asio::ip::tcp::socket client(io);
  client.connect({asio::ip::address_v4::loopback(), static_cast<std::uint16_t>(site.port())});
  asio::write(client, asio::buffer(std::string("GET / HTTP/1.0\r\n\r\n")));
  source.give(std::string("half"));
  source.give(fail(Errc::transport));
  boost::system::error_code end;
  std::string all;
  asio::read(client, asio::dynamic_buffer(all), end);
  CHECK(all.ends_with("half"));
  CHECK(end == asio::error::connection_reset);
}

TEST_CASE("an answer that cannot be sent does not lose the tokens that it brings") {
  Upstream upstream;
  const Fetcher fetcher(asyncFetchOptions(upstream));
  const SessionJar jar({.cookieName = "sid", .passwords = support::password});
  BeastSite site([&](BeastRequest& request) -> Answer {
    co_return co_await withSession(jar, request, [&](Session& visitor) -> asio::awaitable<Response> {
      const auto items = co_await asyncFetch(fetcher, visitor, support::get(), asio::use_awaitable);
      CHECK(items);
      co_return Response{.status = 200, .headers = {{"X", "a\nb"}}};
    });
  });
  Session visitor;
  const TokenSet tokens = upstream.provider.login();
  visitor.setTokens(tokens);
  const std::string line = jar.commit(visitor)->at(0);
  site.cookie = line.substr(0, line.find(';'));
  upstream.provider.expireAccessTokens();
  CHECK(site.visit("GET", "/").status == 500);
  CHECK(jar.open(site.cookie).tokens()->refreshToken != tokens.refreshToken);
}

TEST_CASE("what cannot be begun is an error of the operation's, not of the context's") {
  asio::io_context io;
  Errc code{};
  asio::co_spawn(
      io,
      [&]() -> asio::awaitable<void> {
        const TokenEndpoint endpoint{.url = "http://id.example/token", .clientAuth = publicClient("web")};
        const AsyncTransport none = [](const Request&, Deadline, const std::stop_token&, const ResponseHandler&) {};
        const Headers fields;
        const auto tokens = co_await asyncRequestTokens(none, endpoint, fields, asio::use_awaitable);
        code = tokens.error().code;
      },
      asio::detached);
  io.run();
  CHECK(code == Errc::malformed);
}

TEST_CASE("the same over TLS, with an end that is told") {
  const support::Certificate certificate;
  asio::ssl::context tls(asio::ssl::context::tls_server);
  tls.use_certificate_file(certificate.file.string(), asio::ssl::context::pem);
  tls.use_private_key_file(certificate.file.string(), asio::ssl::context::pem);
  asio::io_context io;
  asio::ip::tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), 0});
  const auto serve = [&]() -> asio::awaitable<void> {
    boost::beast::ssl_stream<boost::beast::tcp_stream> stream(co_await acceptor.async_accept(asio::use_awaitable), tls);
    co_await stream.async_handshake(asio::ssl::stream_base::server, asio::use_awaitable);
    co_await serveBeast(std::move(stream), echo());
  };
  asio::co_spawn(io, serve, asio::detached);
  std::thread running([&] { io.run(); });

  asio::io_context here;
  asio::ssl::context any(asio::ssl::context::tls_client);
  asio::ssl::stream<asio::ip::tcp::socket> client(here, any);
  client.next_layer().connect(acceptor.local_endpoint());
  client.handshake(asio::ssl::stream_base::client);
  const std::string second = "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 6\r\n\r\nsecond";
  asio::write(client, asio::buffer(BeastSite::text("POST", "/", {}, "first") + second));
  std::string all;
  boost::system::error_code end;
  asio::read(client, asio::dynamic_buffer(all), end);
  CHECK(end == asio::error::eof);  // and not asio::ssl::error::stream_truncated
  CHECK(all.find("\r\n\r\nfirst") != std::string::npos);
  CHECK(all.ends_with("\r\n\r\nsecond"));
  client.shutdown(end);
  client.next_layer().close();
  running.join();
}

}  // namespace beast_body_test
