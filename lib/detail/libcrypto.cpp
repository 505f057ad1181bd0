#include "detail/libcrypto.hpp"

#include "detail/handle.hpp"
#include "detail/secret.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string>

#include <openssl/err.h>
#include <openssl/evp.h>

namespace ironjar::detail {
namespace {

using DigestContext = Handle<EVP_MD_CTX, EVP_MD_CTX_free>;
using CipherContext = Handle<EVP_CIPHER_CTX, EVP_CIPHER_CTX_free>;

constexpr std::size_t sha1Size = 20;
constexpr std::size_t hmacBlockSize = 64;  // of SHA-1 and of SHA-256
constexpr unsigned char innerPad = 0x36;
constexpr unsigned char outerPad = 0x5c;

void require(bool done, const char* what) {
  if (done) return;
  ERR_clear_error();  // what is left in the thread's queue would be taken for an error of the next TLS call
  throw std::runtime_error(std::string("ironjar: libcrypto refuses ") + what);
}

// Fetching by name costs microseconds in OpenSSL 3: once per process, and never freed, because libcrypto's own clean-up
// at exit may come first.
struct Algorithms {
  EVP_CIPHER* aes = EVP_CIPHER_fetch(nullptr, "AES-256-CBC", nullptr);
  EVP_MD* sha1 = EVP_MD_fetch(nullptr, "SHA1", nullptr);
  EVP_MD* sha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  Algorithms() { require(aes != nullptr && sha1 != nullptr && sha256 != nullptr, "AES, SHA-1 or SHA-256"); }
};

const Algorithms& algorithms() {
  static const Algorithms& fetched = *new Algorithms;
  return fetched;
}

DigestContext newContext() {
  DigestContext context(EVP_MD_CTX_new());
  require(context != nullptr, "a digest");
  return context;
}

void add(EVP_MD_CTX* digest, Bytes part) {
  require(EVP_DigestUpdate(digest, part.data(), part.size()) == 1, "a digest's input");
}

void finish(EVP_MD_CTX* digest, MutableBytes out) {
  unsigned written = 0;
  require(EVP_DigestFinal_ex(digest, out.data(), &written) == 1 && written == out.size(), "a digest's result");
}

void copy(EVP_MD_CTX* to, const DigestContext& from) {
  require(EVP_MD_CTX_copy_ex(to, from.get()) == 1, "to copy a digest's state");
}

// The first block of an HMAC's inner or outer hash (RFC 2104 section 2), for a key of at most a block.
void startKeyed(EVP_MD_CTX* digest, const EVP_MD* algorithm, Bytes key, unsigned char pad) {
  Secret<hmacBlockSize> block;
  const auto out = block.fill();
  std::copy(key.begin(), key.end(), out.begin());
  for (unsigned char& byte : out) byte ^= pad;
  require(EVP_DigestInit_ex2(digest, algorithm, nullptr) == 1, "to start a digest");
  add(digest, block.expose());
}

}  // namespace

// HMAC's two hashes with the key in them, to be copied and gone on with.
struct Pbkdf2Password::State {
  DigestContext inner = newContext();
  DigestContext outer = newContext();
};

Pbkdf2Password::Pbkdf2Password(Bytes password) : state_(new State) {
  const EVP_MD* const sha1 = algorithms().sha1;
  Secret<sha1Size> hashed;
  if (password.size() > hmacBlockSize) {  // RFC 2104 section 2
    const DigestContext digest = newContext();
    require(EVP_DigestInit_ex2(digest.get(), sha1, nullptr) == 1, "to start a digest");
    add(digest.get(), password);
    finish(digest.get(), hashed.fill());
    password = hashed.expose();
  }
  startKeyed(state_->inner.get(), sha1, password, innerPad);
  startKeyed(state_->outer.get(), sha1, password, outerPad);
}

Pbkdf2Password::~Pbkdf2Password() = default;

void Pbkdf2Password::derive(MutableBytes key, Bytes salt, unsigned iterations) const {
  Secret<sha1Size> u;
  Secret<sha1Size> t;
  const DigestContext salted = newContext();  // what all blocks of the key begin with
  copy(salted.get(), state_->inner);
  add(salted.get(), salt);
  const DigestContext work = newContext();
  const auto finishOuter = [&] {
    finish(work.get(), u.fill());
    copy(work.get(), state_->outer);
    add(work.get(), u.expose());
    finish(work.get(), u.fill());
  };
  for (std::uint32_t block = 1; !key.empty(); ++block) {
    const std::array<unsigned char, 4> index = {
        static_cast<unsigned char>(block >> 24U), static_cast<unsigned char>(block >> 16U),
        static_cast<unsigned char>(block >> 8U), static_cast<unsigned char>(block)};
    copy(work.get(), salted);
    add(work.get(), index);
    finishOuter();
    std::copy_n(u.expose().begin(), sha1Size, t.fill().begin());
    for (unsigned i = 1; i < iterations; ++i) {
      copy(work.get(), state_->inner);
      add(work.get(), u.expose());
      finishOuter();
      for (std::size_t j = 0; j < sha1Size; ++j) t.fill()[j] ^= u.expose()[j];
    }
    const std::size_t size = std::min(sha1Size, key.size());
    std::copy_n(t.expose().begin(), size, key.begin());
    key = key.subspan(size);
  }
}

void hmacSha256(std::span<unsigned char, sha256Size> mac, std::span<const unsigned char, sha256Size> key,
                Bytes message) {
  const EVP_MD* const sha256 = algorithms().sha256;
  const DigestContext digest = newContext();
  startKeyed(digest.get(), sha256, key, innerPad);
  add(digest.get(), message);
  finish(digest.get(), mac);
  startKeyed(digest.get(), sha256, key, outerPad);
  add(digest.get(), mac);
  finish(digest.get(), mac);
}

void aesEncrypt(MutableBytes text, std::size_t plaintextSize, std::span<const unsigned char, aesKeySize> key,
                std::span<const unsigned char, aesBlockSize> iv) {
  if (text.size() != aesPaddedSize(plaintextSize)) throw std::runtime_error("ironjar: wrong ciphertext size");
  const CipherContext context(EVP_CIPHER_CTX_new());
  require(context && EVP_EncryptInit_ex2(context.get(), algorithms().aes, key.data(), iv.data(), nullptr) == 1,
          "an AES key");
  int head = 0;
  require(EVP_EncryptUpdate(context.get(), text.data(), &head, text.data(), static_cast<int>(plaintextSize)) == 1,
          "to encrypt");
  int tail = 0;
  require(EVP_EncryptFinal_ex(context.get(), text.data() + head, &tail) == 1, "to pad");
}

std::ptrdiff_t aesDecrypt(MutableBytes text, std::span<const unsigned char, aesKeySize> key,
                          std::span<const unsigned char, aesBlockSize> iv) {
  const CipherContext context(EVP_CIPHER_CTX_new());
  require(context && EVP_DecryptInit_ex2(context.get(), algorithms().aes, key.data(), iv.data(), nullptr) == 1,
          "an AES key");
  int head = 0;
  require(EVP_DecryptUpdate(context.get(), text.data(), &head, text.data(), static_cast<int>(text.size())) == 1,
          "to decrypt");
  int tail = 0;
  if (EVP_DecryptFinal_ex(context.get(), text.data() + head, &tail) != 1) {
    ERR_clear_error();
    return -1;
  }
  return head + tail;
}

}  // namespace ironjar::detail
