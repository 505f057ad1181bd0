// Seals: JSON to an authenticated-encrypted text that is safe in a cookie or a URL, and back. Two formats behind one
// door, told apart by their prefix:
//
//   native  `ij1.` + base64url(kid 8 | nonce 24 | ciphertext | tag 16), XChaCha20-Poly1305. The format is published in
//           lib/README.md, so that anyone can write a second implementation.
//   fe26    `Fe26.2*…~2`, what iron-session 8 and 9 write and read: AES-256-CBC and HMAC-SHA256.
//
// A text opens only if every byte is as it was sealed: there is exactly one spelling, and no fallback.
//
// Example:
//   const auto link = ironjar::sealData({{"email", "ada@example.com"}}, passwords, {.purpose = "magic-link"});
//   const auto opened = ironjar::unsealData(*link, passwords, {.purpose = "magic-link"});
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <ironjar/error.hpp>
#include <ironjar/passwords.hpp>
#include <ironjar/types.hpp>

namespace ironjar {

enum class SealFormat { native, fe26 };

inline constexpr Seconds defaultTtl = std::chrono::hours{24 * 14};

struct SealOptions {
  // The first seals, all of them unseal; so putting a new format in front moves every session over, a request at a
  // time.
  std::vector<SealFormat> formats = {SealFormat::native};
  std::optional<Seconds> ttl = {};  // 0: never expires; unset: defaultTtl
  Seconds clockSkew{60};            // how long after its end a seal still opens, and how far ahead one may be
  // Bound into native seals and not sent: what is sealed for one purpose or context does not open for another.
  // Left empty in SessionOptions::seal, the context is the cookie's name.
  std::string purpose = "session";
  std::string context = {};
  // PBKDF2 iterations accepted in Fe26.2 seals; sealing always takes 1, as iron-session does. {1, 8192} also reads the
  // sessions of h3 2.x, at some milliseconds for each seal, forged ones too; SessionJar::open bounds that for a
  // request.
  std::vector<unsigned> fe26Iterations = {1};
  Clock now = systemClock;
};

// The largest text that unsealData looks at, and the largest that sealData makes.
inline constexpr std::size_t maxSealSize = 64 * 1024;

// Errc::malformed for data that JSON cannot carry (invalid UTF-8, NaN, infinity, binary), Errc::tooLarge for more than
// maxSealSize or 64 levels, however many there are: nothing is copied. Throws std::invalid_argument for impossible
// options, std::runtime_error without entropy. Thread-safe.
[[nodiscard]] Result<std::string> sealData(const Json& data, const Passwords& passwords,
                                           const SealOptions& options = {});

// Total for any text. Errc::tooLarge, malformed, unsupported (a format that is not listed), unknownKey, tampered,
// notYetValid, expired, in this order, so a forged seal never learns whether it would have expired; last, what an
// authentic seal holds: tooLarge (more than 64 levels), malformed (no JSON, a key twice). Throws std::invalid_argument
// for impossible options. Thread-safe.
[[nodiscard]] Result<Json> unsealData(std::string_view seal, const Passwords& passwords,
                                      const SealOptions& options = {});

}  // namespace ironjar
