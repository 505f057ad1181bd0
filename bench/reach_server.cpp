// A Beast server for reach.cpp: `ironjar_reach_server ours|bare UPSTREAM`. Prints its port; one thread serves.
// GET /wait waits, ours for the provider's tokens and then for the API, both at that port of this machine, the bare one
// for a GET /release. GET /page does not.
#include "reach.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <string>

#include <ironjar/asio.hpp>
#include <ironjar/beast.hpp>

namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::awaitable;
using asio::ip::tcp;
using namespace std::chrono_literals;

tcp::acceptor listening(asio::io_context& io) {
  tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), 0});
  acceptor.listen(20'000);
  std::cout << acceptor.local_endpoint().port() << std::endl;
  return acceptor;
}

void serveOurs(asio::io_context& io, const std::string& upstream) {
  ironjar::TokenEndpoint endpoint{.url = upstream + "/token", .timeout = 120s};
  endpoint.clientAuth = ironjar::publicClient("web");
  endpoint.allowHttpOnLoopback = true;
  ironjar::FetchOptions options{.asyncTransport = ironjar::asioTransport(io.get_executor()),
                                .allowedOrigins = {upstream},
                                .allowHttpOnLoopback = true,
                                .tokenEndpoint = endpoint};
  options.timeout = 120s;
  options.coordinator =
      std::make_shared<ironjar::LocalCoordinator>(ironjar::LocalCoordinatorOptions{.maxWaiters = 20'000});
  const ironjar::Fetcher fetcher(options);
  ironjar::SessionOptions sessions = bench::reachOptions();
  sessions.commitHooks = fetcher.commitHooks();
  const ironjar::SessionJar jar(sessions);
  const auto wait = [&](ironjar::Session& session) -> awaitable<ironjar::Response> {
    ironjar::Request request{.url = upstream + "/items"};
    const auto response = co_await ironjar::asyncFetch(fetcher, session, std::move(request), asio::use_awaitable);
    if (!response) co_return ironjar::answerFor(response.error());
    co_return ironjar::Response{.status = response->status, .body = response->body};
  };
  const auto page = [](const ironjar::Session&) { return ironjar::Response{.status = 200, .body = "page"}; };
  const auto answer = [&](ironjar::BeastRequest& request) -> awaitable<ironjar::BeastAnswer> {
    if (request.web().target == "/wait") co_return co_await ironjar::withSession(jar, request, wait);
    co_return co_await ironjar::withSession(jar, request, page);
  };
  auto acceptor = listening(io);
  asio::co_spawn(io, ironjar::listenBeast(acceptor, answer, {.timeout = 300s}), asio::detached);
  io.run();
}

awaitable<void> serveBare(boost::beast::tcp_stream stream, asio::steady_timer& released) {
  boost::beast::flat_buffer buffer;
  boost::system::error_code problem;
  while (!problem) {
    http::request<http::string_body> request;
    stream.expires_after(300s);
    co_await http::async_read(stream, buffer, request, asio::redirect_error(asio::use_awaitable, problem));
    if (problem) break;
    if (request.target() == "/release") released.cancel();
    boost::system::error_code woken;
    if (request.target() == "/wait") {
      co_await released.async_wait(asio::redirect_error(asio::use_awaitable, woken));
    }
    http::response<http::string_body> response(http::status::ok, 11);
    response.body() = "page";
    response.prepare_payload();
    co_await http::async_write(stream, response, asio::redirect_error(asio::use_awaitable, problem));
  }
}

void serveBare(asio::io_context& io) {
  asio::steady_timer released(io, 24h);
  auto acceptor = listening(io);
  const auto accepting = [&]() -> awaitable<void> {
    while (true) {
      auto socket = co_await acceptor.async_accept(asio::use_awaitable);
      asio::co_spawn(io, serveBare(boost::beast::tcp_stream(std::move(socket)), released), asio::detached);
    }
  };
  asio::co_spawn(io, accepting(), asio::detached);
  io.run();
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 3) return 2;
  asio::io_context io(1);
  if (std::string(arguments[1]) == "bare") {
    serveBare(io);
  } else {
    serveOurs(io, std::string("http://127.0.0.1:") + arguments[2]);
  }
}
