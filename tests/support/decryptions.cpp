#include "decryptions.hpp"

std::atomic<std::size_t> support::decryptions = 0;

struct evp_cipher_ctx_st;
extern "C" {
int __real_EVP_DecryptUpdate(evp_cipher_ctx_st*, unsigned char*, int*, const unsigned char*, int);
int __wrap_EVP_DecryptUpdate(evp_cipher_ctx_st* context, unsigned char* out, int* written, const unsigned char* in,
                             int size) {
  ++support::decryptions;
  return __real_EVP_DecryptUpdate(context, out, written, in, size);
}
}
