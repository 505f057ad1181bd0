// OpenSSL's libcrypto, as far as Fe26.2 and handshakes need it; keys that sign are in signing_key.hpp. Algorithms are
// fetched once per process. Throws std::runtime_error where libcrypto refuses what must work.
#pragma once

#include "base/bytes.hpp"

#include <memory>
#include <span>

namespace ironjar::detail {

// Throws std::runtime_error with what libcrypto refuses, unless it is done.
void requireDone(bool done, const char* what);

inline constexpr std::size_t aesKeySize = 32;
inline constexpr std::size_t aesBlockSize = 16;
inline constexpr std::size_t sha1Size = 20;
inline constexpr std::size_t sha256Size = 32;
inline constexpr std::size_t sha512Size = 64;

// PBKDF2-HMAC-SHA1 (RFC 8018 section 5.2) with the password keyed in once, at construction.
// Immutable: one object serves any number of threads.
class Pbkdf2Password {
 public:
  explicit Pbkdf2Password(Bytes password);
  ~Pbkdf2Password();
  Pbkdf2Password(const Pbkdf2Password&) = delete;
  Pbkdf2Password& operator=(const Pbkdf2Password&) = delete;

  void derive(MutableBytes key, Bytes salt, unsigned iterations) const;

 private:
  struct State;
  std::unique_ptr<const State> state_;
};

// For what a protocol wants by that name and nobody's safety rests on, such as a WebSocket's handshake.
void sha1(std::span<unsigned char, sha1Size> hash, Bytes message);

void sha256(std::span<unsigned char, sha256Size> hash, Bytes message);
void sha512(std::span<unsigned char, sha512Size> hash, Bytes message);

void hmacSha256(std::span<unsigned char, sha256Size> mac, std::span<const unsigned char, sha256Size> key,
                Bytes message);

// AES-256-CBC with PKCS#7 padding, in place: the plaintext stands at the beginning of `text`, which is as large as the
// ciphertext will be, the plaintext rounded up to the next whole block.
[[nodiscard]] constexpr std::size_t aesPaddedSize(std::size_t plaintext) {
  return (plaintext / aesBlockSize + 1) * aesBlockSize;
}
void aesEncrypt(MutableBytes text, std::size_t plaintextSize, std::span<const unsigned char, aesKeySize> key,
                std::span<const unsigned char, aesBlockSize> iv);

// Turns the ciphertext `text` into the plaintext; the plaintext's size, or -1 for bad padding.
[[nodiscard]] std::ptrdiff_t aesDecrypt(MutableBytes text, std::span<const unsigned char, aesKeySize> key,
                                        std::span<const unsigned char, aesBlockSize> iv);

}  // namespace ironjar::detail
