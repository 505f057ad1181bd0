// One request and its response. Part of <ironjar/asio/transport.hpp>.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

#include <ironjar/asio/body.hpp>
#include <ironjar/asio/idle.hpp>
#include <ironjar/asio/opening.hpp>
#include <ironjar/asio/upload.hpp>

namespace ironjar::detail {

// What the requests of a transport share.
struct AsioShared {
  AsioShared(const asio::any_io_executor& executor, AsioTransportOptions options)
      : opener(std::move(options)),
        loop(AsioLoop::of(executor)),
        idle(std::make_shared<AsioIdle>(
            loop, opener.options.maxIdle,
            opener.options.shareAmongGroups ? opener.options.maxIdle : opener.options.maxIdlePerGroup,
            opener.options.idleTimeout)) {}
  AsioOpener opener;
  const std::shared_ptr<AsioLoop> loop;
  const std::shared_ptr<AsioIdle> idle;
};

struct AsioTask {
  HttpTarget target = {};
  std::string head = {};
  std::string key = {};  // of kept connections; empty: none
};

// For its strand; the timer owns it until it is over.
//
// | stage     | goes on when                        | a deadline, a stop or an error ends it by | next               |
// | --------- | ----------------------------------- | ----------------------------------------- | ------------------ |
// | opening   | there is a connection               | calling `done`                            | exchanging         |
// | exchanging| it can be written, read; a piece of | calling `done`                            | over, or streaming |
// |           | the request's body has come         |                                           | at a head          |
// | streaming | somebody asks for a piece           | giving it for the next piece              | over               |
class AsioExchange : public std::enable_shared_from_this<AsioExchange> {
 public:
  AsioExchange(std::shared_ptr<AsioShared> shared, const Strand& strand, Deadline deadline, ResponseHandler done)
      : shared_(std::move(shared)), strand_(strand), timer_(strand), until_(deadline), done_(std::move(done)) {}
  [[nodiscard]] const Strand& strand() const { return strand_; }

  // `kept` is one that may be used, if it still can.
  void begin(const Request& request, AsioTask task, std::shared_ptr<AsioConnection> kept, const std::stop_token& stop) {
    const AsioTransportOptions& options = shared_->opener.options;
    streams_ = request.streamsResponse;
    reader_.emplace(request.method, ResponseLimits{options.maxHeadSize, streams_ ? unlimited : options.maxBodySize});
    key_ = std::move(task.key);
    arm();
    if (stop.stop_requested()) return finish(fail(Errc::cancelled));
    stop_.emplace(stop, [loop = shared_->loop, weak = weak_from_this()] {
      loop->post(weak, [](AsioExchange& self) { self.end(fail(Errc::cancelled)); });
    });
    if (auto problem = upload_.begin(request, std::move(task.head))) return finish(*std::move(problem));
    if (isLate()) return onLate();
    if (kept && kept->takeBack()) return exchange(std::move(kept));
    const auto opened = [weak = weak_from_this()](Result<std::shared_ptr<AsioConnection>> connection) {
      const auto self = weak.lock();
      if (!self || self->stage_ != Stage::opening) return;
      connection ? self->exchange(*std::move(connection)) : self->finish(std::move(connection).error());
    };
    opening_ = std::make_shared<AsioOpening>(shared_->opener, strand_, std::move(task.target), opened);
    opening_->begin();
  }

  void onReady(bool) {
    if (stage_ == Stage::exchanging) send();
    receive();
  }

  // The streamed body's: see AsioBody.
  void ask(PieceHandler done) {
    if (stage_ != Stage::streaming) return;
    wanted_ = std::move(done);
    if (deliver()) return;
    setUntil(std::chrono::steady_clock::now() + shared_->opener.options.streamIdle);
    receive();
  }
  void abandon() {
    if (stage_ != Stage::streaming) return;
    isAbandoned_ = true;
    if (!wanted_) over();
  }

 private:
  enum class Stage { opening, exchanging, streaming, over };
  static constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max();
  static constexpr std::size_t atOnce = 256 * 1024;  // written or read before others have their turn
  static constexpr std::size_t step = 32 * 1024;
  static constexpr int firstRefusal = 400;

  // --- time

