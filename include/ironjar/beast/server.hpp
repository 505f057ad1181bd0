// One connection of a Boost.Beast server with coroutines: hardened reading, answers written, bodies streamed both ways.
//
// Example:
//   const auto echo = [](ironjar::BeastRequest& asked) -> boost::asio::awaitable<ironjar::BeastAnswer> {
//     if (auto problem = co_await asked.readBody()) co_return ironjar::answerForBody(*problem);
//     co_return ironjar::Response{.status = 200, .body = std::string(asked.web().body)};
//   };
//   boost::asio::io_context io;
//   boost::asio::awaitable<void> serving = ironjar::serveBeast(boost::beast::tcp_stream(io), echo);
#pragma once

#include <boost/beast/core/tcp_stream.hpp>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>

#include <ironjar/beast/connection.hpp>

namespace ironjar {

// Serves a connection until it ends: `handler(BeastRequest&)` gives an awaitable of a BeastAnswer for each request, one
// after another. Spawn it on the stream's executor: a strand, or the only thread. The stream is a beast::tcp_stream, or
// a beast::ssl_stream of one, its handshake done; its timeouts are set here.
//
// - Requests that two parsers may read differently are refused, and so is what Beast's own parser takes and others do
//   not (refusalOf, hasPlainLines in <ironjar/web/request_framing.hpp>): {"reason": …} with 400, 417, 431 or 501, and
//   the connection is closed. Fields in the trailer of a chunked body are dropped.
// - Nothing waits on a thread, and nothing is held of a body but a piece of 16 KiB.
// - What a handler throws is a 500 {"reason": "internal_error"}, and told to BeastOptions::onException.
//
// Throws std::invalid_argument for options that would serve nothing. Cancelling ends it where it waits.
template <class Stream, class Handler>
boost::asio::awaitable<void> serveBeast(Stream stream, Handler handler, BeastOptions options = {}) {
  if (options.maxHeadSize < 1024 || options.maxHeadSize > 1024 * 1024 || options.timeout <= options.timeout.zero())
    throw std::invalid_argument("ironjar: BeastOptions: maxHeadSize is not 1 KiB to 1 MiB, or timeout not positive");
  const auto connection = std::make_shared<detail::BeastConnection<Stream>>(std::move(stream), std::move(options));
  for (bool goesOn = true; goesOn;) {
    const auto request = co_await connection->next();
    if (!request) break;
    BeastAnswer answer = internalErrorAnswer();
    try {
      answer = co_await handler(*request);
    } catch (...) {
      request->report(std::current_exception());
    }
    goesOn = co_await connection->answer(*request, std::move(answer));
  }
  co_await connection->close();
}

}  // namespace ironjar
