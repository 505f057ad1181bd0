// What depends on a key and is public all the same is declared defined where it leaves the cryptographic libraries.
// Linked with --wrap for each of these functions, so that the library itself is what users get.
#include <cstddef>
#include <valgrind/memcheck.h>

namespace {

void declassify(const void* data, std::size_t size) { static_cast<void>(VALGRIND_MAKE_MEM_DEFINED(data, size)); }
int declassified(int outcome) {
  declassify(&outcome, sizeof outcome);
  return outcome;
}

}  // namespace

struct evp_cipher_ctx_st;
using Bytes = const unsigned char*;
using Size = unsigned long long;

extern "C" {

// Whether two MACs are equal is what unseal tells its caller; how many bytes of them are, is not.
int __real_sodium_memcmp(const void*, const void*, std::size_t);
int __wrap_sodium_memcmp(const void* a, const void* b, std::size_t size) {
  return declassified(__real_sodium_memcmp(a, b, size));
}

// A ciphertext and its tag are sent to the browser.
int __real_crypto_aead_xchacha20poly1305_ietf_encrypt(unsigned char*, Size*, Bytes, Size, Bytes, Size, Bytes, Bytes,
                                                      Bytes);
int __wrap_crypto_aead_xchacha20poly1305_ietf_encrypt(unsigned char* out, Size* written, Bytes in, Size size, Bytes ad,
                                                      Size adSize, Bytes secretNonce, Bytes nonce, Bytes key) {
  const int outcome =
      __real_crypto_aead_xchacha20poly1305_ietf_encrypt(out, written, in, size, ad, adSize, secretNonce, nonce, key);
  declassify(out, size + 16);
  return declassified(outcome);
}

// Whether a tag verifies is told. A verified plaintext is the session's own data: parsing it takes the time it takes,
// and no attacker chooses it.
int __real_crypto_aead_xchacha20poly1305_ietf_decrypt(unsigned char*, Size*, unsigned char*, Bytes, Size, Bytes, Size,
                                                      Bytes, Bytes);
int __wrap_crypto_aead_xchacha20poly1305_ietf_decrypt(unsigned char* out, Size* written, unsigned char* secretNonce,
                                                      Bytes in, Size size, Bytes ad, Size adSize, Bytes nonce,
                                                      Bytes key) {
  const int outcome =
      __real_crypto_aead_xchacha20poly1305_ietf_decrypt(out, written, secretNonce, in, size, ad, adSize, nonce, key);
  declassify(out, size - 16);
  return declassified(outcome);
}

// The same for AES-256-CBC: ciphertexts are sent, and what is decrypted has been verified before.
int __real_EVP_EncryptUpdate(evp_cipher_ctx_st*, unsigned char*, int*, Bytes, int);
int __wrap_EVP_EncryptUpdate(evp_cipher_ctx_st* context, unsigned char* out, int* written, Bytes in, int size) {
  const int outcome = __real_EVP_EncryptUpdate(context, out, written, in, size);
  declassify(out, static_cast<std::size_t>(*written));
  return outcome;
}
int __real_EVP_EncryptFinal_ex(evp_cipher_ctx_st*, unsigned char*, int*);
int __wrap_EVP_EncryptFinal_ex(evp_cipher_ctx_st* context, unsigned char* out, int* written) {
  const int outcome = __real_EVP_EncryptFinal_ex(context, out, written);
  declassify(out, static_cast<std::size_t>(*written));
  return outcome;
}
int __real_EVP_DecryptUpdate(evp_cipher_ctx_st*, unsigned char*, int*, Bytes, int);
int __wrap_EVP_DecryptUpdate(evp_cipher_ctx_st* context, unsigned char* out, int* written, Bytes in, int size) {
  const int outcome = __real_EVP_DecryptUpdate(context, out, written, in, size);
  declassify(out, static_cast<std::size_t>(*written));
  return outcome;
}
int __real_EVP_DecryptFinal_ex(evp_cipher_ctx_st*, unsigned char*, int*);
int __wrap_EVP_DecryptFinal_ex(evp_cipher_ctx_st* context, unsigned char* out, int* written) {
  int outcome = __real_EVP_DecryptFinal_ex(context, out, written);
  declassify(written, sizeof *written);
  outcome = declassified(outcome);
  if (outcome == 1) declassify(out, static_cast<std::size_t>(*written));
  return outcome;
}
}