  [[nodiscard]] bool isLate() const { return std::chrono::steady_clock::now() >= until_; }
  void setUntil(MonotonicTime until) {
    until_ = until;
    if (until < armed_) arm();
  }
  // At most an hour at a time, since a deadline may be the end of all time.
  void arm() {
    armed_ = std::min(until_, std::chrono::steady_clock::now() + std::chrono::hours{1});
    timer_.expires_at(armed_);
    timer_.async_wait([self = shared_from_this()](AsioError problem) {
      if (problem || self->stage_ == Stage::over) return;
      self->arm();
      if (self->isLate()) self->onLate();
    });
  }
  void onLate() {
    if (stage_ == Stage::streaming) return end(fail(Errc::timeout, "the body's next piece did not come in time"));
    const bool hasSent = connection_ && connection_->hasSent();
    finish(hasSent ? fail(Errc::timeout, "no complete response by the deadline")
                   : fail(Errc::unreachable, "the deadline passed before anything was sent"));
  }

  // --- the request

  void exchange(std::shared_ptr<AsioConnection> connection) {
    stage_ = Stage::exchanging;
    opening_.reset();
    connection_ = std::move(connection);
    connection_->use(shared_from_this());
    if (isLate()) return onLate();
    connection_->wait(IoStep::waitToRead);  // a response may come early (RFC 9112 section 9.5)
    send();
  }

  void send() {
    std::size_t left = atOnce;
    while (stage_ == Stage::exchanging && left > 0) {
      const std::string_view bytes = upload_.next();
      if (bytes.empty()) {
        if (upload_.isSent()) return progress();
        if (upload_.wantsPiece()) askForPiece();
        return;
      }
      const IoResult io = connection_->write(bytes.substr(0, step));
      if (io.step == IoStep::waitToRead || io.step == IoStep::waitToWrite) return connection_->wait(io.step);
      if (io.step != IoStep::done) return onBroken(io.step);
      upload_.sent(io.size);
      left -= std::min(left, io.size);
    }
    if (stage_ == Stage::exchanging) connection_->wait(IoStep::waitToWrite);
  }

  void askForPiece() {
    upload_.ask([loop = shared_->loop, weak = weak_from_this()](Result<std::string> piece) {
      loop->post(weak, [piece = std::move(piece)](AsioExchange& self) { self.onPiece(piece); });
    });
  }
  void onPiece(const Result<std::string>& piece) {
    if (stage_ != Stage::exchanging || !upload_.isAsking()) return;
    if (!piece) return finish(piece.error());
    if (isLate()) return onLate();  // a reader that blocks delays the timer
    upload_.take(*piece);
    send();
  }

  // A server that closes with a part of the request unread breaks the connection behind its answer, which can be read
  // all the same. OpenSSL wants no more I/O after a write that failed; but its two directions are apart (RFC 8446
  // section 6.1), and there is no other way to what came before.
  void onBroken(IoStep why) {
    if (why == IoStep::refused) return finish(refused());
    if (!connection_->hasSent()) {
      return finish(fail(Errc::unreachable, "the connection broke before anything was sent"));
    }
    isBroken_ = true;
    upload_.stop();
    connection_->wait(IoStep::waitToRead);
  }

  // --- the response

  [[nodiscard]] bool wantsMore() const {
    if (!reader_ || reader_->complete() || !connection_) return false;
    if (stage_ == Stage::streaming) return bool(wanted_);
    return stage_ == Stage::exchanging && held_.size() <= shared_->opener.options.maxBodySize;
  }

  void receive() {
    std::array<char, step> buffer;
    for (std::size_t turn = 0; turn < atOnce / step; ++turn) {
      if (!wantsMore()) return;
      const IoResult io = connection_->read(buffer.data(), buffer.size());
      if (io.step == IoStep::waitToRead || io.step == IoStep::waitToWrite) return connection_->wait(io.step);
      auto problem = io.step == IoStep::done ? reader_->read({buffer.data(), io.size}) : atEnd(io.step);
      if (problem) return end(*std::move(problem));
      progress();
    }
    asio::post(strand_, [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->receive();
    });
  }

  // A body that ends with a connection that broke may have been cut by the break: of a refusal that is no loss.
  [[nodiscard]] std::optional<Error> atEnd(IoStep why) {
    if (why == IoStep::refused) return refused();
    isCut_ = isBroken_ && !connection_->isTls();
    if (why == IoStep::broken && !isCut_) return fail(Errc::transport, "the connection broke");
    return reader_->end();
  }
  static Error refused() { return fail(Errc::unreachable, "TLS: the peer refuses our certificate"); }

