#include "detail/libcrypto.hpp"

#include "detail/handle.hpp"
#include "detail/secret.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

namespace ironjar::detail {
namespace {

using MacContext = Handle<EVP_MAC_CTX, EVP_MAC_CTX_free>;
using CipherContext = Handle<EVP_CIPHER_CTX, EVP_CIPHER_CTX_free>;

constexpr std::size_t sha1Size = 20;

void require(bool done, const char* what) {
  if (!done) throw std::runtime_error(std::string("ironjar: libcrypto refuses ") + what);
}

MacContext hmacOver(EVP_MAC* hmac, std::string digest) {
  MacContext context(EVP_MAC_CTX_new(hmac));
  const std::array<OSSL_PARAM, 2> parameters = {
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), digest.size()),
      OSSL_PARAM_construct_end(),
  };
  require(context && EVP_MAC_CTX_set_params(context.get(), parameters.data()) == 1, "HMAC");
  return context;
}

// Fetching by name costs microseconds in OpenSSL 3: once per process, and never freed, because libcrypto's own clean-up
// at exit may come first.
struct Algorithms {
  EVP_MAC* hmac = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
  EVP_CIPHER* aes = EVP_CIPHER_fetch(nullptr, "AES-256-CBC", nullptr);
  MacContext sha1 = hmacOver(hmac, "SHA1");
  MacContext sha256 = hmacOver(hmac, "SHA256");
};

const Algorithms& algorithms() {
  static const Algorithms& fetched = *new Algorithms;
  return fetched;
}

void addAndFinish(EVP_MAC_CTX* mac, std::span<const Bytes> parts, MutableBytes out) {
  for (const Bytes part : parts) require(EVP_MAC_update(mac, part.data(), part.size()) == 1, "an HMAC update");
  std::size_t written = 0;
  require(EVP_MAC_final(mac, out.data(), &written, out.size()) == 1 && written == out.size(), "an HMAC result");
}

MacContext copy(const MacContext& keyed) {
  MacContext context(EVP_MAC_CTX_dup(keyed.get()));
  require(context != nullptr, "to copy an HMAC state");
  return context;
}

}  // namespace

struct Pbkdf2Password::State {
  MacContext keyed;
};

Pbkdf2Password::Pbkdf2Password(Bytes password) : state_(new State{copy(algorithms().sha1)}) {
  require(EVP_MAC_init(state_->keyed.get(), password.data(), password.size(), nullptr) == 1, "an HMAC key");
}

Pbkdf2Password::~Pbkdf2Password() = default;

void Pbkdf2Password::derive(MutableBytes key, Bytes salt, unsigned iterations) const {
  Secret<sha1Size> u;
  Secret<sha1Size> t;
  for (std::uint32_t block = 1; !key.empty(); ++block) {
    const std::array<unsigned char, 4> index = {
        static_cast<unsigned char>(block >> 24U), static_cast<unsigned char>(block >> 16U),
        static_cast<unsigned char>(block >> 8U), static_cast<unsigned char>(block)};
    const std::array<Bytes, 2> first = {salt, index};
    addAndFinish(copy(state_->keyed).get(), first, u.fill());
    std::copy_n(u.expose().begin(), sha1Size, t.fill().begin());
    for (unsigned i = 1; i < iterations; ++i) {
      const std::array<Bytes, 1> previous = {u.expose()};
      addAndFinish(copy(state_->keyed).get(), previous, u.fill());
      for (std::size_t j = 0; j < sha1Size; ++j) t.fill()[j] ^= u.expose()[j];
    }
    const std::size_t size = std::min(sha1Size, key.size());
    std::copy_n(t.expose().begin(), size, key.begin());
    key = key.subspan(size);
  }
}

void hmacSha256(std::span<unsigned char, sha256Size> mac, Bytes key, Bytes message) {
  const MacContext context = copy(algorithms().sha256);
  require(EVP_MAC_init(context.get(), key.data(), key.size(), nullptr) == 1, "an HMAC key");
  const std::array<Bytes, 1> parts = {message};
  addAndFinish(context.get(), parts, mac);
}

void aesEncrypt(MutableBytes ciphertext, Bytes plaintext, std::span<const unsigned char, aesKeySize> key,
                std::span<const unsigned char, aesBlockSize> iv) {
  if (ciphertext.size() != aesPaddedSize(plaintext.size())) throw std::runtime_error("ironjar: wrong ciphertext size");
  const CipherContext context(EVP_CIPHER_CTX_new());
  require(context && EVP_EncryptInit_ex2(context.get(), algorithms().aes, key.data(), iv.data(), nullptr) == 1,
          "an AES key");
  int head = 0;
  require(EVP_EncryptUpdate(context.get(), ciphertext.data(), &head, plaintext.data(),
                            static_cast<int>(plaintext.size())) == 1,
          "to encrypt");
  int tail = 0;
  require(EVP_EncryptFinal_ex(context.get(), ciphertext.data() + head, &tail) == 1, "to pad");
}

std::ptrdiff_t aesDecrypt(MutableBytes plaintext, Bytes ciphertext, std::span<const unsigned char, aesKeySize> key,
                          std::span<const unsigned char, aesBlockSize> iv) {
  if (plaintext.size() != ciphertext.size()) throw std::runtime_error("ironjar: wrong plaintext size");
  const CipherContext context(EVP_CIPHER_CTX_new());
  require(context && EVP_DecryptInit_ex2(context.get(), algorithms().aes, key.data(), iv.data(), nullptr) == 1,
          "an AES key");
  int head = 0;
  require(EVP_DecryptUpdate(context.get(), plaintext.data(), &head, ciphertext.data(),
                            static_cast<int>(ciphertext.size())) == 1,
          "to decrypt");
  int tail = 0;
  if (EVP_DecryptFinal_ex(context.get(), plaintext.data() + head, &tail) != 1) return -1;
  return head + tail;
}

}  // namespace ironjar::detail
