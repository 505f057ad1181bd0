// checkTransport's servers over TLS.
#pragma once

#include "raw_server.hpp"

#include <csignal>
#include <memory>
#include <optional>
#include <string_view>

namespace support {

inline ironjar::testing::WireMaker tlsWires(const Certificate& certificate) {
  std::signal(SIGPIPE, SIG_IGN);  // of OpenSSL's writes to who has hung up
  const std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  SSL_CTX_use_certificate(context.get(), certificate.x509.get());
  SSL_CTX_use_PrivateKey(context.get(), certificate.key.get());
  return [context](int socket) -> std::optional<ironjar::testing::Wire> {
    const std::shared_ptr<SSL> ssl(SSL_new(context.get()), [](SSL* own) {
      SSL_shutdown(own);
      SSL_free(own);
    });
    if (SSL_set_fd(ssl.get(), socket) != 1 || SSL_accept(ssl.get()) != 1) return std::nullopt;
    const auto peer = std::make_shared<Peer>(socket, ssl.get());
    return ironjar::testing::Wire{[ssl, peer](std::string_view bytes) { return bytes.empty() || peer->put(bytes); },
                                  [ssl, peer] { return peer->get(); }};
  };
}

}  // namespace support
