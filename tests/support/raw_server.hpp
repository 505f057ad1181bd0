// A peer that misbehaves below HTTP, over TCP or TLS, on the loopback interface.
#pragma once

#include <arpa/inet.h>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <thread>
#include <tuple>
#include <unistd.h>
#include <utility>
#include <vector>

#include <ironjar/testing/transport_peer.hpp>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

namespace support {

// A certificate for localhost, signed by itself.
struct Certificate {
  std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key{EVP_EC_gen("P-256"), EVP_PKEY_free};
  std::unique_ptr<X509, decltype(&X509_free)> x509{X509_new(), X509_free};
  std::filesystem::path file =
      std::filesystem::temp_directory_path() / ("ironjar-ca-" + std::to_string(::getpid()) + ".pem");

  // Without names it has only its common name.
  explicit Certificate(const char* names = "DNS:localhost") {
    X509* const c = x509.get();
    X509_set_version(c, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(c), 1);
    X509_gmtime_adj(X509_getm_notBefore(c), -60);
    X509_gmtime_adj(X509_getm_notAfter(c), 3600);
    X509_set_pubkey(c, key.get());
    X509_NAME* const name = X509_get_subject_name(c);
    const auto* text = reinterpret_cast<const unsigned char*>("localhost");
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, text, -1, -1, 0);
    X509_set_issuer_name(c, name);
    X509_EXTENSION* const extension =
        names ? X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, names) : nullptr;
    if (extension) X509_add_ext(c, extension, -1);
    X509_EXTENSION_free(extension);
    X509_sign(c, key.get(), EVP_sha256());
    std::FILE* const pem = std::fopen(file.c_str(), "w");
    PEM_write_X509(pem, c);
    PEM_write_PrivateKey(pem, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    std::fclose(pem);
  }
  Certificate(const Certificate&) = delete;
  Certificate& operator=(const Certificate&) = delete;
  ~Certificate() { std::filesystem::remove(file); }
};

// The server's end of one connection.
class Peer {
 public:
  Peer(int socket, SSL* ssl) : socket_(socket), ssl_(ssl) {}

  // One write; over TLS one record, up to 16 KiB.
  bool put(std::string_view text) {
    const int size = static_cast<int>(text.size());
    if (ssl_ != nullptr) return SSL_write(ssl_, text.data(), size) == size;
    return ::send(socket_, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
  }
  // What came next, at most 4 KiB; empty when the other side has hung up.
  std::string get() {
    char buffer[4096];
    const auto size =
        ssl_ != nullptr ? SSL_read(ssl_, buffer, sizeof buffer) : ::recv(socket_, buffer, sizeof buffer, 0);
    return {buffer, size > 0 ? static_cast<std::size_t>(size) : 0};
  }
  // Up to the end of a head.
  std::string readRequest() {
    std::string text;
    while (text.find("\r\n\r\n") == std::string::npos) {
      const std::string more = get();
      if (more.empty()) return {};
      text += more;
    }
    return text;
  }
  void waitForHangUp() {
    while (!get().empty()) continue;
  }
  [[nodiscard]] int socket() const { return socket_; }

 private:
  int socket_;
  SSL* ssl_;
};

inline bool connectsToLoopback(int socket, int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  return ::connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
}

// What a plain peer sends goes to a port of this machine, and what comes from there to it, until one of them hangs up.
inline void relay(const Peer& peer, int port) {
  const int other = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  bool goesOn = connectsToLoopback(other, port);
  while (goesOn) {
    pollfd ends[] = {{.fd = peer.socket(), .events = POLLIN, .revents = 0},
                     {.fd = other, .events = POLLIN, .revents = 0}};
    ::poll(ends, 2, -1);
    for (int from = 0; from < 2 && goesOn; ++from) {
      if (ends[from].revents == 0) continue;
      char buffer[4096];
      const ssize_t size = ::recv(ends[from].fd, buffer, sizeof buffer, 0);
      goesOn = size > 0 && ::send(ends[1 - from].fd, buffer, static_cast<std::size_t>(size), MSG_NOSIGNAL) == size;
    }
  }
  ::close(other);
}

// A port whose backlog is full: connecting to it gets no answer.
class DeafListener {
 public:
  DeafListener() : DeafListener(ironjar::testing::detail::listenOnLoopback(0)) {
    for (int& socket : waiting_) {
      socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
      static_cast<void>(connectsToLoopback(socket, port_));  // it goes on by itself
    }
    ::poll(nullptr, 0, 50);
  }
  DeafListener(const DeafListener&) = delete;
  DeafListener& operator=(const DeafListener&) = delete;
  ~DeafListener() {
    for (const int socket : waiting_) ::close(socket);
    ::close(listener_);
  }
  [[nodiscard]] int port() const { return port_; }

