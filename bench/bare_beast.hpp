// What one would write with Beast alone, for servers to be measured beside: a client that keeps its connections, and a
// proxy that passes bodies on piece by piece. No sessions, no checks.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bench {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::awaitable;
using boost::beast::flat_buffer;
using boost::beast::tcp_stream;

constexpr std::chrono::seconds patience{300};
constexpr std::size_t bareStep = std::size_t{32} * 1024;  // as much as ironjar's transport reads at a time

// A connection to a port of this machine, with what was read of it.
struct BareConnection {
  explicit BareConnection(tcp_stream own) : stream(std::move(own)) { buffer.reserve(bareStep); }
  awaitable<void> connect(std::uint16_t port) {
    co_await stream.async_connect(asio::ip::tcp::endpoint(asio::ip::address_v4::loopback(), port), asio::use_awaitable);
    stream.socket().set_option(asio::ip::tcp::no_delay(true));
  }
  tcp_stream stream;
  flat_buffer buffer;
};

// For one thread.
class BareClient {
 public:
  explicit BareClient(std::uint16_t port) : port_(port) {}

  awaitable<http::response<http::string_body>> get(std::string target, std::string token) {
    auto connection = co_await take();
    http::request<http::empty_body> request(http::verb::get, target, 11);
    request.set(http::field::host, "127.0.0.1:" + std::to_string(port_));
    request.set(http::field::user_agent, "bare");
    request.set(http::field::accept, "*/*");
    request.set(http::field::authorization, "Bearer " + token);
    connection->stream.expires_after(patience);
    co_await http::async_write(connection->stream, request, asio::use_awaitable);
    http::response<http::string_body> response;
    co_await http::async_read(connection->stream, connection->buffer, response, asio::use_awaitable);
    if (response.keep_alive()) idle_.push_back(std::move(connection));
    co_return response;
  }

 private:
  awaitable<std::unique_ptr<BareConnection>> take() {
    if (!idle_.empty()) {
      auto connection = std::move(idle_.back());
      idle_.pop_back();
      co_return connection;
    }
    auto connection = std::make_unique<BareConnection>(tcp_stream(co_await asio::this_coro::executor));
    co_await connection->connect(port_);
    co_return connection;
  }
  const std::uint16_t port_;
  std::vector<std::unique_ptr<BareConnection>> idle_;
};

// Passes a message on whose head the parser has.
template <bool isRequest>
awaitable<void> relay(BareConnection& from, tcp_stream& to, http::parser<isRequest, http::buffer_body>& parser) {
  auto& message = parser.get();
  message.body() = {nullptr, 0, true};
  http::serializer<isRequest, http::buffer_body> serializer(message);
  to.expires_after(patience);
  co_await http::async_write_header(to, serializer, asio::use_awaitable);
  std::vector<char> piece(bareStep);
  while (!serializer.is_done()) {
    boost::system::error_code problem;
    message.body() = {piece.data(), piece.size(), true};
    if (!parser.is_done()) {
      from.stream.expires_after(patience);
      co_await http::async_read_some(from.stream, from.buffer, parser,
                                     asio::redirect_error(asio::use_awaitable, problem));
      if (problem && problem != http::error::need_buffer) throw boost::system::system_error(problem);
    }
    const std::size_t size = piece.size() - message.body().size;
    message.body() = {size > 0 ? piece.data() : nullptr, size, !parser.is_done()};
    if (size == 0 && !parser.is_done()) continue;
    to.expires_after(patience);
    co_await http::async_write(to, serializer, asio::redirect_error(asio::use_awaitable, problem));
    if (problem && problem != http::error::need_buffer) throw boost::system::system_error(problem);
  }
}

// Serves a connection: `{prefix}/rest` becomes `/rest` at a port of this machine.
inline awaitable<void> proxyBare(tcp_stream stream, std::uint16_t port, std::string_view prefix) {
  BareConnection browser(std::move(stream));
  BareConnection api(tcp_stream(browser.stream.get_executor()));
  co_await api.connect(port);
  while (true) {
    http::request_parser<http::buffer_body> request;
    request.body_limit(boost::none);
    browser.stream.expires_after(patience);
    co_await http::async_read_header(browser.stream, browser.buffer, request, asio::use_awaitable);
    auto& asked = request.get();
    asked.target(std::string(asked.target().substr(prefix.size())));
    asked.set(http::field::host, "127.0.0.1:" + std::to_string(port));
    asked.set(http::field::authorization, "Bearer some-access-token");
    asked.erase(http::field::cookie);
    co_await relay(browser, api.stream, request);
    http::response_parser<http::buffer_body> response;
    response.body_limit(boost::none);
    co_await http::async_read_header(api.stream, api.buffer, response, asio::use_awaitable);
    co_await relay(api, browser.stream, response);
  }
}

}  // namespace bench
