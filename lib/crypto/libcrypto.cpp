#include "crypto/libcrypto.hpp"

#include "base/handle.hpp"
#include "base/thread_local.hpp"
#include "crypto/secret.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string>

// EVP allocates whenever it copies the state of a hash, and PBKDF2 is copies. What OpenSSL 3 calls deprecated here is
// the same code without.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

namespace ironjar::detail {

void requireDone(bool done, const char* what) {
  if (done) return;
  ERR_clear_error();  // what is left in the thread's queue would be taken for an error of the next TLS call
  throw std::runtime_error(std::string("ironjar: libcrypto refuses ") + what);
}

namespace {

constexpr std::size_t hmacBlockSize = 64;  // of SHA-1 and of SHA-256
constexpr unsigned char innerPad = 0x36;
constexpr unsigned char outerPad = 0x5c;

// A hash under way. Copies go on from where it is; wiped when it goes, as a key may be in it.
template <class State, auto start, auto update, auto end>
class Hash {
 public:
  Hash() { requireDone(start(&state_) == 1, "to start a hash"); }
  Hash(const Hash&) = default;
  Hash& operator=(const Hash&) = delete;
  ~Hash() { wipe({static_cast<unsigned char*>(static_cast<void*>(&state_)), sizeof state_}); }

  void add(Bytes part) { requireDone(update(&state_, part.data(), part.size()) == 1, "a hash's input"); }
  void finish(unsigned char* out) { requireDone(end(out, &state_) == 1, "a hash's result"); }

 private:
  State state_;
};
using Sha1 = Hash<SHA_CTX, SHA1_Init, SHA1_Update, SHA1_Final>;
using Sha256 = Hash<SHA256_CTX, SHA256_Init, SHA256_Update, SHA256_Final>;
using Sha512 = Hash<SHA512_CTX, SHA512_Init, SHA512_Update, SHA512_Final>;
using Sha1Digest = Secret<SHA_DIGEST_LENGTH>;

// Fetching by name costs microseconds in OpenSSL 3: once per process, and never freed, because libcrypto's own clean-up
// at exit may come first.
const EVP_CIPHER* aes() {
  static const EVP_CIPHER* const fetched = [] {
    const EVP_CIPHER* const cipher = EVP_CIPHER_fetch(nullptr, "AES-256-CBC", nullptr);
    requireDone(cipher != nullptr, "AES-256-CBC");
    return cipher;
  }();
  return fetched;
}

using CipherContext = Handle<EVP_CIPHER_CTX, EVP_CIPHER_CTX_free>;

struct ThreadContext {
  const CipherContext handle{EVP_CIPHER_CTX_new()};
};
EVP_CIPHER_CTX* threadContext() {
  const auto* const context = threadLocalOrNull<ThreadContext>();
  return context != nullptr ? context->handle.get() : nullptr;
}

// A context to use, which holds a key until then and no longer: the thread's, or one of its own where that is gone.
class Cipher {
 public:
  Cipher()
      : own_(threadContext() == nullptr ? EVP_CIPHER_CTX_new() : nullptr),
        context_(own_ ? own_.get() : threadContext()) {
    requireDone(context_ != nullptr, "a cipher");
  }
  Cipher(const Cipher&) = delete;
  Cipher& operator=(const Cipher&) = delete;
  ~Cipher() { EVP_CIPHER_CTX_reset(context_); }  // wipes it

  [[nodiscard]] EVP_CIPHER_CTX* get() const { return context_; }

 private:
  CipherContext own_;
  EVP_CIPHER_CTX* context_;
};

// The first block of an HMAC's inner or outer hash (RFC 2104 section 2), for a key of at most a block.
template <class Kind>
Kind keyed(Bytes key, unsigned char pad) {
  Secret<hmacBlockSize> block;
  const auto out = block.fill();
  std::copy(key.begin(), key.end(), out.begin());
  for (unsigned char& byte : out) byte ^= pad;
  Kind hash;
  hash.add(block.expose());
  return hash;
}

}  // namespace

// HMAC's two hashes with the key in them, to be copied and gone on with.
struct Pbkdf2Password::State {
  explicit State(Bytes key) : inner(keyed<Sha1>(key, innerPad)), outer(keyed<Sha1>(key, outerPad)) {}