 private:
  explicit DeafListener(std::pair<int, int> listener) : listener_(listener.first), port_(listener.second) {}
  int listener_;
  int port_;
  int waiting_[4] = {-1, -1, -1, -1};
};

class RawServer {
 public:
  // `behave` runs on a thread of each connection's own, which ends with it.
  // With `clients`, a certificate that its visitors must show.
  explicit RawServer(std::function<void(Peer&)> behave, const Certificate* certificate = nullptr,
                     const Certificate* clients = nullptr)
      : behave_(std::move(behave)) {
    if (certificate != nullptr) {
      std::signal(SIGPIPE, SIG_IGN);  // of OpenSSL's writes to who has hung up
      tls_.reset(SSL_CTX_new(TLS_server_method()));
      SSL_CTX_use_certificate(tls_.get(), certificate->x509.get());
      SSL_CTX_use_PrivateKey(tls_.get(), certificate->key.get());
    }
    if (clients != nullptr) {
      SSL_CTX_load_verify_locations(tls_.get(), clients->file.c_str(), nullptr);
      SSL_CTX_set_verify(tls_.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    }
    // So many may connect at once: whom a full queue turns away tries again seconds later.
    std::tie(listener_, port_) = ironjar::testing::detail::listenOnLoopback(1024);
    acceptor_ = std::thread([this] { accept(); });
  }
  RawServer(const RawServer&) = delete;
  RawServer& operator=(const RawServer&) = delete;
  ~RawServer() {
    ::shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    ::close(listener_);
    for (Serving& each : serving_) each.thread.join();
  }
  [[nodiscard]] int port() const { return port_; }
  // Over TLS by the certificate's name.
  [[nodiscard]] std::string origin() const {
    return (tls_ ? "https://localhost:" : "http://127.0.0.1:") + std::to_string(port_);
  }
  [[nodiscard]] int connections() const {
    const std::lock_guard lock(mutex_);
    return accepted_;
  }
  [[nodiscard]] int open() const {
    const std::lock_guard lock(mutex_);
    return open_;
  }

 private:
  struct Serving {
    std::thread thread;
    std::atomic<bool> hasEnded = false;
  };

  void accept() {
    for (int socket = 0; (socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC)) >= 0;) {
      {
        const std::lock_guard lock(mutex_);
        ++accepted_;
        ++open_;
      }
      joinEnded();
      Serving& added = serving_.emplace_back();
      added.thread = std::thread([this, socket, &hasEnded = added.hasEnded] {
        serve(socket);
        ::close(socket);
        const std::lock_guard lock(mutex_);
        --open_;
        hasEnded = true;
      });
    }
  }
  // Joined, not detached: the end of a thread uses OpenSSL, and must not meet the end of the program.
  void joinEnded() {
    std::erase_if(serving_, [](Serving& each) {
      if (each.hasEnded) each.thread.join();
      return !each.thread.joinable();
    });
  }
  void serve(int socket) {
    const int on = 1;
    ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    const std::unique_ptr<SSL, decltype(&SSL_free)> ssl(tls_ ? SSL_new(tls_.get()) : nullptr, SSL_free);
    if (ssl && (SSL_set_fd(ssl.get(), socket) != 1 || SSL_accept(ssl.get()) != 1)) return;
    Peer peer(socket, ssl.get());
    behave_(peer);
    if (ssl) SSL_shutdown(ssl.get());
  }

  std::function<void(Peer&)> behave_;
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> tls_{nullptr, SSL_CTX_free};
  int listener_ = -1;
  int port_ = 0;
  mutable std::mutex mutex_;
  int accepted_ = 0;
  int open_ = 0;
  std::list<Serving> serving_;  // the acceptor's, until it has been joined
  std::thread acceptor_;
};

// An HTTP proxy that opens tunnels, to whatever port is named of this machine.
class Tunnels {
 public:
  explicit Tunnels(std::string answer = "HTTP/1.1 200 Connection established\r\n\r\n")
      : server_([this, answer = std::move(answer)](Peer& peer) {
          const std::string head = peer.readRequest();
          {
            const std::lock_guard lock(mutex_);
            heads_.push_back(head);
          }
          peer.put(answer);
          const int port = std::atoi(head.c_str() + head.find(':') + 1);
          if (answer.find(" 200 ") != std::string::npos) relay(peer, port);
        }) {}
  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(server_.port()); }
  [[nodiscard]] std::vector<std::string> heads() const {
    const std::lock_guard lock(mutex_);
    return heads_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> heads_;
  RawServer server_;  // last: its threads use all of the above
};

}  // namespace support
