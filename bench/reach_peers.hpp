// Whom reach_server.cpp stands between: an API with a provider, and visitors; and the sessions that these bring.
#pragma once

#include "reach.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bench {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::awaitable;
using asio::ip::tcp;
using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

// Provider and API. The provider holds its answers until it is released, or for a time. The API refuses tokens of a
// former generation. GET /events?N begins a stream of events, which are for its owner to write.
class Upstream {
 public:
  explicit Upstream(asio::io_context& io)
      : io_(io), acceptor_(io, {asio::ip::address_v4::loopback(), 0}), released_(io, 24h) {
    acceptor_.listen(20'000);
    asio::co_spawn(io_, accept(), asio::detached);
  }
  [[nodiscard]] int port() const { return acceptor_.local_endpoint().port(); }
  std::optional<std::chrono::milliseconds> latency;  // unset: until release()
  int inside = 0;
  int mostInside = 0;
  int answered = 0;
  int generation = 0;
  std::map<std::string, boost::beast::tcp_stream> streams;  // of events, by their N
  void release() {
    latency = 0ms;
    released_.cancel();
  }

 private:
  awaitable<void> accept() {
    while (true) {
      auto socket = co_await acceptor_.async_accept(asio::use_awaitable);
      socket.set_option(tcp::no_delay(true));  // an event would wait for the last one's acknowledgement
      asio::co_spawn(io_, serve(boost::beast::tcp_stream(std::move(socket))), asio::detached);
    }
  }
  awaitable<void> wait() {
    boost::system::error_code woken;
    if (!latency) co_return co_await released_.async_wait(asio::redirect_error(asio::use_awaitable, woken));
    asio::steady_timer timer(io_, *latency);
    co_await timer.async_wait(asio::use_awaitable);
  }
  awaitable<void> serve(boost::beast::tcp_stream stream) {
    boost::beast::flat_buffer buffer;
    for (boost::system::error_code problem; !problem;) {
      http::request<http::string_body> request;
      co_await http::async_read(stream, buffer, request, asio::redirect_error(asio::use_awaitable, problem));
      if (problem) break;
      if (request.target().starts_with("/events?")) {
        static constexpr std::string_view head =
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
        co_await asio::async_write(stream, asio::buffer(head), asio::redirect_error(asio::use_awaitable, problem));
        streams.emplace(request.target().substr(8), std::move(stream));
        co_return;
      }
      const std::string token = "Bearer g" + std::to_string(generation) + '-';
      const bool isFresh = request[http::field::authorization].starts_with(token) || request.target() == "/token";
      http::response<http::string_body> response(isFresh ? http::status::ok : http::status::unauthorized, 11);
      response.body() = "items";
      if (request.target() == "/token") {
        mostInside = std::max(mostInside, ++inside);
        co_await wait();
        --inside;
        const std::string number = std::to_string(++answered);
        response.set(http::field::content_type, "application/json");
        response.body() = "{\"token_type\":\"Bearer\",\"expires_in\":3600,\"access_token\":\"g" +
                          std::to_string(generation) + '-' + number + "\",\"refresh_token\":\"next-" + number + "\"}";
      }
      response.prepare_payload();
      co_await http::async_write(stream, response, asio::redirect_error(asio::use_awaitable, problem));
    }
  }

  asio::io_context& io_;
  tcp::acceptor acceptor_;
  asio::steady_timer released_;
};

// Cookies of sessions whose access tokens have ended, each with a refresh token of its own.
inline std::vector<std::string> cookies(std::size_t count) {
  const ironjar::SessionJar jar(reachOptions());
  std::vector<std::string> made;
  while (made.size() < count) {
    ironjar::Session session = jar.open("");
    session.setTokens({.accessToken = "ended",
                       .refreshToken = "first-" + std::to_string(made.size()),
                       .expiresAt = ironjar::systemClock() - std::chrono::hours{1}});
    made.push_back(cookieOf(jar, session));
  }
  return made;
}

// Visitors that each ask once, on a connection of their own.
class Visitors {
 public:
  Visitors(asio::io_context& io, int port) : io_(io), port_(port) {}
  int good = 0;
  int done = 0;

  void ask(const std::string& target, const std::string& cookie) {
    asio::co_spawn(io_, visit(target, cookie), asio::detached);
  }
  // Runs the context until that many are done.
  void runUntil(int count, std::chrono::seconds patience = 100s) {
    const auto end = Clock::now() + patience;
    while (done < count && Clock::now() < end) io_.run_one_for(100ms);
  }
  void runFor(std::chrono::milliseconds time) { io_.run_for(time); }

  awaitable<void> visit(std::string target, std::string cookie) {
    boost::beast::tcp_stream stream(io_);
    boost::system::error_code problem;
    const tcp::endpoint server(asio::ip::address_v4::loopback(), static_cast<std::uint16_t>(port_));
    co_await stream.async_connect(server, asio::redirect_error(asio::use_awaitable, problem));
    http::request<http::empty_body> request(http::verb::get, target, 11);
    request.set(http::field::host, "localhost");
    if (!cookie.empty()) request.set(http::field::cookie, cookie);
    if (!problem) co_await http::async_write(stream, request, asio::redirect_error(asio::use_awaitable, problem));
    boost::beast::flat_buffer buffer;
    http::response<http::string_body> response;
    if (!problem) {
      co_await http::async_read(stream, buffer, response, asio::redirect_error(asio::use_awaitable, problem));
    }
    good += !problem && response.result() == http::status::ok ? 1 : 0;
    ++done;
  }

 private:
  asio::io_context& io_;
  int port_;
};

// A browser with a stream of events open. Must outlive its context.
struct Watcher {
  int arrived = 0;
  Clock::time_point last = {};  // when an event came
  bool isOpen = false;
  bool isWhole = false;  // it has come to its end

  awaitable<void> watch(asio::io_context& io, int port, std::string target, std::string cookie) {
    boost::beast::tcp_stream stream(io);
    const tcp::endpoint server(asio::ip::address_v4::loopback(), static_cast<std::uint16_t>(port));
    co_await stream.async_connect(server, asio::use_awaitable);
    const std::string request =
        "GET " + target + " HTTP/1.1\r\nHost: localhost\r\nCookie: " + std::move(cookie) + "\r\n\r\n";
    co_await asio::async_write(stream, asio::buffer(request), asio::use_awaitable);
    std::string text;
    boost::system::error_code problem;
    isOpen = co_await asio::async_read_until(stream, asio::dynamic_buffer(text), "\r\n\r\n", asio::use_awaitable) > 0 &&
             text.starts_with("HTTP/1.1 200 ");
    text.erase(0, text.find("\r\n\r\n") + 4);
    while (isOpen && !isWhole && !problem) {
      std::array<char, 4096> bytes;
      const std::size_t size =
          co_await stream.async_read_some(asio::buffer(bytes), asio::redirect_error(asio::use_awaitable, problem));
      last = Clock::now();
      text.append(bytes.data(), size);
      for (std::size_t end = 0; (end = text.find("\n\n\r\n")) != std::string::npos; text.erase(0, end + 4)) ++arrived;
      isWhole = text.starts_with("0\r\n\r\n");
    }
  }
};

}  // namespace bench
