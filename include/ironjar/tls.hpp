// TLS on the client's side, for transports over non-blocking sockets: verified, and without a setting that turns that
// off. Part of <ironjar/asio/transport.hpp> and <ironjar/httplib/transport.hpp>.
#pragma once

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <netinet/in.h>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <utility>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

namespace ironjar::detail {

struct TlsFiles {
  std::string authorities = {};        // empty: the system's
  std::string clientCertificate = {};  // with the certificates that lead to its authority; empty: none
  std::string clientKey = {};
};

// What all TLS connections of a transport share. Authorities are loaded once, when the first connection needs them; a
// client certificate at once. Thread-safe.
class TlsClientContext {
 public:
  // `options` is whose clientCertFile and clientKeyFile they are. Throws std::invalid_argument for a client certificate
  // and key that cannot be read, or do not go together.
  TlsClientContext(const TlsFiles& files, std::string_view options) : authorities_(files.authorities) {
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
    throw std::invalid_argument("ironjar: " + std::string(options) +
                                ": clientCertFile and clientKeyFile are not PEM files of a certificate and its key, "
                                "not encrypted, that can be read");
  }

  // Null when the authorities cannot be loaded.
  [[nodiscard]] SSL_CTX* get() {
    std::call_once(once_, [this] { load(); });
    return loaded_ ? context_.get() : nullptr;
  }

 private:
  void load() {
    SSL_CTX* const context = context_.get();
    if (context == nullptr) return;
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_clear_mode(context, SSL_MODE_AUTO_RETRY);  // what is no data must not keep a read inside past the deadline
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);  // connections that wait need none
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

// What a step on a non-blocking connection came to.
enum class IoStep {
  done,
  waitToRead,   // the step is to be tried again when there is something to read
  waitToWrite,  // the same for room to write
  closed,       // by the peer, in order: over TLS with a close_notify
  broken,
  refused,  // the peer refuses our certificate: nothing of the request was read
};
struct IoResult {
  IoStep step = IoStep::broken;
  std::size_t size = 0;  // when done
};

inline int socketOf(BIO* bio) { return static_cast<int>(reinterpret_cast<std::intptr_t>(BIO_get_data(bio))); }
inline bool isToBeTriedAgain() { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

// How OpenSSL reads and writes a socket that stays its owner's. Its own way raises SIGPIPE when the peer has hung up.
inline BIO* socketBio(int socket) {
  static BIO_METHOD* const method = [] {  // for all time: there is no last connection
    BIO_METHOD* const made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "ironjar socket");
    if (made == nullptr) return made;
    BIO_meth_set_write(made, [](BIO* bio, const char* bytes, int size) {
      BIO_clear_retry_flags(bio);
      const auto done = ::send(socketOf(bio), bytes, static_cast<std::size_t>(size), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (done < 0 && isToBeTriedAgain()) BIO_set_retry_write(bio);
      return static_cast<int>(done);
    });
    BIO_meth_set_read(made, [](BIO* bio, char* bytes, int size) {
      BIO_clear_retry_flags(bio);
      const auto done = ::recv(socketOf(bio), bytes, static_cast<std::size_t>(size), MSG_DONTWAIT);
      if (done < 0 && isToBeTriedAgain()) BIO_set_retry_read(bio);
      return static_cast<int>(done);
    });
    BIO_meth_set_ctrl(made, [](BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1L : 0L; });
    return made;
  }();
  BIO* const bio = method == nullptr ? nullptr : BIO_new(method);
  if (bio == nullptr) return nullptr;
  BIO_set_data(bio, reinterpret_cast<void*>(static_cast<std::intptr_t>(socket)));
  BIO_set_init(bio, 1);
  return bio;
}

// One TLS connection over a socket, which must outlive it.
class TlsClient {
 public:
  TlsClient() = default;
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;
  ~TlsClient() { close(); }

  // Says goodbye, and does not wait for an answer. To be called before the socket is closed: its number may be another
  // connection's a moment later.
  void close() {
    if (!ssl_) return;
    if (isIntact_) SSL_shutdown(ssl_.get());
    ERR_clear_error();
    ssl_.reset();
  }

  // Says that nothing more is written (RFC 8446 section 6.1).
  void endWriting() {
    if (isIntact_) SSL_shutdown(ssl_.get());
    ERR_clear_error();
  }

  // Begins; `host` is who the certificate must be for (RFC 9110 section 4.3.4). False when OpenSSL cannot.
  [[nodiscard]] bool start(SSL_CTX* context, int socket, const std::string& host) {
    ssl_.reset(SSL_new(context));
    BIO* const bio = ssl_ ? socketBio(socket) : nullptr;
    if (bio != nullptr) SSL_set_bio(ssl_.get(), bio, bio);
    isIntact_ = false;  // nobody to say goodbye to before the handshake is over
    const bool isReady = bio != nullptr && expect(host);
    ERR_clear_error();
    return isReady;
  }
  [[nodiscard]] bool isOn() const { return ssl_ != nullptr; }

  [[nodiscard]] IoResult handshake() {
    const IoResult done = step([this] { return SSL_connect(ssl_.get()); });
    if (done.step == IoStep::done) isIntact_ = true;
    return done;
  }
  // After a handshake that failed.
  [[nodiscard]] bool isVerified() const { return SSL_get_verify_result(ssl_.get()) == X509_V_OK; }

  [[nodiscard]] IoResult read(char* bytes, std::size_t size) {
    const IoResult got = step([&] { return SSL_read(ssl_.get(), bytes, sizeOf(size)); });
    hasReceived_ = hasReceived_ || got.step == IoStep::done;
    return got;
  }
  [[nodiscard]] IoResult write(std::string_view bytes) {
    return step([&] { return SSL_write(ssl_.get(), bytes.data(), sizeOf(bytes.size())); });
  }
  // Whether OpenSSL holds anything that was not read: data, or a record or a part of one.
  [[nodiscard]] bool hasPending() const { return SSL_has_pending(ssl_.get()) != 0; }

 private:
  static int sizeOf(std::size_t size) { return static_cast<int>(std::min<std::size_t>(size, INT_MAX)); }

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

  // A peer that closes without close_notify has broken the connection: somebody else may have cut it.
  template <class Step>
  [[nodiscard]] IoResult step(Step work) {
    ERR_clear_error();
    const int done = work();
    if (done > 0) return {IoStep::done, static_cast<std::size_t>(done)};
    const int why = SSL_get_error(ssl_.get(), done);
    const unsigned long problem = ERR_peek_last_error();
    ERR_clear_error();
    if (why == SSL_ERROR_WANT_READ) return {IoStep::waitToRead};
    if (why == SSL_ERROR_WANT_WRITE) return {IoStep::waitToWrite};
    if (why == SSL_ERROR_ZERO_RETURN) return {IoStep::closed};
    isIntact_ = false;  // OpenSSL must not be asked to say goodbye after an error
    return {!hasReceived_ && refusesCertificate(problem) ? IoStep::refused : IoStep::broken};
  }

  std::unique_ptr<SSL, decltype(&SSL_free)> ssl_{nullptr, SSL_free};
  bool isIntact_ = false;
  bool hasReceived_ = false;  // anything of a response
};

}  // namespace ironjar::detail
