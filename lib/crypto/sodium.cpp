#include "crypto/sodium.hpp"

#include <stdexcept>

#include <sodium.h>

namespace ironjar::detail {
namespace {

void initialise() {
  static const int result = sodium_init();
  if (result < 0) throw std::runtime_error("ironjar: libsodium cannot be initialised");
}

}  // namespace

void random(MutableBytes out) {
  initialise();
  randombytes_buf(out.data(), out.size());
}

bool equal(Bytes a, Bytes b) { return a.size() == b.size() && sodium_memcmp(a.data(), b.data(), a.size()) == 0; }

void wipe(MutableBytes secret) { sodium_memzero(secret.data(), secret.size()); }

void blake2b(MutableBytes out, Bytes key, Bytes message) {
  initialise();
  if (crypto_generichash(out.data(), out.size(), message.data(), message.size(), key.data(), key.size()) != 0) {
    throw std::runtime_error("ironjar: BLAKE2b refused its parameters");
  }
}

void siphash(std::span<unsigned char, siphashSize> out, std::span<const unsigned char, siphashSize> key,
             Bytes message) {
  static_assert(crypto_shorthash_siphashx24_BYTES == siphashSize &&
                crypto_shorthash_siphashx24_KEYBYTES == siphashSize);
  crypto_shorthash_siphashx24(out.data(), message.data(), message.size(), key.data());  // cannot fail
}

void aeadSeal(MutableBytes out, Bytes plaintext, Bytes associatedData,
              std::span<const unsigned char, aeadNonceSize> nonce, std::span<const unsigned char, aeadKeySize> key) {
  initialise();
  if (out.size() != plaintext.size() + aeadTagSize) throw std::runtime_error("ironjar: wrong size for a ciphertext");
  if (crypto_aead_xchacha20poly1305_ietf_encrypt(out.data(), nullptr, plaintext.data(), plaintext.size(),
                                                 associatedData.data(), associatedData.size(), nullptr, nonce.data(),
                                                 key.data()) != 0) {
    throw std::runtime_error("ironjar: XChaCha20-Poly1305 refused to encrypt");
  }
}

bool aeadOpen(MutableBytes out, Bytes sealed, Bytes associatedData, std::span<const unsigned char, aeadNonceSize> nonce,
              std::span<const unsigned char, aeadKeySize> key) {
  initialise();
  if (sealed.size() != out.size() + aeadTagSize) return false;
  return crypto_aead_xchacha20poly1305_ietf_decrypt(out.data(), nullptr, nullptr, sealed.data(), sealed.size(),
                                                    associatedData.data(), associatedData.size(), nonce.data(),
                                                    key.data()) == 0;
}

}  // namespace ironjar::detail
