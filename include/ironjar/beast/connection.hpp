// One connection of a server's: its requests in, their answers out. Part of <ironjar/beast/server.hpp>.
#pragma once

#include <algorithm>
#include <array>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/stream_traits.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/message_generator.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/status.hpp>
#include <boost/beast/http/write.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

#include <ironjar/asio/operation.hpp>
#include <ironjar/beast/request.hpp>
#include <ironjar/beast/tunnel.hpp>
#include <ironjar/http1.hpp>
#include <ironjar/web/body_pace.hpp>
#include <ironjar/web/request_framing.hpp>

namespace ironjar::detail {

// For its stream's executor, where what reads a body holds it; a reader elsewhere does not.
template <class Stream>
class BeastConnection final : public BeastBody, public std::enable_shared_from_this<BeastConnection<Stream>> {
 public:
  BeastConnection(Stream stream, BeastOptions options)
      : options_(std::move(options)), stream_(std::move(stream)), pace_(options_.timeout) {}

  // The next request, its body still to come. Nothing when there is none: the peer has closed or is too slow, or its
  // request was refused, which has been answered then.
  asio::awaitable<std::unique_ptr<BeastRequest>> next() {
    const std::size_t size = co_await readHead();
    if (size == 0) co_return nullptr;
    const std::string_view head = received().substr(0, size);
    const bool isSound = hasPlainLines(head);
    BeastError error;
    parser_.emplace().header_limit(static_cast<std::uint32_t>(options_.maxHeadSize));
    parser_->body_limit(boost::none);
    if (isSound) parser_->put(asio::buffer(head), error);
    received_.consume(size);
    if (received_.size() == 0) received_.shrink_to_fit();  // nothing is held while the request is served
    std::optional<Refusal> refusal;
    std::unique_ptr<BeastRequest> request;
    if (isSound && !error && parser_->is_header_done()) {
      request.reset(new BeastRequest(std::move(parser_->get().base()), this->shared_from_this(), number_, options_));
      refusal = refusalOf(request->framing(), {.maxPathSize = 0, .boundsEveryBody = true});
    } else {
      refusal = Refusal{400, "malformed_request"};
    }
    if (refusal) {
      co_await refuse(*refusal);
      co_return nullptr;
    }
    request->web_.bodyFollows = !parser_->is_done();
    if (const auto length = parser_->content_length()) request->bodySize_ = *length;
    if (parser_->chunked()) request->bodySize_.reset();
    keeps_ = parser_->keep_alive();
    expectsContinue_ = request->head().version() == 11 && request->head().count(boost::beast::http::field::expect) > 0;
    hasBegunBody_ = false;
    pace_ = BodyPace(options_.timeout);
    parser_->eager(true);
    co_return request;
  }

  // Whether another request may follow. The request's body is not to be read any more then.
  asio::awaitable<bool> answer(const BeastRequest& request, BeastAnswer answer) {
    expectsContinue_ = false;  // the answer says it
    co_await whileIs(isContinuing_);
    bool goesOn = false;
    if (!isContinuing_) goesOn = co_await write(request, std::move(answer));
    ++number_;
    co_return goesOn;
  }

  // So that the peer gets what was sent, though we have not read all of it: a connection that is closed with something
  // unread in it breaks, and takes the answer along (RFC 9112 section 9.6).
  asio::awaitable<void> close() {
    auto& lowest = boost::beast::get_lowest_layer(stream_);
    if (!lowest.socket().is_open()) co_return;
    if (isReading_) lowest.cancel();  // a body that nobody wants any more
    co_await whileIs(isReading_);
    BeastError ignored;
    if constexpr (!isPlain) {
      limitTime(lingering);
      co_await stream_.async_shutdown(into(ignored));
    }
    lowest.socket().shutdown(asio::socket_base::shutdown_send, ignored);
    std::array<char, 4096> rest;
    limitTime(lingering);
    for (std::size_t read = 0; !isReading_ && read < mostLingering;) {
      BeastError problem;
      read += co_await lowest.async_read_some(asio::buffer(rest), into(problem));
      if (problem) break;
    }
    lowest.close();
  }