  // After each step: gives what there is to give.
  void progress() {
    if (streams_ && reader_->hasHead()) {
      if (!response_) {
        response_ = reader_->takeHead();
        held_ = std::exchange(response_->body, {});
      } else {
        held_ += reader_->takeBody();
      }
    }
    if (stage_ == Stage::streaming) {
      if (reader_->complete()) letGo();
      deliver();
      return;
    }
    const bool isComplete = reader_->complete();
    if (isComplete && !streams_) response_ = reader_->take();
    if (!response_) return;
    const bool isRefusal = response_->status >= firstRefusal;
    if (isCut_ && isComplete && !isRefusal) return finish(fail(Errc::transport, "the connection broke"));
    // Before the request is sent, only a refusal is given while its body is still to come: nothing is sent after that.
    if (streams_ && (isComplete || isRefusal || upload_.isSent())) return stream();
    if (isComplete) finish(*std::move(response_));
  }

  // Whoever waited for the response has it from here on, and the request is dead.
  void stream() {
    wasSent_ = upload_.isSent();
    upload_.stop();
    stage_ = Stage::streaming;
    until_ = MonotonicTime::max();
    if (reader_->complete()) letGo();
    Response response = *std::move(response_);
    response.asyncBodyReader = AsioBody<AsioExchange>::reader(shared_->loop, weak_from_this(), state_);
    std::exchange(done_, nullptr)(std::move(response));
  }
  // Gives the next piece to whoever has asked, if there is one, or the end.
  bool deliver() {
    if (!wanted_ || (held_.empty() && !problem_ && !reader_->complete())) return false;
    Result<std::string> piece = std::exchange(held_, {});
    if (piece->empty() && problem_) piece = *problem_;
    if (!piece || piece->empty()) *state_ = piece ? BodyState::ended : BodyState::failed;
    until_ = MonotonicTime::max();
    const PieceHandler done = std::exchange(wanted_, nullptr);
    if (isAbandoned_ || !piece || piece->empty()) over();
    done(std::move(piece));
    return true;
  }

  // --- the end

  void end(Error error) {
    if (stage_ != Stage::streaming) return finish(std::move(error));
    if (reader_->complete() || problem_) return;  // what has come in time can be read
    problem_ = std::move(error);
    connection_.reset();
    deliver();
  }
  void finish(Result<Response> result) {
    if (stage_ == Stage::over) return;
    wasSent_ = upload_.isSent();
    if (result && connection_) letGo();
    const ResponseHandler done = std::exchange(done_, nullptr);
    over();
    done(std::move(result));
  }
  // The response is complete: the connection is kept, where it may be.
  void letGo() {
    const auto connection = std::exchange(connection_, nullptr);
    if (connection && !key_.empty() && wasSent_ && reader_->mayKeep()) shared_->idle->give(std::move(key_), connection);
  }
  void over() {
    stage_ = Stage::over;
    stop_.reset();
    opening_.reset();
    connection_.reset();
    upload_.stop();
    timer_.cancel();
  }

  const std::shared_ptr<AsioShared> shared_;
  const Strand strand_;
  AsioTimer timer_;
  MonotonicTime until_;
  MonotonicTime armed_ = MonotonicTime::max();
  ResponseHandler done_;
  std::optional<std::stop_callback<std::function<void()>>> stop_;
  Stage stage_ = Stage::opening;
  std::string key_;
  std::shared_ptr<AsioOpening> opening_;
  std::shared_ptr<AsioConnection> connection_;
  AsioUpload upload_;
  bool wasSent_ = false;
  bool isBroken_ = false;  // while the request was being sent
  bool isCut_ = false;     // the response has ended with a connection that broke

  std::optional<ResponseReader> reader_;
  std::optional<Response> response_;
  bool streams_ = false;
  std::string held_;  // of the body, until somebody asks
  std::optional<Error> problem_;
  PieceHandler wanted_;
  bool isAbandoned_ = false;
  const std::shared_ptr<std::atomic<BodyState>> state_ = std::make_shared<std::atomic<BodyState>>(BodyState::open);
};

}  // namespace ironjar::detail
