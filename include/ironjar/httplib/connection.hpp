// One connection to a peer, plain or TLS. Every wait ends at a deadline. Part of <ironjar/httplib/transport.hpp>.
#pragma once

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <memory>
#include <mutex>
#include <netinet/in.h>
#include <optional>
#include <poll.h>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <utility>

#include <httplib.h>  // brings OpenSSL where the application's httplib has it
#include <ironjar/http1.hpp>
#include <ironjar/httplib/socket.hpp>

namespace ironjar::detail {

#ifdef CPPHTTPLIB_OPENSSL_SUPPORT
struct TlsFiles {
  std::string authorities = {};        // empty: the system's
  std::string clientCertificate = {};  // with the certificates that lead to its authority; empty: none
  std::string clientKey = {};
};

// What all TLS connections of a transport share. Authorities are loaded once, when the first connection needs them; a
// client certificate at once.
class TlsContext {
 public:
  // Throws std::invalid_argument for a client certificate and key that cannot be read, or do not go together.
  explicit TlsContext(const TlsFiles& files) : authorities_(files.authorities) {
    if (files.clientCertificate.empty() && files.clientKey.empty()) return;
    SSL_CTX* const context = context_.get();
    // OpenSSL would ask for an encrypted key's password at the terminal.
    if (context != nullptr) SSL_CTX_set_default_passwd_cb(context, [](char*, int, int, void*) { return 0; });
    const bool isLoaded = context != nullptr &&
                          SSL_CTX_use_certificate_chain_file(context, files.clientCertificate.c_str()) == 1 &&
                          SSL_CTX_use_PrivateKey_file(context, files.clientKey.c_str(), SSL_FILETYPE_PEM) == 1 &&
                          SSL_CTX_check_private_key(context) == 1;
    ERR_clear_error();
    if (isLoaded) return;
    throw std::invalid_argument(
        "ironjar: HttplibTransportOptions: clientCertFile and clientKeyFile are not PEM files of a "
        "certificate and its key, not encrypted, that can be read");
  }

  // Null when the authorities cannot be loaded.
  [[nodiscard]] SSL_CTX* get() {
    std::call_once(once_, [this] { load(); });
    return loaded_ ? context_.get() : nullptr;
  }

 private:
  void load() {
    // OpenSSL writes without MSG_NOSIGNAL: a peer that hangs up must be an error, not the end of the process.
    struct sigaction action {};
    if (::sigaction(SIGPIPE, nullptr, &action) == 0 && action.sa_handler == SIG_DFL) {
      static_cast<void>(std::signal(SIGPIPE, SIG_IGN));
    }
    SSL_CTX* const context = context_.get();
    if (context == nullptr) return;
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_clear_mode(context, SSL_MODE_AUTO_RETRY);  // what is no data must not keep a read inside past the deadline
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    loaded_ = (authorities_.empty() ? SSL_CTX_set_default_verify_paths(context)
                                    : SSL_CTX_load_verify_locations(context, authorities_.c_str(), nullptr)) == 1;
    ERR_clear_error();
  }

  const std::string authorities_;
  std::once_flag once_;
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_{SSL_CTX_new(TLS_client_method()), SSL_CTX_free};
  bool loaded_ = false;
};
#endif

class Connection {
 public:
  explicit Connection(Socket socket) : socket_(std::move(socket)) {}
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
#ifdef CPPHTTPLIB_OPENSSL_SUPPORT
  ~Connection() {
    if (!ssl_) return;
    if (isIntact_) SSL_shutdown(ssl_.get());  // says goodbye, and does not wait for an answer
    ERR_clear_error();
  }

  // RFC 9110 section 4.3.4: the certificate must be for the URL's host. Errc::unreachable otherwise.
  [[nodiscard]] std::optional<Error> startTls(SSL_CTX* context, const HttpTarget& target, Deadline deadline) {
    if (context == nullptr) return unreachable("TLS: the authorities cannot be loaded");
    ssl_.reset(SSL_new(context));
    if (!ssl_ || SSL_set_fd(ssl_.get(), socket_.get()) != 1 || !expect(target.host)) {
      ERR_clear_error();
      return unreachable("TLS: the connection cannot be set up");
    }
    const auto done = tls(POLLOUT, deadline, [this] { return SSL_connect(ssl_.get()); });
    if (done && *done > 0) return std::nullopt;
    isIntact_ = false;
    if (SSL_get_verify_result(ssl_.get()) != X509_V_OK) return unreachable("TLS: the peer's certificate is refused");
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
    if (ssl_) {
      Result<std::size_t> got = tls(POLLOUT, deadline, [&] {
        return SSL_read(ssl_.get(), bytes, static_cast<int>(std::min<std::size_t>(size, INT_MAX)));
      });
      hasReceived_ = hasReceived_ || (got && *got > 0);
      return got;
    }
#endif
    return plain(POLLIN, deadline, [&] { return ::recv(socket_.get(), bytes, size, 0); });
  }

