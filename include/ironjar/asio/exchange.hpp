// One request and its response. Part of <ironjar/asio/transport.hpp>.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

#include <ironjar/asio/body.hpp>
#include <ironjar/asio/deadline.hpp>
#include <ironjar/asio/download.hpp>
#include <ironjar/asio/shared.hpp>
#include <ironjar/asio/upgraded.hpp>
#include <ironjar/asio/upload.hpp>

namespace ironjar::detail {

// For its strand; its deadline owns it until it is over.
//
// | stage     | goes on when                        | a deadline, a stop or an error ends it by | next               |
// | --------- | ----------------------------------- | ----------------------------------------- | ------------------ |
// | opening   | there is a connection               | calling `done`                            | exchanging         |
// | exchanging| it can be written, read; a piece of | calling `done`                            | over, or streaming |
// |           | the request's body has come         |                                           | at a head          |
// | streaming | somebody asks for a piece           | giving it for the next piece              | over               |
class AsioExchange : public std::enable_shared_from_this<AsioExchange> {
 public:
  AsioExchange(std::shared_ptr<AsioShared> shared, const Strand& strand, AsioTask task, Deadline deadline,
               ResponseHandler done)
      : shared_(std::move(shared)), strand_(strand), task_(std::move(task)), until_(deadline), done_(std::move(done)) {}
  [[nodiscard]] const Strand& strand() const { return strand_; }

  // `kept` is one that may be used, if it still can.
  void begin(const Request& request, std::shared_ptr<AsioConnection> kept, const std::stop_token& stop) {
    until_ = RequestDeadline(until_.until(), request);
    download_.emplace(request, shared_->opener.options);
    if (kept) deadline_ = kept->takeDeadline();
    deadline_.begin(shared_from_this(), until_.until());
    if (stop.stop_requested()) return finish(fail(Errc::cancelled));
    stop_.emplace(stop, [loop = shared_->loop, weak = weak_from_this()] {
      loop->post(weak, [](AsioExchange& self) { self.end(fail(Errc::cancelled)); });
    });
    if (auto problem = upload_.begin(request, std::move(task_.head))) return finish(*std::move(problem));
    if (deadline_.isLate()) return onLate();
    if (kept && kept->takeBack()) return exchange(std::move(kept));
    const auto opened = [weak = weak_from_this()](Result<std::shared_ptr<AsioConnection>> connection) {
      const auto self = weak.lock();
      if (!self || self->stage_ != Stage::opening) return;
      connection ? self->exchange(*std::move(connection)) : self->finish(std::move(connection).error());
    };
    opening_ = std::make_shared<AsioOpening>(shared_->opener, strand_, std::move(task_.target), opened);
    opening_->begin();
  }

  void onReady(bool) {
    if (stage_ == Stage::exchanging && !upload_.isSent()) send();
    receive();
  }

  void onLate() {
    if (stage_ == Stage::streaming) return end(fail(Errc::timeout, "the body's next piece did not come in time"));
    const bool hasSent = connection_ && connection_->hasSent();
    finish(hasSent ? fail(Errc::timeout, "no complete response by the deadline")
                   : fail(Errc::unreachable, "the deadline passed before anything was sent"));
  }

  // The streamed body's: see AsioBody.
  void ask(PieceHandler done) {
    if (stage_ != Stage::streaming) return;
    download_->pieces.want(std::move(done));
    if (deliver()) return;
    deadline_.move(std::chrono::steady_clock::now() + shared_->opener.options.streamIdle);
    receive();
  }
  void abandon() {
    if (stage_ != Stage::streaming) return;
    download_->pieces.abandon();
    if (download_->pieces.isOver()) over();
  }

 private:
  enum class Stage { opening, exchanging, streaming, over };
  static constexpr std::size_t atOnce = 256 * 1024;      // written or read before others have their turn
  static constexpr std::size_t step = 32 * 1024;         // read at once
  static constexpr std::size_t mostWritten = 64 * 1024;  // so that a piece of a body is sent whole, with what frames it

  // --- the request

  void exchange(std::shared_ptr<AsioConnection> connection) {
    stage_ = Stage::exchanging;
    opening_.reset();
    connection_ = std::move(connection);
    connection_->use(shared_from_this());
    if (deadline_.isLate()) return onLate();
    connection_->wait(IoStep::waitToRead);  // a response may come early (RFC 9112 section 9.5)
    send();
  }

  void send() {
    std::size_t left = atOnce;
    while (stage_ == Stage::exchanging && left > 0) {
      if (upload_.next().empty()) {
        if (upload_.isSent()) return progress();
        if (upload_.wantsPiece()) askForPiece();
        return;
      }
      // A connection that its peer closes behind an early response breaks, and may take that with it: it is read first.
      if (connection_->hasSent() || upload_.next().size() > mostWritten) receive();
      const std::string_view bytes = upload_.next();
      if (bytes.empty()) continue;
      const IoResult io = connection_->write(bytes.substr(0, mostWritten));
      if (io.step == IoStep::waitToRead || io.step == IoStep::waitToWrite) return connection_->wait(io.step);
      if (io.step != IoStep::done) return onBroken(io.step);
      upload_.sent(io.size);
      until_.sent();
      if (until_.moves()) deadline_.move(until_.until());
      left -= std::min(left, io.size);
    }
    if (stage_ == Stage::exchanging) connection_->wait(IoStep::waitToWrite);
  }

