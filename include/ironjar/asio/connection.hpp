// One connection to a peer, plain or TLS, whose steps do not block. Part of <ironjar/asio/transport.hpp>.
#pragma once

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <utility>

#include <ironjar/asio/deadline.hpp>
#include <ironjar/asio/loop.hpp>
#include <ironjar/http1.hpp>
#include <ironjar/tls.hpp>

namespace ironjar::detail {

// All but strand() is for the strand, where its user's onReady() is called, too. Closes when it goes.
class AsioConnection : public std::enable_shared_from_this<AsioConnection> {
 public:
  explicit AsioConnection(AsioSocket socket) : strand_(socket.get_executor()), socket_(std::move(socket)) {
    AsioError ignored;
    socket_.native_non_blocking(true, ignored);
    socket_.set_option(asio::ip::tcp::no_delay(true), ignored);  // Nagle would hold the second of two writes for 40 ms
  }
  [[nodiscard]] const Strand& strand() const { return strand_; }

  // False when OpenSSL cannot. After that, handshake() until it is done.
  [[nodiscard]] bool startTls(SSL_CTX* context, const std::string& host) {
    return tls_.start(context, socket_.native_handle(), host);
  }
  [[nodiscard]] IoResult handshake() { return tls_.handshake(); }
  [[nodiscard]] bool isVerified() const { return tls_.isVerified(); }
  [[nodiscard]] bool isTls() const { return tls_.isOn(); }

  // At least one byte, when done.
  [[nodiscard]] IoResult read(char* bytes, std::size_t size) {
    if (tls_.isOn()) return tls_.read(bytes, size);
    const IoResult got = plain(::recv(socket_.native_handle(), bytes, size, MSG_DONTWAIT), IoStep::waitToRead);
    return got.step == IoStep::done && got.size == 0 ? IoResult{IoStep::closed} : got;
  }
  [[nodiscard]] IoResult write(std::string_view bytes) {
    if (tls_.isOn()) {
      hasSent_ = true;  // a part of the record may leave before OpenSSL fails
      return tls_.write(bytes);
    }
    const auto size = ::send(socket_.native_handle(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    hasSent_ = hasSent_ || size > 0;
    return plain(size, IoStep::waitToWrite);
  }
  // Nothing more is written; what the peer sends can be read still.
  void endWriting() {
    AsioError ignored;
    tls_.isOn() ? tls_.endWriting() : static_cast<void>(socket_.shutdown(AsioSocket::shutdown_send, ignored));
  }
  // Whether a byte of the request may have left.
  [[nodiscard]] bool hasSent() const { return hasSent_; }

  // From now on `user.onReady(isToWrite)` is called, as long as it is there, once after each wait.
  template <class User>
  void use(const std::shared_ptr<User>& user) {
    user_ = user;
    wake_ = [](void* whose, bool isToWrite) { static_cast<User*>(whose)->onReady(isToWrite); };
    hasSent_ = false;
  }
  void wait(IoStep direction) { wait(direction == IoStep::waitToWrite); }

  // Nobody's but the deadline's until takeBack(): stays for that time, unless something comes, be it the end. Then it
  // closes and calls `onEnd`, which must not throw.
  void beIdle(AsioDeadline deadline, std::chrono::milliseconds time, std::function<void()> onEnd) {
    user_.reset();
    onEnd_ = std::move(onEnd);
    deadline_ = std::move(deadline);
    deadline_.begin(shared_from_this(), std::chrono::steady_clock::now() + time);
    wait(false);
  }
  // Of the time that it was idle: for whoever takes it back, who must begin it.
  [[nodiscard]] AsioDeadline takeDeadline() { return std::move(deadline_); }
  void onLate() {
    if (onEnd_) close();
  }
  // Whether it can be used: nothing has come since the last response, no byte in the socket and nothing of a TLS record
  // in OpenSSL.
  [[nodiscard]] bool takeBack() {
    onEnd_ = nullptr;
    if (!socket_.is_open() || (tls_.isOn() && tls_.hasPending())) return false;
    char byte = 0;
    return ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && isToBeTriedAgain();
  }
  // What is idle ends.
  void close() {
    AsioError ignored;
    tls_.close();
    socket_.close(ignored);
    deadline_.end();
    if (const auto onEnd = std::exchange(onEnd_, nullptr)) onEnd();
  }

 private:
  static IoResult plain(ssize_t size, IoStep whenFull) {
    if (size >= 0) return {IoStep::done, static_cast<std::size_t>(size)};
    return {isToBeTriedAgain() ? whenFull : IoStep::broken};
  }

  void wait(bool isToWrite) {
    if (std::exchange(isToWrite ? waitsToWrite_ : waitsToRead_, true)) return;
    socket_.async_wait(isToWrite ? AsioSocket::wait_write : AsioSocket::wait_read,
                       [weak = weak_from_this(), isToWrite](AsioError) {
                         if (const auto self = weak.lock()) self->onReady(isToWrite);
                       });
  }
  void onReady(bool isToWrite) {
    (isToWrite ? waitsToWrite_ : waitsToRead_) = false;
    if (const auto user = user_.lock()) {
      wake_(user.get(), isToWrite);
    } else if (onEnd_) {
      close();
    }
  }

  const Strand strand_;
  AsioSocket socket_;
  TlsClient tls_;                // goes before the socket
  AsioDeadline deadline_;        // while idle
  std::function<void()> onEnd_;  // while idle
  std::weak_ptr<void> user_;
  void (*wake_)(void* user, bool isToWrite) = nullptr;
  bool waitsToRead_ = false;
  bool waitsToWrite_ = false;
  bool hasSent_ = false;
};

}  // namespace ironjar::detail
