// A Beast server for the benchmarks beside it: `ironjar_reach_server KIND UPSTREAM`. Prints its port; one thread
// serves.
//
//   ours   GET /plain answers without a session, /page opens one, /write writes one; /hold opens one and waits for a
//          GET /release; /wait calls the API with performFetch, refreshing first where that is due, /client with a
//          client of Beast's; /api/… is the API's
//   bare   GET /wait waits for a GET /release; /unseal unseals the cookie, /reseal seals it anew; others do neither
//   proxy  /api/… is the API's, without sessions
//
// API and provider are at the port UPSTREAM of this machine.
#include "bare_beast.hpp"
#include "reach.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdlib>
#include <functional>
#include <iostream>

#include <ironjar/asio.hpp>
#include <ironjar/beast.hpp>

namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::awaitable;
using asio::ip::tcp;
using ironjar::BeastAnswer;
using ironjar::BeastRequest;
using ironjar::Response;
using ironjar::Session;
using namespace std::chrono_literals;

constexpr const char* prefix = "/api";

tcp::acceptor listening(asio::io_context& io) {
  tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), 0});
  acceptor.listen(20'000);
  std::cout << acceptor.local_endpoint().port() << std::endl;
  return acceptor;
}

Response page(std::string body) {
  return {.status = 200, .headers = {{"Content-Type", "text/plain"}}, .body = std::move(body)};
}

