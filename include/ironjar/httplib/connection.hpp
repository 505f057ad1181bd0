// One connection to a peer, plain or TLS. Every wait ends at a deadline. Part of <ironjar/httplib/transport.hpp>.
#pragma once

#include <cerrno>
#include <cstddef>
#include <optional>
#include <poll.h>
#include <string_view>
#include <sys/socket.h>
#include <utility>

#include <httplib.h>  // brings OpenSSL where the application's httplib has it
#include <ironjar/http1.hpp>
#include <ironjar/httplib/socket.hpp>
#ifdef CPPHTTPLIB_OPENSSL_SUPPORT
#include <ironjar/tls.hpp>
#endif

namespace ironjar::detail {

class Connection {
 public:
  explicit Connection(Socket socket) : socket_(std::move(socket)) {}
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
#ifdef CPPHTTPLIB_OPENSSL_SUPPORT
  // RFC 9110 section 4.3.4: the certificate must be for the URL's host. Errc::unreachable otherwise.
  [[nodiscard]] std::optional<Error> startTls(SSL_CTX* context, const HttpTarget& target, Deadline deadline) {
    if (context == nullptr) return unreachable("TLS: the authorities cannot be loaded");
    if (!tls_.start(context, socket_.get(), target.host)) {
      return unreachable("TLS: the connection cannot be set up");
    }
    const auto done = tls(POLLOUT, deadline, [this] { return tls_.handshake(); });
    if (done && *done > 0) return std::nullopt;
    if (!tls_.isVerified()) return unreachable("TLS: the peer's certificate is refused");
    return unreachable(done || done.error().code != Errc::timeout ? "TLS: no handshake" : "TLS: no handshake in time");
  }
#endif

  void beginRequest() { hasSent_ = false; }

  // How much was written; 0 when nothing can be written for now and there is something to read first. Errc::unreachable
  // when certainly nothing of the request has left.
  [[nodiscard]] Result<std::size_t> writeSome(std::string_view bytes, Deadline deadline) {
    Result<std::size_t> done = put(bytes, deadline);
    if (!done && !hasSent_) return unreachable("the connection broke before anything was sent");
    hasYielded_ = done && *done == 0;
    if (done && *done > 0) mayYield_ = true;
    return done;
  }

  // Reads at least one byte; 0 when the peer has closed.
  [[nodiscard]] Result<std::size_t> read(char* bytes, std::size_t size, Deadline deadline) {
#ifdef CPPHTTPLIB_OPENSSL_SUPPORT
    if (tls_.isOn()) return tls(POLLOUT, deadline, [&] { return tls_.read(bytes, size); });
#endif
    return plain(POLLIN, deadline, [&] { return ::recv(socket_.get(), bytes, size, 0); });
  }

  // As read(), of what has come already, without waiting; nothing when nothing has come.
  [[nodiscard]] Result<std::optional<std::size_t>> readAtOnce(char* bytes, std::size_t size) {
    const Result<std::size_t> got = read(bytes, size, Deadline());
    if (got) return std::optional(*got);
    if (got.error().code != Errc::timeout) return got.error();
    // What a write has yielded to stays unread until TLS has written something of its own, such as the answer to a
    // KeyUpdate: it is waited for what can be written alone. A part of a record is read, and its rest may come.
    if (hasYielded_ && mustWrite_) mayYield_ = false;
    return std::optional<std::size_t>();
  }

  [[nodiscard]] bool isTls() const {
#ifdef CPPHTTPLIB_OPENSSL_SUPPORT
    return tls_.isOn();
#else
    return false;
#endif
  }

  // Nothing has come since the last response: no byte in the socket, and nothing of a TLS record in OpenSSL.
  [[nodiscard]] bool isQuiet() const {
#ifdef CPPHTTPLIB_OPENSSL_SUPPORT
    if (tls_.isOn() && tls_.hasPending()) return false;
#endif
    char byte = 0;
    return ::recv(socket_.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
  }

 private:
  Result<std::size_t> put(std::string_view bytes, Deadline deadline) {
    const short events = static_cast<short>(mayYield_ ? POLLOUT | POLLIN : POLLOUT);
#ifdef CPPHTTPLIB_OPENSSL_SUPPORT
    if (tls_.isOn()) {
      hasSent_ = true;  // a part of the record may leave before OpenSSL fails
      return tls(events, deadline, [&] { return tls_.write(bytes); });
    }
#endif
    Result<std::size_t> done =
        plain(events, deadline, [&] { return ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL); });
    if (done && *done > 0) hasSent_ = true;
    return done;
  }

  // Waits for `events` after a step that would have blocked. readFirst: a write still would, but there is data to read.
  enum class Next { tryAgain, readFirst, tooLate };
  [[nodiscard]] Next waitFor(short events, Deadline deadline) const {
    const short ready = socket_.wait(events, deadline);
    if (ready == 0) return Next::tooLate;
    return (events & POLLOUT) != 0 && (ready & ~POLLIN) == 0 ? Next::readFirst : Next::tryAgain;
  }

  template <class Step>
  Result<std::size_t> plain(short events, Deadline deadline, Step step) const {
    while (true) {
      const ssize_t done = step();
      if (done >= 0) return static_cast<std::size_t>(done);
      if (errno == EINTR) continue;
      if (errno != EAGAIN && errno != EWOULDBLOCK) return fail(Errc::transport, "the connection broke");
      const Next next = waitFor(events, deadline);
      if (next == Next::tooLate) return fail(Errc::timeout, "no complete response by the deadline");
      if (next == Next::readFirst) return std::size_t{0};
    }
  }

#ifdef CPPHTTPLIB_OPENSSL_SUPPORT
  // `toWrite` is what is waited for when OpenSSL wants to write.
  template <class Step>
  Result<std::size_t> tls(short toWrite, Deadline deadline, Step step) {
    while (true) {
      const IoResult io = step();
      mustWrite_ = io.step == IoStep::waitToWrite;
      if (io.step == IoStep::done) return io.size;
      if (io.step == IoStep::closed) return std::size_t{0};
      if (io.step == IoStep::refused) return unreachable("TLS: the peer refuses our certificate");
      if (io.step == IoStep::broken) return fail(Errc::transport, "the TLS connection broke");
      const Next next = waitFor(io.step == IoStep::waitToRead ? POLLIN : toWrite, deadline);
      if (next == Next::tooLate) return fail(Errc::timeout, "no complete response by the deadline");
      if (next == Next::readFirst) return std::size_t{0};
    }
  }
#endif

  Socket socket_;
#ifdef CPPHTTPLIB_OPENSSL_SUPPORT
  TlsClient tls_;  // goes before the socket
#endif
  bool hasSent_ = false;     // whether a byte of the request may have left
  bool mayYield_ = true;     // a write that would block, to data that has come
  bool hasYielded_ = false;  // the last write has
  bool mustWrite_ = false;   // before TLS goes on
};

}  // namespace ironjar::detail