  [[nodiscard]] asio::awaitable<Result<std::string>> piece(unsigned request) override {
    if (isReading_) co_return fail(Errc::malformed, "the body is being read already");
    const auto self = this->shared_from_this();
    limitTime(std::min<BodyPace::Duration>(options_.timeout, pace_.left()));
    while (true) {
      if (request != number_) co_return answered();
      Result<std::string> parsed = parsePiece();
      if (!parsed || !parsed->empty() || parser_->is_done()) co_return parsed;
      if (auto problem = co_await readMore()) co_return *std::move(problem);
    }
  }
  // May outlive the connection and its context, and be called on any thread.
  [[nodiscard]] AsyncBodyReader reader(unsigned request) override {
    return [weak = this->weak_from_this(), list = AsioPendings::of(stream_.get_executor()),
            request](std::function<void(Result<std::string>)> done) {
      {
        const std::lock_guard lock(list->mutex);  // the context stays meanwhile
        const auto self = list->isGone ? nullptr : weak.lock();
        if (self) return self->spawn(request, std::move(done));
      }
      done(answered());
    };
  }

 private:
  void spawn(unsigned request, std::function<void(Result<std::string>)> done) {
    const auto finish = [done = std::move(done)](const std::exception_ptr& thrown, Result<std::string> got) {
      done(thrown ? fail(Errc::transport, "the request's body cannot be read") : std::move(got));
    };
    asio::co_spawn(
        stream_.get_executor(), [self = this->shared_from_this(), request] { return self->piece(request); }, finish);
  }
  static Error answered() { return fail(Errc::transport, "the request has been answered"); }

  // The size of the next head, its empty line included, once it has been received; 0 when there is none. In place of
  // async_read_until, whose search costs as much as all that is done with a session.
  asio::awaitable<std::size_t> readHead() {
    limitTime();
    for (std::size_t searched = 0;;) {
      const std::size_t end = received().find(headEnd, searched);
      if (end != std::string_view::npos && end + headEnd.size() <= options_.maxHeadSize) co_return end + headEnd.size();
      const std::size_t had = received_.size();
      if (had >= options_.maxHeadSize) {
        co_await refuse({431, "head_too_large"});
        co_return 0;
      }
      searched = had - std::min(had, headEnd.size() - 1);  // a part of the end may have come
      const auto room = received_.prepare(std::min(headStep, options_.maxHeadSize - had));
      BeastError problem;
      received_.commit(co_await stream_.async_read_some(room, into(problem)));
      if (problem) co_return 0;
    }
  }

  asio::awaitable<bool> write(const BeastRequest& request, BeastAnswer answer) {
    if (auto* own = std::get_if<boost::beast::http::message_generator>(&answer)) {
      const bool keeps = mayGoOn() && own->keep_alive();
      limitTime();
      BeastError problem;
      co_await boost::beast::async_write(stream_, std::move(*own), into(problem));
      co_return keeps && !problem;
    }
    Response& response = std::get<Response>(answer);
    const auto after = response.upgraded ? AfterResponse::switchProtocols
                       : mayGoOn()       ? AfterResponse::keepConnection
                                         : AfterResponse::closeConnection;
    const AnsweredRequest to{
        .method = request.web().method, .isHttp11 = request.head().version() == 11, .after = after};
    auto head = responseHead(response, to, reasonOf(response.status));
    if (!head) {
      request.report(std::make_exception_ptr(std::runtime_error(head.error().detail)));
      response = internalErrorAnswer(response);
      head = responseHead(response, to, reasonOf(response.status));
    }
    const bool isSent = co_await send(*head, request, response);
    const bool endsWithClose = head->framing == BodyFraming::untilClose;
    if (!isSent && endsWithClose) reset();
    if (isSent && response.upgraded) {
      std::string behind(received());
      received_ = {};
      co_await std::make_shared<BeastTunnel<Stream>>(this->shared_from_this(), stream_, std::move(behind), response,
                                                     options_.timeout)
          ->run();
    }
    co_return isSent && !endsWithClose && after == AfterResponse::keepConnection;
  }

