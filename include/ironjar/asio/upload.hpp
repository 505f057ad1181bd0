// A request as bytes to send, its body in memory or in pieces. Part of <ironjar/asio/transport.hpp>.
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <ironjar/http1.hpp>

namespace ironjar::detail {

// Not thread-safe. What the application's code throws is an error of the body's: Errc::malformed.
class AsioUpload {
 public:
  // The request must live until stop(). An error when its body cannot be begun.
  [[nodiscard]] std::optional<Error> begin(const Request& request, std::string head) {
    bytes_ = std::move(head);
    framer_.emplace(request);
    try {
      if (request.openAsyncBody) {
        asyncReader_ = request.openAsyncBody();
      } else if (request.openBody) {
        reader_ = request.openBody();
      }
    } catch (...) {  // NOLINT(bugprone-empty-catch): then there is no reader
    }
    inPieces_ = request.openAsyncBody || request.openBody;
    if (inPieces_ && !asyncReader_ && !reader_) return fail(Errc::malformed, "the body cannot be read again");
    const bool hasPieces = inPieces_;
    inPieces_ = hasPieces && !framer_->isEnded();
    if (hasPieces) return std::nullopt;
    // One packet instead of two where that costs little.
    if (request.body.size() <= together) {
      bytes_.append(request.body);
    } else {
      body_ = request.body;
    }
    return std::nullopt;
  }

  // What is to be sent next. Empty: all is sent, or a piece is wanted.
  [[nodiscard]] std::string_view next() const { return sent_ < bytes_.size() ? rest() : body_; }
  void sent(std::size_t size) {
    const std::size_t ofBytes = std::min(size, bytes_.size() - sent_);
    sent_ += ofBytes;
    body_.remove_prefix(size - ofBytes);
  }
  [[nodiscard]] bool isSent() const { return !isStopped_ && !inPieces_ && next().empty(); }
  [[nodiscard]] bool wantsPiece() const { return !isStopped_ && inPieces_ && !isAsking_ && next().empty(); }

  // Asks the body's reader. `done` is called once with the piece, be it within this call.
  void ask(const std::function<void(Result<std::string>)>& done) {
    isAsking_ = true;
    try {
      if (asyncReader_) return asyncReader_(done);
      done(reader_());
    } catch (...) {
      done(fail(Errc::malformed, "the body's reader threw an exception"));
    }
  }
  [[nodiscard]] bool isAsking() const { return isAsking_; }
  // What was asked for. An error when it is not as long as it was said to be.
  [[nodiscard]] std::optional<Error> take(std::string piece) {
    isAsking_ = false;
    sent_ = 0;
    const bool isEnd = piece.empty();
    Result<std::string> framed = framer_->frame(std::move(piece));
    if (!framed) return std::move(framed).error();
    inPieces_ = !isEnd && !framer_->isEnded();
    bytes_ = *std::move(framed);
    return std::nullopt;
  }

  // Nothing more is sent, and nothing of the request is read.
  void stop() {
    *this = AsioUpload();
    isStopped_ = true;
  }

 private:
  static constexpr std::size_t together = 16 * 1024;

  [[nodiscard]] std::string_view rest() const { return std::string_view(bytes_).substr(sent_); }

  std::string bytes_;  // the head, then a piece
  std::optional<BodyFramer> framer_;
  std::size_t sent_ = 0;
  std::string_view body_;  // that is sent from where it is
  AsyncBodyReader asyncReader_;
  BodyReader reader_;
  bool inPieces_ = false;  // and there are more
  bool isAsking_ = false;
  bool isStopped_ = false;
};

}  // namespace ironjar::detail