  // As read(), of what has come already, without waiting; nothing when nothing has come.
  [[nodiscard]] Result<std::optional<std::size_t>> readAtOnce(char* bytes, std::size_t size) {
    const Result<std::size_t> got = read(bytes, size, Deadline());
    if (got) return std::optional(*got);
    if (got.error().code != Errc::timeout) return got.error();
    // What a write has yielded to was TLS's own, such as a KeyUpdate: it is waited for what can be written alone.
    if (hasYielded_) mayYield_ = false;
    return std::optional<std::size_t>();
  }

  [[nodiscard]] bool isTls() const {
#ifdef CPPHTTPLIB_OPENSSL_SUPPORT
    return ssl_ != nullptr;
#else
    return false;
#endif
  }

  // Nothing has come since the last response: no byte in the socket, and nothing of a TLS record in OpenSSL.
  [[nodiscard]] bool isQuiet() const {
#ifdef CPPHTTPLIB_OPENSSL_SUPPORT
    if (ssl_ && SSL_has_pending(ssl_.get()) != 0) return false;
#endif
    char byte = 0;
    return ::recv(socket_.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
  }

 private:
  Result<std::size_t> put(std::string_view bytes, Deadline deadline) {
    const short events = static_cast<short>(mayYield_ ? POLLOUT | POLLIN : POLLOUT);
#ifdef CPPHTTPLIB_OPENSSL_SUPPORT
    if (ssl_) {
      const int size = static_cast<int>(std::min<std::size_t>(bytes.size(), INT_MAX));
      hasSent_ = true;  // a part of the record may leave before OpenSSL fails
      return tls(events, deadline, [&] { return SSL_write(ssl_.get(), bytes.data(), size); });
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
  // The name goes into the handshake (SNI has no place for addresses), and must be among the certificate's subject
  // alternative names: a common name is whatever its owner likes to be called (RFC 9110 section 4.3.4).
  [[nodiscard]] bool expect(const std::string& host) {
    SSL_set_hostflags(ssl_.get(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    unsigned char address[sizeof(in6_addr)];
    const bool isAddress =
        ::inet_pton(AF_INET, host.c_str(), address) == 1 || ::inet_pton(AF_INET6, host.c_str(), address) == 1;
    if (isAddress) return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_.get()), host.c_str()) == 1;
    return SSL_set1_host(ssl_.get(), host.c_str()) == 1 &&
           SSL_ctrl(ssl_.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                    const_cast<char*>(host.c_str())) == 1;  // SSL_set_tlsext_host_name is a macro with a C cast
  }

  // RFC 8446 section 6.2: how a peer says that it wants a client certificate, or another one. With TLS 1.3 it comes
  // after the client's part of the handshake, with what was sent by then unread.
  [[nodiscard]] static bool refusesCertificate(unsigned long problem) {
    constexpr int firstAlert = 1000;  // SSL_AD_REASON_OFFSET
    constexpr std::array<int, 9> alerts = {40, 42, 43, 44, 45, 46, 48, 49, 116};
    return ERR_GET_LIB(problem) == ERR_LIB_SSL &&
           std::find(alerts.begin(), alerts.end(), ERR_GET_REASON(problem) - firstAlert) != alerts.end();
  }

  // A peer that closes without close_notify has broken the connection: somebody else may have cut it. `toWrite` is what
  // is waited for when OpenSSL wants to write.
  template <class Step>
  Result<std::size_t> tls(short toWrite, Deadline deadline, Step step) {
    while (true) {
      ERR_clear_error();
      const int done = step();
      if (done > 0) return static_cast<std::size_t>(done);
      const int why = SSL_get_error(ssl_.get(), done);
      const unsigned long problem = ERR_peek_last_error();
      ERR_clear_error();
      if (why == SSL_ERROR_ZERO_RETURN) return std::size_t{0};
      if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) {
        isIntact_ = false;
        if (!hasReceived_ && refusesCertificate(problem)) return unreachable("TLS: the peer refuses our certificate");
        return fail(Errc::transport, "the TLS connection broke");
      }
      const Next next = waitFor(why == SSL_ERROR_WANT_READ ? POLLIN : toWrite, deadline);
      if (next == Next::tooLate) return fail(Errc::timeout, "no complete response by the deadline");
      if (next == Next::readFirst) return std::size_t{0};
    }
  }
#endif

  Socket socket_;
#ifdef CPPHTTPLIB_OPENSSL_SUPPORT
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl_{nullptr, SSL_free};
  bool isIntact_ = true;      // OpenSSL must not be asked to say goodbye after an error
  bool hasReceived_ = false;  // anything of a response
#endif
  bool hasSent_ = false;     // whether a byte of the request may have left
  bool mayYield_ = true;     // a write that would block, to data that has come
  bool hasYielded_ = false;  // the last write has
};

}  // namespace ironjar::detail
