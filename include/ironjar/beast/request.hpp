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
  // The next piece of that request's; empty: its end. An error once it has been answered.
  [[nodiscard]] virtual boost::asio::awaitable<Result<std::string>> piece(unsigned request) = 0;
  [[nodiscard]] virtual AsyncBodyReader reader(unsigned request) = 0;
};

template <class Stream>
class BeastConnection;

}  // namespace detail

struct BeastOptions {
  std::size_t maxHeadSize = 16 * 1024;    // of a request; larger: 431. 1 to 60 KiB
  std::size_t maxBodySize = 1024 * 1024;  // that readBody() takes; larger: 413. Bodies that are streamed have no limit
  // For the next request's head, the wait for it included; for each piece of a body that comes, and in all for what
  // comes later than at 26 kbit/s (BodyPace); for each piece that is written once it is there; for a response that is
  // sent whole; and for each piece of a WebSocket that one side has ended. Handlers and readers of bodies have their
  // own.
  std::chrono::seconds timeout{30};
  // Told of what a handler or a body's reader has thrown, and of a response that cannot be sent (std::runtime_error);
  // both are 500 {"reason": "internal_error"} unless the head has left. Called on the connection's executor, so from
  // several threads when connections have several. Must not throw.
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

  // Whether the body's size is known, and readBody() would take it.
  [[nodiscard]] bool canRead() const { return bodySize_ && *bodySize_ <= options_.maxBodySize; }

  // Reads the whole body into web().body; instead of bodyReader(), not after it. Errc::tooLarge over
  // BeastOptions::maxBodySize, Errc::malformed for chunks that are none: answerForBody() has the answer. After
  // Errc::timeout and Errc::transport the connection is gone, and no answer arrives; return one all the same.
  [[nodiscard]] boost::asio::awaitable<std::optional<Error>> readBody() {
    if (!web_.bodyFollows) co_return std::nullopt;
    if (isRead_) co_return fail(Errc::malformed, "the body was given to a reader");
    if (bodySize_.value_or(0) > options_.maxBodySize) co_return tooLarge();
    while (true) {
      const Result<std::string> piece = co_await connection_->piece(number_);
      if (!piece) co_return piece.error();
      if (piece->empty()) break;
      if (piece->size() > options_.maxBodySize - body_.size()) co_return tooLarge();
      body_.append(*piece);
    }
    web_.body = body_;
    web_.bodyFollows = false;
    co_return std::nullopt;
  }
  // Reads the body piece by piece instead, whatever its size; empty when there is none, or it was given before. The
  // reader may be called on any thread, and kept for longer: it gives an error once the request has been answered.
  [[nodiscard]] AsyncBodyReader bodyReader() {
    if (!web_.bodyFollows || isRead_) return {};
    isRead_ = true;
    return connection_->reader(number_);
  }

 private:
  template <class Stream>
  friend class detail::BeastConnection;

  BeastRequest(Head head, std::shared_ptr<detail::BeastBody> connection, unsigned number, const BeastOptions& options)
      : head_(std::move(head)), connection_(std::move(connection)), number_(number), options_(options) {
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
  const unsigned number_;  // on the connection
  const BeastOptions& options_;
  WebRequest web_;
  std::optional<std::uint64_t> bodySize_ = 0;
  std::string body_;
  bool isRead_ = false;
};

}  // namespace ironjar
