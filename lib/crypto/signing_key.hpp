// Keys that sign, as JSON Web Signatures need them (RFC 7518 section 3, RFC 8037).
#pragma once

#include "base/bytes.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>

struct evp_pkey_st;

namespace ironjar::detail {

inline constexpr std::size_t p256Size = 32;

// Immutable: one object serves any number of threads. Throws std::runtime_error where libcrypto refuses what must work.
class SigningKey {
 public:
  // Both throw std::invalid_argument, saying what to change and nothing of the key. The private key is PEM, not
  // encrypted; an empty algorithm is the key's usual one.
  static SigningKey ofPem(std::string_view pem, std::string_view algorithm);
  static SigningKey ofSecret(std::string_view secret);  // HS256
  // ES256, from the private key's number, big-endian. Nothing when it has not p256Size bytes or is out of range (SEC 1
  // section 3.2.1).
  static std::optional<SigningKey> ofP256(Bytes number);

  [[nodiscard]] const std::string& algorithm() const { return algorithm_; }
  [[nodiscard]] std::string sign(std::string_view message) const;  // the signature's bytes
  // Of ES256: the public key's x and y, p256Size bytes each.
  [[nodiscard]] std::string p256Point() const;

 private:
  SigningKey(std::shared_ptr<evp_pkey_st> key, std::string algorithm)
      : key_(std::move(key)), algorithm_(std::move(algorithm)) {}

  std::shared_ptr<evp_pkey_st> key_;
  std::string algorithm_;
};

}  // namespace ironjar::detail
