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
// sent.
class Exchange {
 public:
  Exchange(Connection& peer, ResponseReader reader, Deadline deadline)
      : peer_(peer), reader_(std::move(reader)), deadline_(deadline) {
    peer_.beginRequest();
  }

  using Problem = std::optional<Error>;
  // Sends the request and reads the response, which is complete when no problem is returned.
  [[nodiscard]] Problem send(std::string head, const Request& request, const BodyReader& body) {
    Problem problem = body ? writePieces(head, body, BodyFramer(request)) : writeWhole(std::move(head), request.body);
    hasSentAll_ = !problem && !reader_.complete();
    if (problem && !isBroken_) return problem;
    Problem atEnd = receive();
    if (!problem || (atEnd && atEnd->code == Errc::unreachable)) return atEnd;
    // A server that closes with a part of the request unread breaks the connection behind its answer, which can be read
    // all the same. OpenSSL wants no more I/O after a write that failed; but its two directions are apart (RFC 8446
    // section 6.1), and there is no other way to what came before. A body that ends with the connection may have been
    // cut by the break: of a refusal that is no loss.
    if (atEnd) return problem;
    response_ = reader_.take();
    return isCut_ && response_.status < firstRefusal ? problem : std::nullopt;
  }
  [[nodiscard]] bool mayKeep() const { return hasSentAll_ && reader_.mayKeep(); }
  [[nodiscard]] Response take() { return isBroken_ ? std::move(response_) : reader_.take(); }

 private:
  static constexpr std::size_t step = 16 * 1024;
  static constexpr int firstRefusal = 400;

  // One write where it costs little: one packet instead of two.
  Problem writeWhole(std::string head, const std::string& body) {
    const bool together = body.size() <= step;
    if (together) head.append(body);
    auto problem = write(head);
    return problem || together ? problem : write(body);
  }

  Problem writePieces(const std::string& head, const BodyReader& next, BodyFramer framer) {
    if (auto problem = write(head)) return problem;
    while (!reader_.complete()) {
      Result<std::string> piece = detail::read(next);
      if (!piece) return piece.error();
      // A peer that takes all must not let a slow reader outrun the deadline.
      if (std::chrono::steady_clock::now() >= deadline_) {
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
      if (hasBegun_) {
        if (auto problem = receiveAtOnce()) return problem;
        if (reader_.complete()) return std::nullopt;
      }
      const Result<std::size_t> done = peer_.writeSome(bytes.substr(0, step), deadline_);
      if (!done) {
        isBroken_ = done.error().code == Errc::transport;
        return done.error();
      }
      hasBegun_ = true;
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
    while (!reader_.complete()) {
      const Result<std::size_t> got = peer_.read(buffer_.data(), buffer_.size(), deadline_);
      isCut_ = isBroken_ && !peer_.isTls() && (got ? *got == 0 : got.error().code == Errc::transport);
      if (isCut_) return reader_.end();
      if (!got) return got.error();
      // A peer that never lets the socket run dry must not outrun the deadline.
      if (std::chrono::steady_clock::now() >= deadline_) {
        return fail(Errc::timeout, "no complete response by the deadline");
      }
      if (auto problem = take(*got)) return problem;
    }
    return std::nullopt;
  }

  Problem take(std::size_t size) { return size == 0 ? reader_.end() : reader_.read({buffer_.data(), size}); }

  Connection& peer_;
  ResponseReader reader_;
  const Deadline deadline_;
  std::array<char, step> buffer_;
  Response response_;      // of a connection that broke
  bool hasBegun_ = false;  // to send
  bool isBroken_ = false;  // while it was being sent
  bool isCut_ = false;     // the response has ended with a connection that broke
  bool hasSentAll_ = false;
};

}  // namespace ironjar::detail
