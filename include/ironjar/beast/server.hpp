// One connection of a Boost.Beast server with coroutines: hardened reading, answers written, bodies streamed both ways.
//
// Example:
//   const auto echo = [](ironjar::BeastRequest& asked) -> boost::asio::awaitable<ironjar::BeastAnswer> {
//     if (auto problem = co_await asked.readBody()) co_return ironjar::answerForBody(*problem);
//     co_return ironjar::Response{.status = 200, .body = std::string(asked.web().body)};
//   };
//   boost::asio::io_context io;
//   boost::asio::ip::tcp::acceptor acceptor(io, {boost::asio::ip::address_v4::loopback(), 8080});
//   boost::asio::co_spawn(io, ironjar::listenBeast(acceptor, echo), boost::asio::detached);
//   io.run();
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <chrono>
#include <cstddef>
#include <exception>
#include <memory>
#include <stdexcept>
#include <utility>

#include <ironjar/beast/connection.hpp>

namespace ironjar {
namespace detail {

inline void requireValid(const BeastOptions& options) {
  if (options.maxHeadSize < 1024 || options.maxHeadSize > std::size_t{60} * 1024 ||
      options.timeout <= options.timeout.zero())
    throw std::invalid_argument("ironjar: BeastOptions: maxHeadSize is not 1 to 60 KiB, or timeout not positive");
}

template <class Stream, class Handler>
boost::asio::awaitable<void> serveEach(std::shared_ptr<BeastConnection<Stream>> connection, Handler handler) {
  for (bool goesOn = true; goesOn;) {
    const auto request = co_await connection->next();
    if (!request) break;
    BeastAnswer answer;
    try {
      answer = co_await handler(*request);
    } catch (...) {
      request->report(std::current_exception());
      answer = internalErrorAnswer();
    }
    goesOn = co_await connection->answer(*request, std::move(answer));
  }
  co_await connection->close();
}

// False where there is no memory for it.
template <class Socket, class Handler>
[[nodiscard]] bool serveAccepted(Socket socket, const Handler& handler, const BeastOptions& options) {
  try {
    BeastError ignored;
    socket.set_option(asio::ip::tcp::no_delay(true), ignored);  // Nagle would hold the second of two writes for 40 ms
    const auto strand = socket.get_executor();
    const auto connection = std::make_shared<BeastConnection<boost::beast::tcp_stream>>(
        boost::beast::tcp_stream(std::move(socket)), options);
    asio::co_spawn(strand, serveEach(connection, handler), asio::detached);
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

template <class Handler>
boost::asio::awaitable<void> acceptEach(boost::asio::ip::tcp::acceptor& acceptor, Handler handler,
                                        BeastOptions options) {
  constexpr std::chrono::milliseconds pause{100};
  const auto executor = acceptor.get_executor();
  while (acceptor.is_open()) {
    BeastError problem;
    auto socket =
        co_await acceptor.async_accept(asio::make_strand(executor), asio::redirect_error(asio::use_awaitable, problem));
    if (problem == asio::error::operation_aborted) break;
    if (!problem && serveAccepted(std::move(socket), handler, options)) continue;
    asio::steady_timer timer(executor, pause);  // it was that connection's fault, or no more can be had now
    co_await timer.async_wait(asio::use_awaitable);
  }
}

}  // namespace detail

// Serves a connection until it ends: `handler(BeastRequest&)` gives an awaitable of a BeastAnswer for each request, one
// after another. Spawn it on the stream's executor: a strand, or the only thread. The stream is a beast::tcp_stream, or
// a beast::ssl_stream of one, its handshake done; its timeouts are set here.
//
// - Requests that two parsers may read differently are refused, and so is what Beast's own parser takes and others do
//   not (refusalOf, hasPlainLines in <ironjar/web/request_framing.hpp>): {"reason": …} with 400, 416, 417, 431 or
//   501, and the connection is closed. Fields in the trailer of a chunked body are dropped.
// - Never blocks, unless a handler does, or a Response::bodyReader: give an asyncBodyReader. Of a body that flows in
//   pieces no more is held than maxHeadSize and two pieces of 32 KiB of a request's, and what its reader gives of a
//   response's.
// - What a handler throws is a 500 {"reason": "internal_error"}, and told to BeastOptions::onException.
// - A response with Response::upgraded makes the connection a WebSocket's, until one side has broken or both have ended
//   it: its bytes, and those that came behind the request, are passed on in pieces of 16 KiB.
//
// Throws std::invalid_argument, at the call, for options out of their range. Cancelling (cancellation_type::terminal)
// ends it by boost::system::system_error; a handler that was waiting counts as one that threw.
template <class Stream, class Handler>
[[nodiscard]] boost::asio::awaitable<void> serveBeast(Stream stream, Handler handler, BeastOptions options = {}) {
  detail::requireValid(options);
  return detail::serveEach(std::make_shared<detail::BeastConnection<Stream>>(std::move(stream), std::move(options)),
                           std::move(handler));
}

// Accepts connections until the acceptor is closed, and serves each as serveBeast does, on a strand of its own of the
// acceptor's executor. A connection that cannot be accepted, and a lack of descriptors, are waited out. The acceptor
// must outlive the awaitable.
template <class Handler>
[[nodiscard]] boost::asio::awaitable<void> listenBeast(boost::asio::ip::tcp::acceptor& acceptor, Handler handler,
                                                       BeastOptions options = {}) {
  detail::requireValid(options);
  return detail::acceptEach(acceptor, std::move(handler), std::move(options));
}

}  // namespace ironjar
