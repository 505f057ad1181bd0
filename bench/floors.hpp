// What a seal cannot cost less than: the bare primitive calls that its format needs, and nothing else. They run in the
// same program and on the same sizes as the seals, so that a ratio of the two means something on a noisy machine.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <vector>

namespace bench {

// Native: one draw of 40 random bytes (nonce 24, id 16) for sealing, none for opening, and one XChaCha20-Poly1305 by
// libsodium over the 40 bytes of head and the JSON.
class NativeFloor {
 public:
  explicit NativeFloor(std::size_t jsonSize);
  void seal();
  void unseal();  // what the last seal() made

 private:
  std::array<unsigned char, 32> key_{};
  std::array<unsigned char, 24> nonce_{};
  std::vector<unsigned char> associated_;
  std::vector<unsigned char> plaintext_;
  std::vector<unsigned char> sealed_;
};

// Fe26.2 through OpenSSL's EVP as one would first write it well: algorithms fetched once, contexts kept. One draw of 80
// random bytes (two salts and the iv) for sealing, two PBKDF2-HMAC-SHA1 of one iteration, AES-256-CBC, HMAC-SHA256 over
// as many bytes as the token has.
class Fe26Floor {
 public:
  explicit Fe26Floor(std::size_t jsonSize);
  ~Fe26Floor();
  void seal();
  void unseal();  // what the last seal() made

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace bench