  const Sha1 inner;
  const Sha1 outer;
};

Pbkdf2Password::Pbkdf2Password(Bytes password) {
  aes();  // initialises libcrypto now: its clean-up at exit then runs after the destructor of a static Passwords
  Sha1Digest hashed;
  if (password.size() > hmacBlockSize) {  // RFC 2104 section 2
    Sha1 hash;
    hash.add(password);
    hash.finish(hashed.fill().data());
    password = hashed.expose();
  }
  state_ = std::make_unique<const State>(password);
}

Pbkdf2Password::~Pbkdf2Password() = default;

void Pbkdf2Password::derive(MutableBytes key, Bytes salt, unsigned iterations) const {
  Sha1Digest u;
  Sha1Digest t;
  const auto finish = [&](Sha1& inner) {
    inner.finish(u.fill().data());
    Sha1 outer = state_->outer;
    outer.add(u.expose());
    outer.finish(u.fill().data());
  };
  Sha1 salted = state_->inner;  // what all blocks of the key begin with
  salted.add(salt);
  for (std::uint32_t block = 1; !key.empty(); ++block) {
    const std::array<unsigned char, 4> index = {
        static_cast<unsigned char>(block >> 24U), static_cast<unsigned char>(block >> 16U),
        static_cast<unsigned char>(block >> 8U), static_cast<unsigned char>(block)};
    Sha1 first = salted;
    first.add(index);
    finish(first);
    std::copy_n(u.expose().begin(), u.expose().size(), t.fill().begin());
    for (unsigned i = 1; i < iterations; ++i) {
      Sha1 next = state_->inner;
      next.add(u.expose());
      finish(next);
      for (std::size_t j = 0; j < t.expose().size(); ++j) t.fill()[j] ^= u.expose()[j];
    }
    const std::size_t size = std::min(t.expose().size(), key.size());
    std::copy_n(t.expose().begin(), size, key.begin());
    key = key.subspan(size);
  }
}

void sha1(std::span<unsigned char, sha1Size> hash, Bytes message) {
  Sha1 state;
  state.add(message);
  state.finish(hash.data());
}

void sha256(std::span<unsigned char, sha256Size> hash, Bytes message) {
  Sha256 state;
  state.add(message);
  state.finish(hash.data());
}

void sha512(std::span<unsigned char, sha512Size> hash, Bytes message) {
  Sha512 state;
  state.add(message);
  state.finish(hash.data());
}

void hmacSha256(std::span<unsigned char, sha256Size> mac, std::span<const unsigned char, sha256Size> key,
                Bytes message) {
  auto inner = keyed<Sha256>(key, innerPad);
  inner.add(message);
  inner.finish(mac.data());
  auto outer = keyed<Sha256>(key, outerPad);
  outer.add(mac);
  outer.finish(mac.data());
}

void aesEncrypt(MutableBytes text, std::size_t plaintextSize, std::span<const unsigned char, aesKeySize> key,
                std::span<const unsigned char, aesBlockSize> iv) {
  if (text.size() != aesPaddedSize(plaintextSize)) throw std::runtime_error("ironjar: wrong ciphertext size");
  const Cipher cipher;
  requireDone(EVP_EncryptInit_ex2(cipher.get(), aes(), key.data(), iv.data(), nullptr) == 1, "an AES key");
  int head = 0;
  requireDone(EVP_EncryptUpdate(cipher.get(), text.data(), &head, text.data(), static_cast<int>(plaintextSize)) == 1,
              "to encrypt");
  int tail = 0;
  requireDone(EVP_EncryptFinal_ex(cipher.get(), text.data() + head, &tail) == 1, "to pad");
}

std::ptrdiff_t aesDecrypt(MutableBytes text, std::span<const unsigned char, aesKeySize> key,
                          std::span<const unsigned char, aesBlockSize> iv) {
  const Cipher cipher;
  requireDone(EVP_DecryptInit_ex2(cipher.get(), aes(), key.data(), iv.data(), nullptr) == 1, "an AES key");
  int head = 0;
  requireDone(EVP_DecryptUpdate(cipher.get(), text.data(), &head, text.data(), static_cast<int>(text.size())) == 1,
              "to decrypt");
  int tail = 0;
  if (EVP_DecryptFinal_ex(cipher.get(), text.data() + head, &tail) != 1) {
    ERR_clear_error();
    return -1;
  }
  return head + tail;
}

}  // namespace ironjar::detail
