// One request and its response on a connection. Part of <ironjar/httplib/transport.hpp>.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <ironjar/httplib/connection.hpp>

namespace ironjar::detail {

// What the application's code throws is an error of the body's; a transport does not throw.
inline Result<std::string> read(const BodyReader& next) {
  try {
    return next();
  } catch (...) {
    return fail(Errc::malformed, "the body's reader threw an exception");
  }
}
inline BodyReader beginBody(const Request& request) {
  try {
    return hasStreamedBody(request) ? openBodyOf(request) : nullptr;
  } catch (...) {
    return nullptr;
  }
}

// One request and its response. Between the pieces of the request it reads what has come meanwhile, since a server may
// answer before it has read the whole request (RFC 9112 section 9.5). Once the response is complete, nothing more is
// sent; of one that is streamed, once its head has come and the request is sent, or is refused.
class Exchange {
 public:
  // With `streams` the response comes at its head; `held` bounds what has come of its body by then.
  Exchange(Connection& peer, ResponseReader reader, Deadline deadline, std::optional<std::size_t> held = {})
      : peer_(peer), reader_(std::move(reader)), deadline_(deadline), held_(held) {
    peer_.beginRequest();
  }

  using Problem = std::optional<Error>;
  // Sends the request and reads the response, which is there when no problem is returned: up to its end or, when it is
  // streamed, to its head.
  [[nodiscard]] Problem send(std::string head, const Request& request, const BodyReader& body) {
    if (body) deadline_ = RequestDeadline(deadline_.until(), request);
    Problem problem = body ? writePieces(head, body, BodyFramer(request)) : writeWhole(std::move(head), request.body);
    hasSentAll_ = !problem && !hasEnough();
    if (problem && !isBroken_) return problem;
    Problem atEnd = receive();
    if (!problem || (atEnd && atEnd->code == Errc::unreachable)) return atEnd;
    // A server that closes with a part of the request unread breaks the connection behind its answer, which can be read
    // all the same. OpenSSL wants no more I/O after a write that failed; but its two directions are apart (RFC 8446
    // section 6.1), and there is no other way to what came before. A body that ends with the connection may have been
    // cut by the break: of a refusal that is no loss.
    if (atEnd) return problem;
    if (!streams()) head_ = reader_.take();
    return isCut_ && head_->status < firstRefusal ? problem : std::nullopt;
  }
  [[nodiscard]] bool isComplete() const { return reader_.complete(); }
  [[nodiscard]] bool mayKeep() const { return hasSentAll_ && reader_.mayKeep(); }
  [[nodiscard]] Response take() { return head_ ? *std::move(head_) : reader_.take(); }

  // After the head of a streamed response: what has come of its body, or comes next; empty at its end.
  [[nodiscard]] Result<std::string> next(Deadline deadline) {
    while (pieces_.empty() && !isComplete()) {
      if (problem_) return *problem_;
      if (auto problem = receiveSome(deadline, "the body's next piece did not come in time"))
        return *std::move(problem);
    }
    return std::exchange(pieces_, {});
  }

 private:
  static constexpr std::size_t step = 16 * 1024;
  static constexpr int firstRefusal = 400;

  [[nodiscard]] bool streams() const { return held_.has_value(); }
  // Nothing more need be sent, nor be received for now. While the request is being sent a head is only given when it
  // refuses: who has it may wait for what the server wants to read first.
  [[nodiscard]] bool hasEnough() const {
    return isComplete() || (head_ && (hasSentAll_ || head_->status >= firstRefusal));
  }

  // One write where it costs little: one packet instead of two.
  Problem writeWhole(std::string head, const std::string& body) {
    const bool together = body.size() <= step;
    if (together) head.append(body);
    auto problem = write(head);
    return problem || together ? problem : write(body);
  }

  Problem writePieces(const std::string& head, const BodyReader& next, BodyFramer framer) {
    if (auto problem = write(head)) return problem;
    while (!hasEnough() && !framer.isEnded()) {
      Result<std::string> piece = detail::read(next);
      if (!piece) return piece.error();
      // A peer that takes all must not let a slow reader outrun the deadline.
      if (std::chrono::steady_clock::now() >= deadline_.until()) {
        return fail(Errc::timeout, "the request was not sent by the deadline");
      }
      const bool isEnd = piece->empty();
      const Result<std::string> framed = framer.frame(*std::move(piece));
      if (!framed) return framed.error();
      auto problem = write(*framed);
      if (problem || isEnd) return problem;
    }
    return std::nullopt;
  }

  Problem write(std::string_view bytes) {
    while (!bytes.empty()) {
      if (hasEnough()) return std::nullopt;
      if (hasBegun_) {
        if (auto problem = receiveAtOnce()) return problem;
        if (hasEnough()) return std::nullopt;
      }
      const Result<std::size_t> done = peer_.writeSome(bytes.substr(0, step), deadline_.until());
      if (!done) {
        isBroken_ = done.error().code == Errc::transport;
        return done.error();
      }
      hasBegun_ = true;
      if (*done > 0) deadline_.sent();
      bytes.remove_prefix(*done);
    }
    return std::nullopt;
  }

  Problem receiveAtOnce() {
    const auto got = peer_.readAtOnce(buffer_.data(), buffer_.size());
    isBroken_ = !got && got.error().code == Errc::transport;
    if (!got) return got.error();
    return *got ? take(**got) : std::nullopt;
  }

  Problem receive() {
    while (!hasEnough()) {
      if (auto problem = receiveSome(deadline_.until(), "no complete response by the deadline")) return problem;
    }
    return std::nullopt;
  }

  Problem receiveSome(Deadline deadline, const char* late) {
    const Result<std::size_t> got = peer_.read(buffer_.data(), buffer_.size(), deadline);
    isCut_ = isBroken_ && !peer_.isTls() && (got ? *got == 0 : got.error().code == Errc::transport);
    if (isCut_) return reader_.end();
    if (!got) return got.error().code == Errc::timeout ? fail(Errc::timeout, late) : got.error();
    // A peer that never lets the socket run dry must not outrun the deadline.
    if (std::chrono::steady_clock::now() >= deadline) return fail(Errc::timeout, late);
    return take(*got);
  }

  Problem take(std::size_t size) {
    auto problem = size == 0 ? reader_.end() : reader_.read({buffer_.data(), size});
    if (!streams() || !reader_.hasHead()) return problem;
    if (!head_) head_ = reader_.takeHead();
    pieces_ += head_->body.empty() ? reader_.takeBody() : std::exchange(head_->body, {});
    if (problem && hasEnough()) {  // what came before it is read first
      problem_ = std::exchange(problem, std::nullopt);
    }
    if (problem) return problem;
    if (!hasEnough() && pieces_.size() > *held_) return fail(Errc::tooLarge, "the response's body is over maxBodySize");
    return std::nullopt;
  }

  Connection& peer_;
  ResponseReader reader_;
  RequestDeadline deadline_;
  const std::optional<std::size_t> held_;
  std::array<char, step> buffer_;
  std::optional<Response> head_;  // of a streamed response, or all of one whose connection broke
  std::string pieces_;            // of the streamed body: what has come and was not asked for
  Problem problem_;               // behind them
  bool hasBegun_ = false;         // to send
  bool isBroken_ = false;         // while it was being sent
  bool isCut_ = false;            // the response has ended with a connection that broke
  bool hasSentAll_ = false;
};

}  // namespace ironjar::detail