  [[nodiscard]] std::string_view received() const {
    return {static_cast<const char*>(received_.cdata().data()), received_.size()};
  }
  // g++ 12 loses structured bindings across a co_await: no as_tuple.
  static auto into(BeastError& problem) { return asio::redirect_error(asio::use_awaitable, problem); }
  static constexpr bool isPlain = std::is_same_v<Stream, boost::beast::lowest_layer_type<Stream>>;
  static constexpr std::string_view headEnd = "\r\n\r\n";
  static constexpr std::size_t headStep = 2048;  // most heads with a session at once
  static constexpr std::size_t pieceSize = 32 * 1024;
  static constexpr std::size_t mostLingering = 256 * 1024;
  static constexpr std::chrono::seconds lingering{2};
  static constexpr unsigned mostTurns = 100;
  static constexpr std::size_t shortestChunked = std::string_view("0\r\n\r\n").size();

  void limitTime() { limitTime(options_.timeout); }
  void limitTime(BodyPace::Duration time) { boost::beast::get_lowest_layer(stream_).expires_after(time); }
  [[nodiscard]] bool mayGoOn() const { return keeps_ && parser_->is_done(); }
  static std::string_view reasonOf(int status) {
    const auto reason = boost::beast::http::obsolete_reason(static_cast<boost::beast::http::status>(status));
    return {reason.data(), reason.size()};
  }

  // cppcheck-suppress passedByValue ; a coroutine's
  asio::awaitable<void> refuse(Refusal refusal) {
    const Response response = refusalAnswer(refusal);
    const auto head = responseHead(response, {.after = AfterResponse::closeConnection}, reasonOf(response.status));
    limitTime();
    BeastError ignored;
    co_await asio::async_write(stream_, headAndBody(*head, response), into(ignored));
  }
  // Where a connection's end is the body's, one that is cut must not look like it.
  void reset() {
    auto& lowest = boost::beast::get_lowest_layer(stream_);
    BeastError ignored;
    lowest.socket().set_option(asio::socket_base::linger(true, 0), ignored);
    lowest.close();
  }
  // Lets other handlers run until it is not any more; not for long.
  asio::awaitable<void> whileIs(const bool& state) {
    for (unsigned turns = 0; state && turns < mostTurns; ++turns) {
      co_await asio::post(stream_.get_executor(), asio::use_awaitable);
    }
  }
  static std::array<asio::const_buffer, 2> headAndBody(const ResponseHead& head, const Response& response) {
    const bool isWhole = head.framing == BodyFraming::length;
    return {asio::buffer(head.text), asio::buffer(response.body.data(), isWhole ? response.body.size() : 0)};
  }

  // Whether all of it has left.
  asio::awaitable<bool> send(const ResponseHead& head, const BeastRequest& request, const Response& response) {
    limitTime();
    BeastError problem;
    co_await asio::async_write(stream_, headAndBody(head, response), into(problem));
    if (problem) co_return false;
    if (head.framing == BodyFraming::length || head.framing == BodyFraming::none) co_return true;
    while (true) {
      const Result<std::string> piece = co_await nextOf(request, response);
      if (!piece) co_return false;  // the peer sees that its end is missing
      const bool isChunked = head.framing == BodyFraming::chunked;
      const std::string before = isChunked ? chunkHead(piece->size()) : std::string();
      const std::string_view behind = isChunked ? chunkTail : std::string_view();
      const std::array<asio::const_buffer, 3> bytes{asio::buffer(before), asio::buffer(*piece), asio::buffer(behind)};
      limitTime();
      co_await asio::async_write(stream_, bytes, into(problem));
      if (problem) co_return false;
      if (piece->empty()) co_return true;
    }
  }
  // The next piece of a streamed response, which comes on any thread. What its reader throws is told.
  asio::awaitable<Result<std::string>> nextOf(const BeastRequest& request, const Response& response) {
    const auto threw = [&request] {
      request.report(std::current_exception());
      return fail(Errc::malformed, "the body's reader threw an exception");
    };
    if (response.bodyReader) {
      try {
        co_return response.bodyReader();
      } catch (...) {
        co_return threw();
      }
    }
    const auto start = [next = response.asyncBodyReader, threw](
                           AsioAlone&, const std::function<void(Result<std::string>)>& done, const std::stop_token&) {
      try {
        next(done);
      } catch (...) {
        done(threw());
      }
    };
    co_return co_await asioOperation<Result<std::string>>(AsioAlone(), start, asio::use_awaitable);
  }

