// A connection that has become a WebSocket: bytes both ways. Part of <ironjar/beast/server.hpp>.
#pragma once

#include <algorithm>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/stream_traits.hpp>
#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <type_traits>
#include <utility>

#include <ironjar/asio/operation.hpp>
#include <ironjar/beast/request.hpp>

namespace ironjar::detail {

// Passes bytes on between a browser's connection and Response::upgraded, as they are. For the stream's executor.
//
// A piece of 16 KiB at most is held in each direction, and the next one read when that has been written: who reads
// slowly slows the other. The end of one direction is passed on, and the other goes on for `halfClosed` at most between
// two pieces; a browser's TLS stream has no half. An error, Upgraded::hasEnded and idle time close both, without a
// WebSocket close frame: after what extension and in the middle of which frame is not known here. To the page that is
// 1006, as for any connection that is lost; whoever connects again is told 401.
template <class Stream>
class BeastTunnel : public std::enable_shared_from_this<BeastTunnel<Stream>> {
 public:
  // `owner` keeps the stream; `received` came behind the request's head.
  BeastTunnel(std::shared_ptr<void> owner, Stream& stream, std::string received, const Response& response,
              std::chrono::seconds halfClosed)
      : owner_(std::move(owner)),
        stream_(stream),
        received_(std::move(received)),
        read_(response.asyncBodyReader),
        api_(response.upgraded),
        halfClosed_(halfClosed),
        check_(stream.get_executor()),
        joined_(stream.get_executor()) {}

  // Until both directions have ended.
  asio::awaitable<void> run() {
    boost::beast::get_lowest_layer(stream_).expires_never();
    const auto self = this->shared_from_this();
    spawn([self] { return self->up(); });
    spawn([self] { return self->watch(); });
    std::exception_ptr cancelled;
    try {
      co_await down();
      if (!isUp_ || !isPlain) end();
      while (running_ > 0) {
        BeastError ignored;
        joined_.expires_at(asio::steady_timer::time_point::max());
        co_await joined_.async_wait(into(ignored));
      }
    } catch (...) {
      cancelled = std::current_exception();
    }
    end();
    if (cancelled) std::rethrow_exception(cancelled);
    co_return;
  }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr bool isPlain = std::is_same_v<Stream, boost::beast::lowest_layer_type<Stream>>;
  static constexpr std::size_t pieceSize = 16 * 1024;
  static auto into(BeastError& problem) { return asio::redirect_error(asio::use_awaitable, problem); }

  template <class Direction>
  void spawn(Direction direction) {
    ++running_;
    asio::co_spawn(stream_.get_executor(), std::move(direction),
                   [self = this->shared_from_this()](const std::exception_ptr& thrown) {
                     if (thrown) self->end();
                     --self->running_;
                     self->joined_.cancel();
                   });
  }

  // From the browser to the API. What came behind the request's head is first.
  asio::awaitable<void> up() {
    while (!isOver_) {
      BeastError problem;
      if (received_.empty()) {
        received_.resize(pieceSize);
        const std::size_t size = co_await stream_.async_read_some(asio::buffer(received_), into(problem));
        received_.resize(size);
      }
      if (problem && problem != asio::error::eof) co_return end();
      moved_ = Clock::now();
      if (received_.empty()) isUp_ = false;
      std::string piece = std::exchange(received_, {});
      const auto failed = co_await write(std::move(piece));
      if (failed) isUp_ = false;  // what the API has sent before can be read still
      moved_ = Clock::now();
      if (!isUp_) break;
    }
    isDown_ ? static_cast<void>(check_.cancel()) : end();  // the time for what is left is another now
  }
  asio::awaitable<std::optional<Error>> write(std::string piece) {
    auto start = [api = api_, piece = std::move(piece)](AsioAlone&, std::function<void(std::optional<Error>)> done,
                                                        const std::stop_token&) mutable {
      api->write(std::move(piece), std::move(done));
    };
    co_return co_await asioOperation<std::optional<Error>>(AsioAlone(), std::move(start), asio::use_awaitable);
  }

  // From the API to the browser.
  asio::awaitable<void> down() {
    while (!isOver_) {
      const Result<std::string> piece = co_await read();
      moved_ = Clock::now();
      if (!piece) co_return end();
      BeastError problem;
      if (piece->empty()) {
        isDown_ = false;
        check_.cancel();
        if constexpr (isPlain) stream_.socket().shutdown(asio::socket_base::shutdown_send, problem);
        co_return;
      }
      co_await asio::async_write(stream_, asio::buffer(*piece), into(problem));
      if (problem) co_return end();
      moved_ = Clock::now();
    }
  }
  asio::awaitable<Result<std::string>> read() {
    const auto start = [next = read_](AsioAlone&, std::function<void(Result<std::string>)> done,
                                      const std::stop_token&) { next(std::move(done)); };
    co_return co_await asioOperation<Result<std::string>>(AsioAlone(), start, asio::use_awaitable);
  }

  asio::awaitable<void> watch() {
    while (!isOver_ && (isUp_ || isDown_)) {
      const auto left = moved_ + patience() - Clock::now();
      BeastError interrupted;
      check_.expires_after(std::min<Clock::duration>(left, api_->checkEvery));
      co_await check_.async_wait(into(interrupted));
      if (interrupted) continue;
      const bool isLate = Clock::now() - moved_ >= patience();
      if (isLate || (api_->hasEnded && co_await hasSessionEnded())) end();
    }
  }
  asio::awaitable<bool> hasSessionEnded() {
    const auto start = [api = api_](AsioAlone&, std::function<void(Result<bool>)> done, const std::stop_token&) {
      api->hasEnded([done = std::move(done)](bool hasEnded) { done(hasEnded); });
    };
    const auto hasEnded = co_await asioOperation<Result<bool>>(AsioAlone(), start, asio::use_awaitable);
    co_return !hasEnded || *hasEnded;
  }
  [[nodiscard]] Clock::duration patience() const {
    const Clock::duration idle = api_->idle;
    return isUp_ && isDown_ ? idle : std::min<Clock::duration>(idle, halfClosed_);
  }

  void end() {
    if (std::exchange(isOver_, true)) return;
    boost::beast::get_lowest_layer(stream_).cancel();
    check_.cancel();
    api_->close();
  }

  const std::shared_ptr<void> owner_;
  Stream& stream_;
  std::string received_;
  const AsyncBodyReader read_;
  const std::shared_ptr<Upgraded> api_;
  const std::chrono::seconds halfClosed_;
  asio::steady_timer check_;
  asio::steady_timer joined_;
  Clock::time_point moved_ = Clock::now();  // a byte, or an end, last
  bool isUp_ = true;                        // the browser may send more
  bool isDown_ = true;
  bool isOver_ = false;
  unsigned running_ = 0;  // besides run()
};

}  // namespace ironjar::detail
