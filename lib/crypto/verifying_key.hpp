// Public keys that verify, as JSON Web Signatures need them (RFC 7518 section 3, RFC 8037).
#pragma once

#include "base/bytes.hpp"

#include <memory>
#include <optional>
#include <string_view>

struct evp_pkey_st;

namespace ironjar::detail {

enum class KeyType { rsa, p256, ed25519 };
enum class SignatureAlgorithm { rs256, ps256, es256, edDsa };

// RSA with one, P-256 with the third, Ed25519 with the last: a key never verifies what another type's algorithm names.
[[nodiscard]] KeyType keyTypeOf(SignatureAlgorithm algorithm);

// Immutable: one object serves any number of threads. Throws std::runtime_error where libcrypto refuses what must work.
class VerifyingKey {
 public:
  // Numbers are big-endian. Nothing for what is no such key: a modulus of less than 2048 or more than 8192 bits, an
  // exponent that is even, 1, or of more than 64 bits; a point that is not on the curve; a wrong size; a type that
  // libcrypto does without, as its FIPS provider may.
  static std::optional<VerifyingKey> ofRsa(Bytes modulus, Bytes exponent);
  static std::optional<VerifyingKey> ofP256(Bytes x, Bytes y);
  static std::optional<VerifyingKey> ofEd25519(Bytes point);

  [[nodiscard]] KeyType type() const { return type_; }
  // False for any other signature, of whatever size, and for an algorithm of another type of key.
  [[nodiscard]] bool verifies(SignatureAlgorithm algorithm, std::string_view message, std::string_view signature) const;

 private:
  VerifyingKey(std::shared_ptr<evp_pkey_st> key, KeyType type) : key_(std::move(key)), type_(type) {}

  std::shared_ptr<evp_pkey_st> key_;
  KeyType type_;
};

}  // namespace ironjar::detail