  // What can be made of the bytes that have come; empty: nothing yet, or the end.
  [[nodiscard]] Result<std::string> parsePiece() {
    std::string piece;
    // Beast takes at least that for granted once it has seen the head of a last chunk that is the first.
    if (parser_->chunked() && !hasBegunBody_ && received_.size() < shortestChunked) return piece;
    hasBegunBody_ = true;
    while (!parser_->is_done() && received_.size() > 0 && piece.empty()) {
      piece.resize(std::min(pieceSize, received_.size()));
      auto& body = parser_->get().body();
      body.data = piece.data();
      body.size = piece.size();
      BeastError problem;
      const std::size_t used = parser_->put(received_.cdata(), problem);
      received_.consume(used);
      piece.resize(piece.size() - body.size);
      if (problem == boost::beast::http::error::need_buffer) problem = {};
      const bool needsMore = problem == boost::beast::http::error::need_more;
      if (problem && !needsMore) return fail(Errc::malformed, "the request's body is malformed");
      if (needsMore || used == 0) break;
    }
    if (parser_->is_done() && received_.size() == 0) received_.shrink_to_fit();
    return piece;
  }
  asio::awaitable<std::optional<Error>> readMore() {
    if (received_.size() >= options_.maxHeadSize)
      co_return fail(Errc::malformed, "a chunk's head or the trailer is too large");
    isReading_ = true;
    if (std::exchange(expectsContinue_, false)) {  // RFC 9110 section 10.1.1
      static constexpr std::string_view go = "HTTP/1.1 100 Continue\r\n\r\n";
      BeastError ignored;
      isContinuing_ = true;
      co_await asio::async_write(stream_, asio::buffer(go), into(ignored));
      isContinuing_ = false;
    }
    const std::uint64_t most = parser_->content_length().value_or(pieceSize);
    const auto room = received_.prepare(static_cast<std::size_t>(std::min<std::uint64_t>(pieceSize, most)));
    BeastError problem;
    const auto begin = std::chrono::steady_clock::now();
    const std::size_t size = co_await stream_.async_read_some(room, into(problem));
    pace_.came(size);
    pace_.waited(std::chrono::steady_clock::now() - begin);
    received_.commit(size);
    isReading_ = false;
    if (problem == boost::beast::error::timeout)
      co_return fail(Errc::timeout, "the request's body did not come in time");
    if (problem) co_return fail(Errc::transport, "the request's body was cut off");
    co_return std::nullopt;
  }

  const BeastOptions options_;
  Stream stream_;
  boost::beast::flat_buffer received_;  // and not yet parsed
  std::optional<boost::beast::http::request_parser<boost::beast::http::buffer_body>> parser_;
  bool keeps_ = false;
  unsigned number_ = 0;  // of the request that is served
  BodyPace pace_;        // of its body
  bool hasBegunBody_ = false;
  bool isReading_ = false;
  bool expectsContinue_ = false;
  bool isContinuing_ = false;  // the word that it may is being written
};

}  // namespace ironjar::detail
