#include "crypto/signing_key.hpp"

#include "base/bytes.hpp"
#include "base/handle.hpp"
#include "crypto/libcrypto.hpp"
#include "crypto/secret.hpp"

#include <array>
#include <stdexcept>

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

namespace ironjar::detail {
namespace {

constexpr int leastRsaBits = 2048;
constexpr std::size_t leastSecret = 32;              // as long as the hash (RFC 7518 section 3.2)
constexpr int numberSize = p256Size;                 // as libcrypto takes it; of r and s, too (RFC 7518 section 3.4)
constexpr std::size_t pointSize = 1 + 2 * p256Size;  // 4, x, y (SEC 1 section 2.3.3)

[[noreturn]] void refuse(const char* why) {
  ERR_clear_error();
  throw std::invalid_argument(std::string("ironjar: the client's key ") + why);
}

// Instead of asking at the terminal for the password of an encrypted key.
int noPassword(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*data*/) { return -1; }

std::string usualAlgorithm(EVP_PKEY* key) {
  std::array<char, 32> group{};
  switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_RSA:
      if (EVP_PKEY_get_bits(key) < leastRsaBits) refuse("is RSA of less than 2048 bits: use a longer one");
      return "RS256";
    case EVP_PKEY_EC:
      if (EVP_PKEY_get_group_name(key, group.data(), group.size(), nullptr) != 1 ||
          std::string_view(group.data()) != "prime256v1") {
        refuse("is on a curve other than P-256: use that one");
      }
      return "ES256";
    case EVP_PKEY_ED25519:
      return "EdDSA";
    default:
      refuse("is none of RSA, P-256 and Ed25519");
  }
}

// From DER to two numbers of the same size, one behind the other.
std::string joinedNumbers(const std::string& der) {
  const auto* begin = static_cast<const unsigned char*>(static_cast<const void*>(der.data()));
  const Handle<ECDSA_SIG, ECDSA_SIG_free> numbers(d2i_ECDSA_SIG(nullptr, &begin, static_cast<long>(der.size())));
  requireDone(numbers != nullptr, "to read an ECDSA signature");
  std::array<unsigned char, 2 * p256Size> both{};
  requireDone(BN_bn2binpad(ECDSA_SIG_get0_r(numbers.get()), both.data(), numberSize) == numberSize &&
                  BN_bn2binpad(ECDSA_SIG_get0_s(numbers.get()), both.data() + numberSize, numberSize) == numberSize,
              "an ECDSA signature");
  return {both.begin(), both.end()};
}

// Writes the point of the public key that belongs to a private number; false for one that is out of range.
bool putPoint(std::array<unsigned char, pointSize>& point, const BIGNUM* number) {
  const Handle<EC_GROUP, EC_GROUP_free> group(EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1));
  requireDone(group != nullptr, "P-256");
  if (BN_is_zero(number) || BN_cmp(number, EC_GROUP_get0_order(group.get())) >= 0) return false;
  const Handle<EC_POINT, EC_POINT_free> product(EC_POINT_new(group.get()));
  requireDone(product != nullptr, "memory");
  requireDone(EC_POINT_mul(group.get(), product.get(), number, nullptr, nullptr, nullptr) == 1 &&
                  EC_POINT_point2oct(group.get(), product.get(), POINT_CONVERSION_UNCOMPRESSED, point.data(),
                                     point.size(), nullptr) == point.size(),
              "a P-256 point");
  return true;
}

std::shared_ptr<EVP_PKEY> p256Key(const BIGNUM* number, std::array<unsigned char, pointSize>& point) {
  Secret<p256Size> native;  // in the machine's byte order
  requireDone(BN_bn2nativepad(number, native.fill().data(), numberSize) == numberSize, "a P-256 number");
  std::string group = "prime256v1";
  std::array<OSSL_PARAM, 4> members = {
      OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group.data(), group.size()),
      OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_PRIV_KEY, native.fill().data(), p256Size),
      OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()),
      OSSL_PARAM_construct_end()};
  const Handle<EVP_PKEY_CTX, EVP_PKEY_CTX_free> context(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
  requireDone(context != nullptr, "memory");
  EVP_PKEY* key = nullptr;
  requireDone(EVP_PKEY_fromdata_init(context.get()) == 1 &&
                  EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_KEYPAIR, members.data()) == 1,
              "a P-256 key");
  return {key, EVP_PKEY_free};
}

}  // namespace

