// What TLS connections are made with, and what is asked of them. libcurl hands out OpenSSL's handles as void pointers.
#pragma once

#include "base/handle.hpp"

#include <string>

#include <ironjar/curl.hpp>
#include <openssl/ssl.h>

namespace ironjar::detail {

// Authorities and client certificate, read once for all connections. Immutable.
class Tls {
 public:
  // Throws std::invalid_argument for files that cannot be read, or do not go together.
  explicit Tls(const TransportOptions& options);

  // Prepares a connection's SSL_CTX for that host. The last alert that comes is written to `alert`, which must live as
  // long as the context.
  [[nodiscard]] bool prepare(void* context, const std::string& host, int& alert) const;

 private:
  Handle<X509_STORE, X509_STORE_free> authorities_;
  Handle<SSL_CTX, SSL_CTX_free> client_;  // with the client's certificate; null for none
};

// A write that fails on that SSL says that it was done, and `isBroken` becomes true: so libcurl goes on to read what
// the peer had answered before it closed.
void readOnAfterBrokenWrites(void* ssl, bool& isBroken);

// Whether bytes have come on that SSL that nobody has read.
[[nodiscard]] bool hasPendingBytes(void* ssl);

// RFC 8446 section 6.2: whether a peer says by that alert that it wants a client certificate, or another one.
[[nodiscard]] bool refusesCertificate(int alert);

}  // namespace ironjar::detail