  void askForPiece() {
    upload_.ask([loop = shared_->loop, weak = weak_from_this()](Result<std::string> piece) {
      loop->post(weak, [piece = std::move(piece)](AsioExchange& self) mutable { self.onPiece(std::move(piece)); });
    });
  }
  void onPiece(Result<std::string> piece) {
    if (stage_ != Stage::exchanging || !upload_.isAsking()) return;
    if (!piece) return finish(piece.error());
    if (deadline_.isLate()) return onLate();  // a reader that blocks delays the timer
    if (auto problem = upload_.take(*std::move(piece))) return finish(*std::move(problem));
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
    if (!connection_ || download_->isComplete()) return false;
    if (stage_ == Stage::streaming) return download_->pieces.isWanted();
    return stage_ == Stage::exchanging && !download_->isFull();
  }

  void receive() {
    std::array<char, step> buffer;
    for (std::size_t turn = 0; turn < atOnce / step; ++turn) {
      if (!wantsMore()) return;
      const IoResult io = connection_->read(buffer.data(), buffer.size());
      if (io.step == IoStep::waitToRead || io.step == IoStep::waitToWrite) return connection_->wait(io.step);
      if (io.step == IoStep::broken && stage_ == Stage::exchanging && !isBroken_ && !upload_.isSent()) {
        onBroken(io.step);
        continue;
      }
      auto problem = io.step == IoStep::done ? download_->read({buffer.data(), io.size}) : atEnd(io.step);
      if (!problem || io.step == IoStep::done) progress();  // what came before an error is read first
      if (problem) return end(*std::move(problem));
    }
    asio::post(strand_, [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->receive();
    });
  }

  // A body that ends with a connection that broke may have been cut by the break: of a refusal that is no loss.
  [[nodiscard]] std::optional<Error> atEnd(IoStep why) {
    if (why == IoStep::refused) return refused();
    const bool isCut = isBroken_ && !connection_->isTls();
    if (why == IoStep::broken && !isCut) return fail(Errc::transport, "the connection broke");
    return download_->end(isCut);
  }
  static Error refused() { return fail(Errc::unreachable, "TLS: the peer refuses our certificate"); }

  // After each step: gives what there is to give.
  void progress() {
    if (stage_ == Stage::streaming) {
      if (download_->isComplete()) letGo();
      deliver();
      return;
    }
    if (!download_->hasResponse()) return;
    // Before the request is sent, only a refusal is given while its body is still to come: nothing is sent after that.
    if (download_->streams() && (download_->isComplete() || download_->isRefusal() || upload_.isSent())) {
      return stream();
    }
    if (download_->isComplete()) finish(download_->take());
  }

  // Whoever waited for the response has it from here on, and the request is dead.
  void stream() {
    if (download_->hasSwitched()) return handOver();
    wasSent_ = upload_.isSent();
    upload_.stop();
    stage_ = Stage::streaming;
    deadline_.move(MonotonicTime::max());
    if (download_->isComplete()) letGo();
    Response response = download_->take();
    response.asyncBodyReader =
        AsioBody<AsioExchange>::reader(shared_->loop, weak_from_this(), download_->pieces.told());
    std::exchange(done_, nullptr)(std::move(response));
  }
  // The connection is HTTP's no more.
  void handOver() {
    Response response = download_->take();
    std::string protocol(findHeader(response.headers, "Upgrade").value_or(""));
    const auto upgraded =
        std::make_shared<AsioUpgraded>(std::exchange(connection_, nullptr), std::move(download_->pieces));
    AsioUpgraded::begin(upgraded, shared_->loop, response, std::move(protocol));
    finish(std::move(response));
  }
  bool deliver() {
    auto given = download_->pieces.take();
    if (!given) return false;
    deadline_.move(MonotonicTime::max());  // no time runs while nobody asks
    if (download_->pieces.isOver()) over();
    given->first(std::move(given->second));
    return true;
  }

  // --- the end

  void end(Error error) {
    if (stage_ != Stage::streaming) return finish(std::move(error));
    if (download_->pieces.isEnded()) return;  // what has come in time can be read
    download_->pieces.fail(std::move(error));
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
  // The response is complete: the connection is kept, where it may be. A body that streams goes on without it, and with
  // the deadline.
  void letGo() {
    const auto connection = std::exchange(connection_, nullptr);
    if (!connection || task_.key.empty() || !wasSent_ || !download_->mayKeep()) return;
    const bool isAll = stage_ != Stage::streaming;
    shared_->idle->give(std::move(task_.key), connection, isAll ? std::move(deadline_) : AsioDeadline());
  }
  void over() {
    stage_ = Stage::over;
    stop_.reset();
    opening_.reset();
    connection_.reset();
    upload_.stop();
    deadline_.end();
  }

  const std::shared_ptr<AsioShared> shared_;
  const Strand strand_;
  AsioTask task_;
  RequestDeadline until_;  // of the request
  AsioDeadline deadline_;
  ResponseHandler done_;
  std::optional<std::stop_callback<std::function<void()>>> stop_;
  Stage stage_ = Stage::opening;
  std::shared_ptr<AsioOpening> opening_;
  std::shared_ptr<AsioConnection> connection_;
  AsioUpload upload_;
  bool wasSent_ = false;
  bool isBroken_ = false;  // while the request was being sent
  std::optional<AsioDownload> download_;
};

}  // namespace ironjar::detail
