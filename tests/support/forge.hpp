// Seals made by hand, from the cryptographic primitives alone: authentic, but with whatever content a test wants.
#pragma once

#include "base/base64url.hpp"
#include "crypto/keyring.hpp"
#include "crypto/libcrypto.hpp"
#include "crypto/sodium.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include <ironjar/seal.hpp>

namespace support {

inline std::string le64(std::uint64_t value) {
  std::string out;
  for (unsigned shift = 0; shift < 64; shift += 8) out.push_back(static_cast<char>(value >> shift));
  return out;
}

inline std::string base64url(ironjar::detail::Bytes bytes) {
  std::string text;
  ironjar::detail::appendBase64url(text, bytes);
  return text;
}

// The first 40 bytes of a native seal's plaintext: times in unix seconds, and an identity of zeros.
inline std::string nativeHead(std::uint64_t issued, std::uint64_t expires = 0) {
  return le64(issued) + le64(expires) + le64(issued) + std::string(16, '\0');
}

// A native seal as lib/README.md describes it; the nonce is zero.
inline std::string forgeNative(const ironjar::Passwords& passwords, std::string_view head, std::string_view json,
                               std::string_view purpose = "session", std::string_view context = "") {
  using namespace ironjar::detail;
  const Key& key = passwords.keyring().sealing();
  const std::string plaintext = std::string(head).append(json);
  std::string sealed(key.nativeId.begin(), key.nativeId.end());
  std::string associated = le64(4);
  for (const std::string_view piece : {std::string_view("ij1"), std::string_view(sealed), purpose, context}) {
    associated.append(le64(piece.size())).append(piece);
  }
  const std::array<unsigned char, aeadNonceSize> nonce{};
  sealed.append(nonce.begin(), nonce.end());
  const std::size_t begin = sealed.size();
  sealed.resize(begin + plaintext.size() + aeadTagSize);
  aeadSeal(writable(sealed.data() + begin, sealed.size() - begin), bytes(plaintext), bytes(associated), nonce,
           key.native.expose());
  return "ij1." + base64url(bytes(sealed));
}

// A Fe26.2 seal under id 1 around a ciphertext, with a MAC that verifies; the salts are constant.
inline std::string forgeFe26(const ironjar::Passwords& passwords, std::string_view ciphertext) {
  using namespace ironjar::detail;
  const std::string salt(64, 'a');
  const std::array<unsigned char, aesBlockSize> iv{};
  const std::string text = "Fe26.2*1*" + salt + "*" + base64url(iv) + "*" + base64url(bytes(ciphertext)) + "*";
  Secret<sha256Size> macKey;
  passwords.keyring().sealing().fe26.derive(macKey.fill(), bytes(salt), 1);
  std::array<unsigned char, sha256Size> mac{};
  hmacSha256(mac, macKey.expose(), bytes(text));
  return text + "*" + salt + "*" + base64url(mac) + "~2";
}

}  // namespace support