SigningKey SigningKey::ofPem(std::string_view pem, std::string_view algorithm) {
  const Handle<BIO, BIO_free_all> text(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  requireDone(text != nullptr, "memory");
  std::shared_ptr<EVP_PKEY> key(PEM_read_bio_PrivateKey(text.get(), nullptr, noPassword, nullptr), EVP_PKEY_free);
  if (!key) refuse("is no private key in PEM, or an encrypted one: it begins with -----BEGIN PRIVATE KEY-----");
  std::string usual = usualAlgorithm(key.get());
  if (algorithm.empty() || algorithm == usual) return {std::move(key), std::move(usual)};
  if (usual == "RS256" && algorithm == "PS256") return {std::move(key), "PS256"};
  refuse("does not go with the algorithm: RS256 and PS256 are for RSA, ES256 for P-256, EdDSA for Ed25519");
}

SigningKey SigningKey::ofSecret(std::string_view secret) {
  if (secret.size() < leastSecret) refuse("is a secret of less than 32 bytes: HS256 needs a longer one");
  std::shared_ptr<EVP_PKEY> key(
      EVP_PKEY_new_raw_private_key(EVP_PKEY_HMAC, nullptr, bytes(secret).data(), secret.size()), EVP_PKEY_free);
  requireDone(key != nullptr, "an HMAC key");
  return {std::move(key), "HS256"};
}

std::optional<SigningKey> SigningKey::ofP256(Bytes number) {
  if (number.size() != p256Size) return std::nullopt;
  const Handle<BIGNUM, BN_clear_free> secret(BN_bin2bn(number.data(), numberSize, nullptr));
  requireDone(secret != nullptr, "memory");
  BN_set_flags(secret.get(), BN_FLG_CONSTTIME);
  std::array<unsigned char, pointSize> point{};
  if (!putPoint(point, secret.get())) return std::nullopt;
  return SigningKey(p256Key(secret.get(), point), "ES256");
}

std::string SigningKey::p256Point() const {
  std::array<unsigned char, pointSize> point{};
  std::size_t size = 0;
  requireDone(
      EVP_PKEY_get_octet_string_param(key_.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size(), &size) == 1 &&
          size == point.size(),
      "a P-256 key's point");
  return {point.begin() + 1, point.end()};
}

std::string SigningKey::sign(std::string_view message) const {
  const Handle<EVP_MD_CTX, EVP_MD_CTX_free> context(EVP_MD_CTX_new());
  requireDone(context != nullptr, "memory");
  EVP_PKEY_CTX* options = nullptr;  // the context's
  const EVP_MD* const hash = algorithm_ == "EdDSA" ? nullptr : EVP_sha256();
  requireDone(EVP_DigestSignInit(context.get(), &options, hash, nullptr, key_.get()) == 1, "to begin a signature");
  if (algorithm_ == "PS256") {
    requireDone(EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) == 1 &&
                    EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST) == 1,
                "PS256");
  }
  std::size_t size = 0;
  const Bytes data = bytes(message);
  requireDone(EVP_DigestSign(context.get(), nullptr, &size, data.data(), data.size()) == 1, "a signature's size");
  std::string signature(size, '\0');
  requireDone(
      EVP_DigestSign(context.get(), writable(signature.data(), size).data(), &size, data.data(), data.size()) == 1,
      "to sign");
  signature.resize(size);
  return algorithm_ == "ES256" ? joinedNumbers(signature) : signature;
}

}  // namespace ironjar::detail
