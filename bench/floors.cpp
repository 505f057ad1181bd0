#include "floors.hpp"

#include "base/handle.hpp"
#include "support.hpp"

#include <algorithm>
#include <cstdlib>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <sodium.h>

namespace bench {
namespace {

using ironjar::detail::Handle;

void require(bool done) {
  if (!done) std::abort();
}

}  // namespace

NativeFloor::NativeFloor(std::size_t jsonSize)
    : associated_(5 * 8 + 3 + 8 + 7 + 14, 'a'),
      plaintext_(40 + jsonSize, 'x'),
      sealed_(plaintext_.size() + crypto_aead_xchacha20poly1305_ietf_ABYTES) {
  require(sodium_init() >= 0);
  randombytes_buf(key_.data(), key_.size());
}

void NativeFloor::seal() {
  std::array<unsigned char, 40> random;
  randombytes_buf(random.data(), random.size());
  std::copy_n(random.begin(), nonce_.size(), nonce_.begin());
  require(crypto_aead_xchacha20poly1305_ietf_encrypt(sealed_.data(), nullptr, plaintext_.data(), plaintext_.size(),
                                                     associated_.data(), associated_.size(), nullptr, nonce_.data(),
                                                     key_.data()) == 0);
}

void NativeFloor::unseal() {
  require(crypto_aead_xchacha20poly1305_ietf_decrypt(plaintext_.data(), nullptr, nullptr, sealed_.data(),
                                                     sealed_.size(), associated_.data(), associated_.size(),
                                                     nonce_.data(), key_.data()) == 0);
}

struct Fe26Floor::State {
  Handle<EVP_KDF, EVP_KDF_free> kdf{EVP_KDF_fetch(nullptr, "PBKDF2", nullptr)};
  Handle<EVP_KDF_CTX, EVP_KDF_CTX_free> pbkdf2{EVP_KDF_CTX_new(kdf.get())};
  Handle<EVP_MAC, EVP_MAC_free> mac{EVP_MAC_fetch(nullptr, "HMAC", nullptr)};
  Handle<EVP_MAC_CTX, EVP_MAC_CTX_free> hmac{EVP_MAC_CTX_new(mac.get())};
  Handle<EVP_CIPHER, EVP_CIPHER_free> aes{EVP_CIPHER_fetch(nullptr, "AES-256-CBC", nullptr)};
  Handle<EVP_CIPHER_CTX, EVP_CIPHER_CTX_free> cipher{EVP_CIPHER_CTX_new()};
  std::array<unsigned char, 80> random{};
  std::array<unsigned char, 64> salt{};
  std::array<unsigned char, 32> key{};
  std::array<unsigned char, 32> tag{};
  std::vector<unsigned char> plaintext;
  std::vector<unsigned char> ciphertext;
  std::vector<unsigned char> token;

  explicit State(std::size_t jsonSize)
      : plaintext(jsonSize + 32, 'x'), ciphertext((jsonSize / 16 + 1) * 16), token(173 + ciphertext.size() * 4 / 3) {
    require(sodium_init() >= 0);
    std::string sha1 = "SHA1";
    std::string sha256 = "SHA256";
    const std::array<OSSL_PARAM, 2> ofKdf = {OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, sha1.data(), 0),
                                             OSSL_PARAM_construct_end()};
    const std::array<OSSL_PARAM, 2> ofMac = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, sha256.data(), 0),
                                             OSSL_PARAM_construct_end()};
    require(EVP_KDF_CTX_set_params(pbkdf2.get(), ofKdf.data()) == 1);
    require(EVP_MAC_CTX_set_params(hmac.get(), ofMac.data()) == 1);
  }

  void derive() {
    std::string secret = password;
    unsigned iterations = 1;
    int unchecked = 1;  // SP 800-132's lower bounds are not Fe26.2's
    const std::array<OSSL_PARAM, 5> parameters = {
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PASSWORD, secret.data(), secret.size()),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, salt.data(), salt.size()),
        OSSL_PARAM_construct_uint(OSSL_KDF_PARAM_ITER, &iterations),
        OSSL_PARAM_construct_int(OSSL_KDF_PARAM_PKCS5, &unchecked), OSSL_PARAM_construct_end()};
    require(EVP_KDF_derive(pbkdf2.get(), key.data(), key.size(), parameters.data()) == 1);
  }

  void authenticate() {
    std::size_t size = 0;
    require(EVP_MAC_init(hmac.get(), key.data(), key.size(), nullptr) == 1);
    require(EVP_MAC_update(hmac.get(), token.data(), token.size()) == 1);
    require(EVP_MAC_final(hmac.get(), tag.data(), &size, tag.size()) == 1);
  }
};

Fe26Floor::Fe26Floor(std::size_t jsonSize) : state_(std::make_unique<State>(jsonSize)) {}
Fe26Floor::~Fe26Floor() = default;

void Fe26Floor::seal() {
  State& s = *state_;
  randombytes_buf(s.random.data(), s.random.size());
  s.derive();
  int head = 0;
  int tail = 0;
  const int jsonSize = static_cast<int>(s.plaintext.size()) - 32;
  require(EVP_EncryptInit_ex2(s.cipher.get(), s.aes.get(), s.key.data(), s.random.data(), nullptr) == 1);
  require(EVP_EncryptUpdate(s.cipher.get(), s.ciphertext.data(), &head, s.plaintext.data(), jsonSize) == 1);
  require(EVP_EncryptFinal_ex(s.cipher.get(), s.ciphertext.data() + head, &tail) == 1);
  s.derive();
  s.authenticate();
}

void Fe26Floor::unseal() {
  State& s = *state_;
  s.derive();
  s.authenticate();
  s.derive();
  int head = 0;
  int tail = 0;
  const int size = static_cast<int>(s.ciphertext.size());
  require(EVP_DecryptInit_ex2(s.cipher.get(), s.aes.get(), s.key.data(), s.random.data(), nullptr) == 1);
  require(EVP_DecryptUpdate(s.cipher.get(), s.plaintext.data(), &head, s.ciphertext.data(), size) == 1);
  require(EVP_DecryptFinal_ex(s.cipher.get(), s.plaintext.data() + head, &tail) == 1);
}

}  // namespace bench
