// Both transports keep to the contract.
#include "client.hpp"

using namespace ironjar;
using ironjar::testing::checkTransport;

namespace {

std::string listed(const std::vector<std::string>& violations) {
  std::string text;
  for (const std::string& line : violations) text += line + "\n";
  return text;
}

ironjar::testing::WireMaker tlsWires(const support::Certificate& certificate) {
  const std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  SSL_CTX_use_certificate(context.get(), certificate.x509.get());
  SSL_CTX_use_PrivateKey(context.get(), certificate.key.get());
  return [context](int socket) -> std::optional<ironjar::testing::Wire> {
    const std::shared_ptr<SSL> ssl(SSL_new(context.get()), [](SSL* own) {
      SSL_shutdown(own);
      SSL_free(own);
    });
    if (SSL_set_fd(ssl.get(), socket) != 1 || SSL_accept(ssl.get()) != 1) return std::nullopt;
    const auto peer = std::make_shared<support::Peer>(socket, ssl.get());
    return ironjar::testing::Wire{[ssl, peer](std::string_view bytes) { return bytes.empty() || peer->put(bytes); },
                                  [ssl, peer] { return peer->get(); }};
  };
}

}  // namespace

TEST_CASE("V34 V35 V36: curlTransport keeps to the contract of a transport") {
  CHECK(listed(checkTransport(curlTransport())) == "");
}

TEST_CASE("V34 V35 V36: asyncCurlTransport keeps to it") {
  CHECK(listed(checkTransport(blocking(asyncCurlTransport()))) == "");
}

TEST_CASE("V17 V34 V35 V36: both keep to it over TLS") {
  const support::Certificate certificate;
  for (const auto& each : support::curlTransports({.caCertFile = certificate.file.string()})) {
    const Transport& transport = each.second;
    CAPTURE(each.first);
    CHECK(listed(checkTransport(transport, {.origin = "https://localhost", .wires = tlsWires(certificate)})) == "");
  }
}
