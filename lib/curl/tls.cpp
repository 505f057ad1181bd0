#include "curl/tls.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <curl/curl.h>
#include <stdexcept>

#include <openssl/err.h>
#include <openssl/x509v3.h>

namespace ironjar::detail {
namespace {

[[noreturn]] void refuse(const char* why) {
  throw std::invalid_argument(std::string("ironjar: TransportOptions: ") + why);
}

// Those that libcurl was built with. OpenSSL's own defaults would be whatever the environment says.
void loadSystemAuthorities(X509_STORE* store) {
  const curl_version_info_data* const built = curl_version_info(CURLVERSION_NOW);
  const bool knows = built != nullptr && built->age >= CURLVERSION_SEVENTH;
  const bool isLoaded = knows && built->cainfo != nullptr && X509_STORE_load_file(store, built->cainfo) == 1;
  if (!isLoaded) {
    const char* const folder = knows && built->capath != nullptr ? built->capath : X509_get_default_cert_dir();
    static_cast<void>(X509_STORE_load_path(store, folder));
  }
  ERR_clear_error();
}

Handle<SSL_CTX, SSL_CTX_free> clientOf(const TransportOptions& options) {
  if (options.clientCertFile.empty() && options.clientKeyFile.empty()) return nullptr;
  Handle<SSL_CTX, SSL_CTX_free> client(SSL_CTX_new(TLS_client_method()));
  SSL_CTX* const context = client.get();
  // OpenSSL would ask for an encrypted key's password at the terminal.
  if (context != nullptr) SSL_CTX_set_default_passwd_cb(context, [](char*, int, int, void*) { return 0; });
  const bool isLoaded = context != nullptr &&
                        SSL_CTX_use_certificate_chain_file(context, options.clientCertFile.c_str()) == 1 &&
                        SSL_CTX_use_PrivateKey_file(context, options.clientKeyFile.c_str(), SSL_FILETYPE_PEM) == 1 &&
                        SSL_CTX_check_private_key(context) == 1;
  ERR_clear_error();
  if (!isLoaded) {
    refuse("clientCertFile and clientKeyFile are not PEM files of a certificate and its key, not encrypted");
  }
  return client;
}

// RFC 9110 section 4.3.4: the host must be among the certificate's subject alternative names; a common name is whatever
// its owner likes to be called. libcurl would take one for the host's name.
bool expect(X509_VERIFY_PARAM* param, const std::string& host) {
  X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  std::array<unsigned char, 16> address{};
  const bool isAddress = ::inet_pton(AF_INET, host.c_str(), address.data()) == 1 ||
                         ::inet_pton(AF_INET6, host.c_str(), address.data()) == 1;
  return isAddress ? X509_VERIFY_PARAM_set1_ip_asc(param, host.c_str()) == 1
                   : X509_VERIFY_PARAM_set1_host(param, host.c_str(), host.size()) == 1;
}

bool useCertificateOf(SSL_CTX* client, SSL_CTX* context) {
  STACK_OF(X509)* chain = nullptr;
  static_cast<void>(SSL_CTX_get0_chain_certs(client, &chain));
  return SSL_CTX_use_cert_and_key(context, SSL_CTX_get0_certificate(client), SSL_CTX_get0_privatekey(client), chain,
                                  1) == 1;
}

void noteAlert(const SSL* ssl, int where, int what) {
  if ((where & SSL_CB_READ_ALERT) != SSL_CB_READ_ALERT) return;
  auto* const alert = static_cast<int*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), 0));
  if (alert != nullptr) *alert = what & 0xff;
}

long passBrokenWrite(BIO* bio, int operation, const char*, std::size_t size, int, long, int result,
                     std::size_t* processed) {
  if (operation != (BIO_CB_WRITE | BIO_CB_RETURN) || result > 0 || BIO_should_retry(bio)) return result;
  *reinterpret_cast<bool*>(BIO_get_callback_arg(bio)) = true;
  if (processed != nullptr) *processed = size;
  return 1;
}

}  // namespace

Tls::Tls(const TransportOptions& options) : authorities_(X509_STORE_new()), client_(clientOf(options)) {
  if (!authorities_) throw std::runtime_error("ironjar: OpenSSL has no memory");
  if (options.caCertFile.empty()) {
    loadSystemAuthorities(authorities_.get());
    return;
  }
  const bool isLoaded = X509_STORE_load_file(authorities_.get(), options.caCertFile.c_str()) == 1;
  ERR_clear_error();
  if (!isLoaded) refuse("caCertFile is no PEM file of certificates that can be read");
}

bool Tls::prepare(void* context, const std::string& host, int& alert) const {
  auto* const own = static_cast<SSL_CTX*>(context);
  SSL_CTX_set1_cert_store(own, authorities_.get());
  SSL_CTX_set_options(own, SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_info_callback(own, noteAlert);
  const bool isReady = SSL_CTX_set_ex_data(own, 0, &alert) == 1 && expect(SSL_CTX_get0_param(own), host) &&
                       (!client_ || useCertificateOf(client_.get(), own));
  ERR_clear_error();
  return isReady;
}

bool hasPendingBytes(void* ssl) { return SSL_has_pending(static_cast<const SSL*>(ssl)) != 0; }

void readOnAfterBrokenWrites(void* ssl, bool& isBroken) {
  BIO* const bio = SSL_get_wbio(static_cast<const SSL*>(ssl));
  BIO_set_callback_arg(bio, reinterpret_cast<char*>(&isBroken));
  BIO_set_callback_ex(bio, passBrokenWrite);
}

bool refusesCertificate(int alert) {
  constexpr std::array<int, 9> alerts = {40, 42, 43, 44, 45, 46, 48, 49, 116};
  return std::find(alerts.begin(), alerts.end(), alert) != alerts.end();
}

}  // namespace ironjar::detail