ironjar::FetchOptions fetching(asio::io_context& io, const std::string& api) {
  ironjar::TokenEndpoint endpoint{.url = api + "/token", .timeout = 120s};
  endpoint.clientAuth = ironjar::publicClient("web");
  endpoint.allowHttpOnLoopback = true;
  ironjar::FetchOptions options{.asyncTransport = ironjar::asioTransport(io.get_executor()),
                                .allowedOrigins = {api},
                                .allowHttpOnLoopback = true,
                                .tokenEndpoint = endpoint};
  options.timeout = 120s;
  options.coordinator =
      std::make_shared<ironjar::LocalCoordinator>(ironjar::LocalCoordinatorOptions{.maxWaiters = 20'000});
  return options;
}

class Ours {
 public:
  Ours(asio::io_context& io, asio::steady_timer& released, std::uint16_t port)
      : released_(released),
        api_("http://127.0.0.1:" + std::to_string(port)),
        fetcher_(fetching(io, api_)),
        refreshing_(bench::reachOptions(fetcher_.commitHooks())),
        jar_(bench::reachOptions()),
        client_(port),
        proxy_(prefix, refreshing_, fetcher_, api_) {}

  awaitable<BeastAnswer> answer(BeastRequest& request) {
    const std::string_view target = request.web().target;
    if (proxy_.matches(request)) co_return co_await proxy_.answer(request);
    if (target == "/wait") {
      co_return co_await ironjar::withSession(refreshing_, request, [this](Session& session) { return wait(session); });
    }
    if (target == "/client") {
      co_return co_await ironjar::withSession(jar_, request, [this](Session& session) { return ask(session); });
    }
    if (target == "/write") {
      co_return co_await ironjar::withSession(jar_, request, [this](Session& session) {
        session.set("visits", ++visits_);
        return page("page");
      });
    }
    if (target == "/hold") {
      co_return co_await ironjar::withSession(jar_, request, [this](const Session&) { return hold(); });
    }
    if (target == "/release") released_.cancel();
    if (target == "/plain") co_return page("page");
    co_return co_await ironjar::withSession(jar_, request, [](const Session&) { return page("page"); });
  }

 private:
  awaitable<Response> wait(Session& session) {
    ironjar::Request request{.url = api_ + "/items"};
    const auto response = co_await ironjar::asyncFetch(fetcher_, session, std::move(request), asio::use_awaitable);
    if (!response) co_return ironjar::answerFor(response.error());
    co_return Response{.status = response->status, .headers = page("").headers, .body = response->body};
  }
  awaitable<Response> hold() {
    boost::system::error_code woken;
    co_await released_.async_wait(asio::redirect_error(asio::use_awaitable, woken));
    co_return page("page");
  }
  awaitable<Response> ask(const Session& session) {
    const auto tokens = session.tokens();
    if (!tokens) co_return Response{.status = 401};
    const auto response = co_await client_.get("/items", tokens->accessToken);
    co_return Response{
        .status = static_cast<int>(response.result_int()), .headers = page("").headers, .body = response.body()};
  }

  asio::steady_timer& released_;
  const std::string api_;
  const ironjar::Fetcher fetcher_;
  const ironjar::SessionJar refreshing_;
  const ironjar::SessionJar jar_;
  bench::BareClient client_;
  const ironjar::BeastProxy proxy_;
  int visits_ = 0;
};

void serveOurs(asio::io_context& io, asio::steady_timer& released, std::uint16_t port) {
  Ours ours(io, released, port);
  auto acceptor = listening(io);
  const auto answer = [&ours](BeastRequest& request) { return ours.answer(request); };
  asio::co_spawn(io, ironjar::listenBeast(acceptor, answer, {.timeout = bench::patience}), asio::detached);
  io.run();
}

// What a handler without ironjar's sessions does: one unseal, for /reseal also one seal.
void seal(const http::request<http::string_body>& request, http::response<http::string_body>& response) {
  static const ironjar::Passwords passwords(bench::reachPassword);
  static const ironjar::SealOptions options{.context = "sid"};
  const auto cookie = request[http::field::cookie];
  const auto data = ironjar::unsealData(std::string_view(cookie.data(), cookie.size()).substr(4), passwords, options);
  if (request.target() != "/reseal") return response.result(data ? http::status::ok : http::status::bad_request);
  response.set(http::field::set_cookie, "sid=" + ironjar::sealData(data.value(), passwords, options).value());
}

awaitable<void> serveBare(boost::beast::tcp_stream stream, asio::steady_timer& released) {
  boost::beast::flat_buffer buffer;
  boost::system::error_code problem;
  while (!problem) {
    http::request<http::string_body> request;
    stream.expires_after(bench::patience);
    co_await http::async_read(stream, buffer, request, asio::redirect_error(asio::use_awaitable, problem));
    if (problem) break;
    if (request.target() == "/release") released.cancel();
    boost::system::error_code woken;
    if (request.target() == "/wait") {
      co_await released.async_wait(asio::redirect_error(asio::use_awaitable, woken));
    }
    http::response<http::string_body> response(http::status::ok, 11);
    response.set(http::field::content_type, "text/plain");
    response.body() = "page";
    if (request.target().ends_with("seal")) seal(request, response);
    response.prepare_payload();
    stream.expires_after(bench::patience);
    co_await http::async_write(stream, response, asio::redirect_error(asio::use_awaitable, problem));
  }
}

using Serve = std::function<awaitable<void>(boost::beast::tcp_stream)>;

void accept(asio::io_context& io, const Serve& serve) {
  auto acceptor = listening(io);
  const auto accepting = [&]() -> awaitable<void> {
    while (true) {
      auto socket = co_await acceptor.async_accept(asio::use_awaitable);
      socket.set_option(tcp::no_delay(true));
      asio::co_spawn(io, serve(boost::beast::tcp_stream(std::move(socket))), asio::detached);
    }
  };
  asio::co_spawn(io, accepting(), asio::detached);
  io.run();
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 3) return 2;
  asio::io_context io(1);
  const std::string kind = arguments[1];
  const auto port = static_cast<std::uint16_t>(std::atoi(arguments[2]));
  asio::steady_timer released(io, 24h);
  if (kind == "ours") {
    serveOurs(io, released, port);
  } else if (kind == "proxy") {
    accept(io, [port](boost::beast::tcp_stream stream) { return bench::proxyBare(std::move(stream), port, prefix); });
  } else {
    accept(io, [&released](boost::beast::tcp_stream stream) { return serveBare(std::move(stream), released); });
  }
}
