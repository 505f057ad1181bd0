#include "crypto/verifying_key.hpp"

#include "base/handle.hpp"
#include "crypto/libcrypto.hpp"
#include "crypto/signing_key.hpp"

#include <algorithm>
#include <array>
#include <string>

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/params.h>
#include <openssl/rsa.h>

namespace ironjar::detail {
namespace {

constexpr int leastRsaBits = 2048;
constexpr int mostRsaBits = 8192;  // above, a signature costs whoever sends one nothing, and us milliseconds
constexpr std::size_t mostExponentSize = 8;
constexpr std::size_t ed25519Size = 32;

using Number = Handle<BIGNUM, BN_free>;
using Parameters = Handle<OSSL_PARAM, OSSL_PARAM_free>;

Number numberOf(Bytes bytes) {
  Number number(BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr));
  requireDone(number != nullptr, "memory");
  return number;
}

// The key that these say; null for what is none, and for a type that this libcrypto does without (FIPS).
std::shared_ptr<EVP_PKEY> keyOf(const char* type, OSSL_PARAM* parameters) {
  const Handle<EVP_PKEY_CTX, EVP_PKEY_CTX_free> context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  const bool isKey = context != nullptr && EVP_PKEY_fromdata_init(context.get()) == 1 &&
                     EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters) == 1;
  if (!isKey) {
    ERR_clear_error();
    return nullptr;
  }
  return {key, EVP_PKEY_free};
}

// From r and s, one behind the other, to DER, the form of it that libcrypto takes (RFC 7518 section 3.4).
std::string derOf(std::string_view numbers) {
  const Handle<ECDSA_SIG, ECDSA_SIG_free> signature(ECDSA_SIG_new());
  requireDone(signature != nullptr, "memory");
  Number r = numberOf(bytes(numbers.substr(0, p256Size)));
  Number s = numberOf(bytes(numbers.substr(p256Size)));
  requireDone(ECDSA_SIG_set0(signature.get(), r.get(), s.get()) == 1, "an ECDSA signature");
  static_cast<void>(r.release());  // the signature's now
  static_cast<void>(s.release());
  const int size = i2d_ECDSA_SIG(signature.get(), nullptr);
  requireDone(size > 0, "an ECDSA signature's size");
  std::string der(static_cast<std::size_t>(size), '\0');
  unsigned char* out = writable(der.data(), der.size()).data();
  requireDone(i2d_ECDSA_SIG(signature.get(), &out) == size, "an ECDSA signature");
  return der;
}

}  // namespace

KeyType keyTypeOf(SignatureAlgorithm algorithm) {
  switch (algorithm) {
    case SignatureAlgorithm::es256:
      return KeyType::p256;
    case SignatureAlgorithm::edDsa:
      return KeyType::ed25519;
    default:
      return KeyType::rsa;
  }
}

std::optional<VerifyingKey> VerifyingKey::ofRsa(Bytes modulus, Bytes exponent) {
  // Before a number of any size is made of them. RFC 7518 section 6.3.1: no zero bytes in front.
  if (modulus.size() < leastRsaBits / 8 || modulus.size() > mostRsaBits / 8 || modulus.front() == 0)
    return std::nullopt;
  if (exponent.empty() || exponent.size() > mostExponentSize || exponent.front() == 0) return std::nullopt;
  const Number n = numberOf(modulus);
  const Number e = numberOf(exponent);
  if (BN_num_bits(n.get()) < leastRsaBits || BN_is_odd(n.get()) == 0) return std::nullopt;
  if (BN_is_odd(e.get()) == 0 || BN_is_one(e.get()) != 0) return std::nullopt;
  const Handle<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free> building(OSSL_PARAM_BLD_new());
  requireDone(building != nullptr && OSSL_PARAM_BLD_push_BN(building.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) == 1 &&
                  OSSL_PARAM_BLD_push_BN(building.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) == 1,
              "an RSA key");
  const Parameters parameters(OSSL_PARAM_BLD_to_param(building.get()));
  requireDone(parameters != nullptr, "memory");
  auto key = keyOf("RSA", parameters.get());
  return key ? std::optional(VerifyingKey(std::move(key), KeyType::rsa)) : std::nullopt;
}

std::optional<VerifyingKey> VerifyingKey::ofP256(Bytes x, Bytes y) {
  if (x.size() != p256Size || y.size() != p256Size) return std::nullopt;
  std::array<unsigned char, 1 + 2 * p256Size> point = {4};  // uncompressed (SEC 1 section 2.3.3)
  std::copy(x.begin(), x.end(), point.begin() + 1);
  std::copy(y.begin(), y.end(), point.begin() + 1 + p256Size);
  std::string group = "prime256v1";
  std::array<OSSL_PARAM, 3> parameters = {
      OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group.data(), group.size()),
      OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()),
      OSSL_PARAM_construct_end()};
  auto key = keyOf("EC", parameters.data());  // looks that the point is on the curve
  return key ? std::optional(VerifyingKey(std::move(key), KeyType::p256)) : std::nullopt;
}

std::optional<VerifyingKey> VerifyingKey::ofEd25519(Bytes point) {
  if (point.size() != ed25519Size) return std::nullopt;
  std::shared_ptr<EVP_PKEY> key(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, point.data(), point.size()),
                                EVP_PKEY_free);
  if (key == nullptr) {
    ERR_clear_error();
    return std::nullopt;
  }
  return VerifyingKey(std::move(key), KeyType::ed25519);
}

bool VerifyingKey::verifies(SignatureAlgorithm algorithm, std::string_view message, std::string_view signature) const {
  if (keyTypeOf(algorithm) != type_) return false;
  std::string der;
  if (type_ == KeyType::p256) {
    if (signature.size() != 2 * p256Size) return false;
    der = derOf(signature);
    signature = der;
  }
  const Handle<EVP_MD_CTX, EVP_MD_CTX_free> context(EVP_MD_CTX_new());
  requireDone(context != nullptr, "memory");
  EVP_PKEY_CTX* options = nullptr;  // the context's
  const EVP_MD* const hash = type_ == KeyType::ed25519 ? nullptr : EVP_sha256();
  requireDone(EVP_DigestVerifyInit(context.get(), &options, hash, nullptr, key_.get()) == 1, "to begin to verify");
  if (algorithm == SignatureAlgorithm::ps256) {  // RFC 7518 section 3.5: the salt is as long as the hash
    requireDone(EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) == 1 &&
                    EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST) == 1,
                "PS256");
  }
  const Bytes seen = bytes(signature);
  const Bytes data = bytes(message);
  if (EVP_DigestVerify(context.get(), seen.data(), seen.size(), data.data(), data.size()) == 1) return true;
  ERR_clear_error();
  return false;
}

}  // namespace ironjar::detail
