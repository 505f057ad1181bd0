// A new connection to a request's target: TCP, the egress proxy's tunnel, TLS. Part of <ironjar/asio/transport.hpp>.
#pragma once

#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <ironjar/asio/connecting.hpp>
#include <ironjar/asio/connection.hpp>
#include <ironjar/transport_options.hpp>

namespace ironjar::detail {

// What all requests of a transport open connections with.
struct AsioOpener {
  explicit AsioOpener(TransportOptions own)
      : options(std::move(own)),
        proxy(proxyOf(options)),
        tls({options.caCertFile, options.clientCertFile, options.clientKeyFile}, "TransportOptions") {}
  const TransportOptions options;
  const std::optional<HttpTarget> proxy;
  TlsClientContext tls;
};

// For its strand. Goes on for as long as its owner holds it. Whatever fails, nothing has been sent to the target: each
// error is Errc::unreachable.
class AsioOpening : public std::enable_shared_from_this<AsioOpening> {
 public:
  using Done = std::function<void(Result<std::shared_ptr<AsioConnection>>)>;

  AsioOpening(AsioOpener& opener, const Strand& strand, HttpTarget target, Done done)
      : opener_(opener), strand_(strand), target_(std::move(target)), done_(std::move(done)), timer_(strand) {}

  void begin() {
    const HttpTarget& peer = isProxied() ? *opener_.proxy : target_;
    const auto connected = [weak = weak_from_this()](Result<AsioSocket> socket) {
      if (const auto self = weak.lock()) self->onConnected(std::move(socket));
    };
    connecting_ = std::make_shared<AsioConnecting>(strand_, opener_.options.connectTimeout, connected);
    connecting_->begin(peer.host, peer.port);
  }

  void onReady(bool) {
    if (!done_) return;
    connection_->isTls() ? handshake() : readTunnel();
  }

 private:
  [[nodiscard]] bool isProxied() const { return target_.https && opener_.proxy; }
  static Error unreachable(std::string what) { return fail(Errc::unreachable, std::move(what)); }

  void onConnected(Result<AsioSocket> socket) {
    if (!socket) return finish(std::move(socket).error());
    connection_ = std::make_shared<AsioConnection>(*std::move(socket));
    if (!target_.https) return finish(connection_);
    connection_->use(shared_from_this());
    timer_.expires_after(opener_.options.connectTimeout);
    timer_.async_wait([weak = weak_from_this()](AsioError problem) {
      const auto self = weak.lock();
      if (self && !problem && self->done_) {
        self->finish(unreachable(self->connection_->isTls() ? "TLS: no handshake in time" : "the proxy: no answer"));
      }
    });
    isProxied() ? askForTunnel() : startTls();
  }

  // RFC 9110 section 9.3.6.
  void askForTunnel() {
    const std::string host = target_.host.find(':') == std::string::npos ? target_.host : '[' + target_.host + ']';
    const std::string authority = host + ':' + target_.port;
    request_ = "CONNECT " + authority + " HTTP/1.1\r\nHost: " + authority + "\r\n";
    const std::string& credentials = opener_.options.proxyAuthorization;
    if (!credentials.empty()) request_.append("Proxy-Authorization: ").append(credentials).append("\r\n");
    request_.append("\r\n");
    // The answer ends with its head, as a HEAD's does.
    answer_ = std::make_unique<ResponseReader>("HEAD", ResponseLimits{opener_.options.maxHeadSize, 0});
    readTunnel();
  }
  void readTunnel() {
    while (!request_.empty()) {
      const IoResult io = connection_->write(request_);
      if (io.step != IoStep::done) return wait(io, "the proxy: the connection broke");
      request_.erase(0, io.size);
    }
    while (!answer_->complete()) {
      std::array<char, 1024> buffer;
      const IoResult io = connection_->read(buffer.data(), buffer.size());
      if (io.step != IoStep::done) return wait(io, "the proxy: the connection broke");
      if (const auto problem = answer_->read({buffer.data(), io.size}))
        return finish(unreachable("the proxy: no answer of HTTP"));
    }
    const int status = answer_->take().status;
    if (status < 200 || status > 299) return finish(unreachable("the proxy answered " + std::to_string(status)));
    startTls();
  }

  void startTls() {
    SSL_CTX* const context = opener_.tls.get();
    if (context == nullptr) return finish(unreachable("TLS: the authorities cannot be loaded"));
    if (!connection_->startTls(context, target_.host)) {
      return finish(unreachable("TLS: the connection cannot be set up"));
    }
    handshake();
  }
  void handshake() {
    const IoResult io = connection_->handshake();
    if (io.step == IoStep::done) return finish(connection_);
    wait(io, connection_->isVerified() ? "TLS: no handshake" : "TLS: the peer's certificate is refused");
  }

  void wait(const IoResult& io, const char* otherwise) {
    if (io.step == IoStep::waitToRead || io.step == IoStep::waitToWrite) return connection_->wait(io.step);
    finish(unreachable(otherwise));
  }

  void finish(Result<std::shared_ptr<AsioConnection>> result) {
    timer_.cancel();
    std::exchange(done_, nullptr)(std::move(result));  // its owner may let it go
  }

  AsioOpener& opener_;
  const Strand strand_;
  const HttpTarget target_;
  Done done_;  // until it has been called
  AsioTimer timer_;
  std::shared_ptr<AsioConnecting> connecting_;
  std::shared_ptr<AsioConnection> connection_;
  std::string request_;  // what of CONNECT has not been sent
  std::unique_ptr<ResponseReader> answer_;
};

}  // namespace ironjar::detail
