// A request at a Beast server, and what answers it. Part of <ironjar/beast/server.hpp>.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/message_generator.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include <ironjar/web.hpp>
#include <ironjar/web/request_framing.hpp>

namespace ironjar {
namespace detail {

namespace asio = boost::asio;
using BeastError = boost::beast::error_code;

// The body of a request that a connection is at.
class BeastBody {
 public:
  BeastBody() = default;
  BeastBody(const BeastBody&) = delete;
  BeastBody& operator=(const BeastBody&) = delete;
  virtual ~BeastBody() = default;
  // The next piece; empty: its end.
  [[nodiscard]] virtual boost::asio::awaitable<Result<std::string>> piece() = 0;
  virtual void read(std::function<void(Result<std::string>)> done) = 0;
};

template <class Stream>
class BeastConnection;

}  // namespace detail

struct BeastOptions {
  std::size_t maxHeadSize = 16 * 1024;    // of a request; larger: 431. 1 KiB at least
  std::size_t maxBodySize = 1024 * 1024;  // that BeastRequest::readBody() takes; larger: 413
  // For the next request's head, and for each piece of a body, in either direction. A handler has its own.
  std::chrono::seconds timeout{30};
  // Told of what a handler has thrown, which is answered with 500 {"reason": "internal_error"}. Must not throw.
  std::function<void(const std::exception_ptr&)> onException = {};
};

// What a handler answers with: a value of ironjar's, whose body may be streamed, or any response of Beast's.
using BeastAnswer = std::variant<Response, boost::beast::http::message_generator>;

// A request whose head has come, and that two parsers cannot read differently (<ironjar/web/request_framing.hpp>): only
// serveBeast makes them. The body is still to come; when an answer is sent before it was read, the connection is
// closed behind that. For the executor of its connection, until it is answered.
class BeastRequest {
 public:
  using Head = boost::beast::http::request_header<>;

  [[nodiscard]] const Head& head() const { return head_; }
  // A view of it, for the functions of <ironjar/web.hpp>; with the body, once readBody() has read it.
  [[nodiscard]] const WebRequest& web() const { return web_; }
  // Bytes of the body; nothing when its length is not known before its end.
  [[nodiscard]] std::optional<std::uint64_t> bodySize() const { return bodySize_; }

  // Tells BeastOptions::onException.
  void report(const std::exception_ptr& thrown) const {
    if (options_.onException) options_.onException(thrown);
  }

  // Reads the whole body into web().body. Errc::tooLarge over BeastOptions::maxBodySize, Errc::timeout,
  // Errc::malformed for chunks that are none, Errc::transport for a peer that has gone: answerForBody() has the answer.
  [[nodiscard]] boost::asio::awaitable<std::optional<Error>> readBody() {
    if (!web_.bodyFollows) co_return std::nullopt;
    if (bodySize_.value_or(0) > options_.maxBodySize) co_return tooLarge();
    while (true) {
      const Result<std::string> piece = co_await connection_->piece();
      if (!piece) co_return piece.error();
      if (piece->empty()) break;
      if (piece->size() > options_.maxBodySize - body_.size()) co_return tooLarge();
      body_.append(*piece);
    }
    web_.body = body_;
    web_.bodyFollows = false;
    co_return std::nullopt;
  }
  // Reads the body piece by piece instead, whatever its size. Once.
  [[nodiscard]] AsyncBodyReader bodyReader() {
    if (!web_.bodyFollows || isRead_) return {};
    isRead_ = true;
    return [connection = connection_](std::function<void(Result<std::string>)> done) {
      connection->read(std::move(done));
    };
  }

 private:
  template <class Stream>
  friend class detail::BeastConnection;

  BeastRequest(Head head, std::shared_ptr<detail::BeastBody> connection, const BeastOptions& options)
      : head_(std::move(head)), connection_(std::move(connection)), options_(options) {
    web_.method = head_.method_string();
    web_.target = head_.target();
    for (const auto& field : head_) web_.fields.emplace_back(field.name_string(), field.value());
  }
  [[nodiscard]] RequestHead framing() const {
    return {.method = web_.method,
            .version = head_.version() == 11 ? "HTTP/1.1" : "HTTP/1.0",
            .path = web_.target,
            .fields = web_.fields};
  }
  static Error tooLarge() { return fail(Errc::tooLarge, "the request's body is over maxBodySize"); }

  const Head head_;
  const std::shared_ptr<detail::BeastBody> connection_;
  const BeastOptions& options_;
  WebRequest web_;
  std::optional<std::uint64_t> bodySize_ = 0;
  std::string body_;
  bool isRead_ = false;
};

}  // namespace ironjar
