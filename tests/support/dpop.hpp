// DPoP proofs as a server reads them: the signature verified with the public key that they bring (RFC 9449
// section 4.3).
#pragma once

#include "base/base64url.hpp"
#include "base/handle.hpp"
#include "support.hpp"

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/params.h>

namespace support {

inline std::string base64urlDecoded(std::string_view text) {
  std::string data(ironjar::detail::base64urlDecodedSize(text.size()), '\0');
  if (!ironjar::detail::decodeBase64url(text, ironjar::detail::writable(data.data(), data.size()))) {
    throw std::runtime_error("no base64url");
  }
  return data;
}

// As a server does: with the public key alone.
inline bool verifiesEs256(const Json& jwk, std::string_view message, const std::string& signature) {
  using ironjar::detail::Handle;
  std::string point =
      "\x04" + base64urlDecoded(jwk.at("x").get<std::string>()) + base64urlDecoded(jwk.at("y").get<std::string>());
  std::string group = "prime256v1";
  std::array<OSSL_PARAM, 3> members = {
      OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group.data(), group.size()),
      OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()),
      OSSL_PARAM_construct_end()};
  const Handle<EVP_PKEY_CTX, EVP_PKEY_CTX_free> made(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
  EVP_PKEY* loaded = nullptr;
  if (EVP_PKEY_fromdata_init(made.get()) != 1 ||
      EVP_PKEY_fromdata(made.get(), &loaded, EVP_PKEY_PUBLIC_KEY, members.data()) != 1 || signature.size() != 64) {
    return false;
  }
  const Handle<EVP_PKEY, EVP_PKEY_free> key(loaded);
  const auto* const numbers = reinterpret_cast<const unsigned char*>(signature.data());
  const Handle<ECDSA_SIG, ECDSA_SIG_free> both(ECDSA_SIG_new());
  ECDSA_SIG_set0(both.get(), BN_bin2bn(numbers, 32, nullptr), BN_bin2bn(numbers + 32, 32, nullptr));
  std::string der(80, '\0');
  auto* end = reinterpret_cast<unsigned char*>(der.data());
  der.resize(static_cast<std::size_t>(i2d_ECDSA_SIG(both.get(), &end)));
  const Handle<EVP_MD_CTX, EVP_MD_CTX_free> context(EVP_MD_CTX_new());
  return EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key.get()) == 1 &&
         EVP_DigestVerify(context.get(), reinterpret_cast<const unsigned char*>(der.data()), der.size(),
                          reinterpret_cast<const unsigned char*>(message.data()), message.size()) == 1;
}

struct Proof {
  Json header;
  Json claims;
  bool isSigned = false;  // by the key in the header
};

inline Proof proofIn(std::string_view text) {
  const std::size_t first = text.find('.');
  const std::size_t second = text.rfind('.');
  Proof proof{.header = Json::parse(base64urlDecoded(text.substr(0, first))),
              .claims = Json::parse(base64urlDecoded(text.substr(first + 1, second - first - 1)))};
  proof.isSigned =
      verifiesEs256(proof.header.at("jwk"), text.substr(0, second), base64urlDecoded(text.substr(second + 1)));
  return proof;
}

}  // namespace support
