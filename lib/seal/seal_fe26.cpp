#include "seal/seal_fe26.hpp"

#include "base/base64url.hpp"
#include "base/hex.hpp"
#include "base/number.hpp"
#include "json/json.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <span>

namespace ironjar::detail {
namespace {

// iron-session's mark of its own version. It is outside the MAC: it never selects anything.
constexpr std::string_view suffix = "~2";
constexpr std::string_view prefix = fe26Prefix.substr(0, fe26Prefix.size() - 1);
constexpr std::size_t saltSize = 64;  // 32 random bytes as hex; the text itself is the salt
constexpr std::size_t macTextSize = base64urlSize(sha256Size);
constexpr std::size_t ivTextSize = base64urlSize(aesBlockSize);
constexpr std::size_t maxExpiryDigits = 16;  // up to Number.MAX_SAFE_INTEGER's length, and far from overflow
// Everything but the ciphertext, at its longest.
constexpr std::size_t overhead = fe26Prefix.size() + 10 + 2 * saltSize + ivTextSize + maxExpiryDigits + macTextSize + 8;

struct Parts {
  std::string_view id, encryptionSalt, iv, ciphertext, expires, macSalt, mac;
  std::string_view authenticated;  // parts 0 to 5, as they stand in the text
};

std::optional<Parts> split(std::string_view text) {
  if (text.ends_with(suffix)) text.remove_suffix(suffix.size());
  std::array<std::string_view, 8> parts;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::size_t end = i + 1 < parts.size() ? text.find('*', begin) : text.size();
    if (end == std::string_view::npos) return std::nullopt;
    parts[i] = text.substr(begin, end - begin);
    begin = end + 1;
  }
  if (parts[0] != prefix) return std::nullopt;
  const auto authenticated = static_cast<std::size_t>(parts[6].data() - text.data()) - 1;
  return Parts{parts[1], parts[2], parts[3], parts[4], parts[5], parts[6], parts[7], text.substr(0, authenticated)};
}

// Without branches: a forged salt takes as long to refuse wherever it is wrong.
bool isHex(std::string_view text) {
  unsigned char bad = 0;
  for (const char c : text) {
    const bool good = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
    bad = static_cast<unsigned char>(bad | (good ? 0 : 1));
  }
  return bad == 0;
}

// Nothing for what is not a bounded number; 0 stands for no end, and so may not be written.
std::optional<std::int64_t> readExpiry(std::string_view digits) {
  if (digits.empty()) return 0;
  if (digits.size() > maxExpiryDigits) return std::nullopt;
  const auto expires = parseCanonicalDecimal<std::int64_t>(digits);
  return expires && *expires != 0 ? expires : std::nullopt;
}

struct Shape {
  std::array<unsigned char, aesBlockSize> iv{};
  std::array<unsigned char, sha256Size> mac{};
  MutableBytes ciphertext;  // to be decrypted where it stands
  std::int64_t expires = 0;
};

// Every rule that needs no key. What other users of the format may write is told apart from what nobody writes.
Result<Shape> checkShape(const Parts& parts, Scratch& memory) {
  for (const std::string_view salt : {parts.encryptionSalt, parts.macSalt}) {
    if (!isHex(salt)) return fail(Errc::malformed, "a salt is not lower-case hex");
    if (salt.size() != saltSize) return fail(Errc::unsupported, "a salt does not have 64 characters");
  }
  Shape shape;
  const std::size_t size = base64urlDecodedSize(parts.ciphertext.size());
  shape.ciphertext = memory.take(size + jsonPadding).first(size);
  const std::optional<std::int64_t> expires = readExpiry(parts.expires);
  if (!expires) return fail(Errc::malformed, "the expiration is not a bounded number");
  shape.expires = *expires;
  if (!decodeBase64url(parts.iv, shape.iv) || !decodeBase64url(parts.mac, shape.mac) ||
      !decodeBase64url(parts.ciphertext, shape.ciphertext)) {
    return fail(Errc::malformed, "a part is not canonical base64url of its size");
  }
  if (size == 0 || size % aesBlockSize != 0) {
    return fail(Errc::unsupported, "the ciphertext is not whole blocks of aes-256-cbc");
  }
  return shape;
}

// A seal without an id (plain @hapi/iron, h3) opens when there is no doubt which password is meant.
const Key* findKey(std::string_view id, const Keyring& keys) {
  if (id.empty()) return keys.only();
  const auto number = parseCanonicalDecimal<std::uint32_t>(id);
  return number ? keys.byId(*number) : nullptr;
}

void authenticate(std::span<unsigned char, sha256Size> mac, const Key& key, std::string_view salt,
                  std::string_view text, unsigned iterations) {
  Secret<sha256Size> macKey;
  key.fe26.derive(macKey.fill(), bytes(salt), iterations);
  hmacSha256(mac, macKey.expose(), bytes(text));
}

// The iterations under which the MAC verifies; 0 for none.
unsigned verify(const Parts& parts, const Shape& shape, const Key& key, std::span<const unsigned> candidates) {
  for (const unsigned iterations : candidates) {
    std::array<unsigned char, sha256Size> expected{};
    authenticate(expected, key, parts.macSalt, parts.authenticated, iterations);
    if (equal(expected, shape.mac)) return iterations;
  }
  return 0;
}

char* put(char* out, std::string_view text) { return std::copy(text.begin(), text.end(), out); }

char* putNumber(char* out, std::int64_t number) {
  return std::to_chars(out, out + std::numeric_limits<std::int64_t>::digits10 + 2, number).ptr;
}

char* putExpiry(char* out, const SealOptions& options, const SealFacts& facts) {
  if (facts.ttl.count() == 0) return out;
  const TimePoint now = facts.now ? *facts.now : options.now();
  return putNumber(out, std::max<std::int64_t>(1, unixMilliseconds(now) + facts.ttl.count() * 1000));
}

}  // namespace

Result<std::string> sealFe26(const Plain& plain, const Key& key, const SealOptions& options, const SealFacts& facts) {
  Scratch memory;
  const MutableBytes all = memory.take(aesPaddedSize(plain.bound()));
  char* const json = writableText(all);
  const auto jsonSize = static_cast<std::size_t>(plain.write(json) - json);
  const MutableBytes ciphertext = all.first(aesPaddedSize(jsonSize));
  if (overhead + base64urlSize(ciphertext.size()) > maxSealSize) {
    return fail(Errc::tooLarge, std::to_string(jsonSize) + " bytes of JSON");
  }
  std::array<unsigned char, saltSize / 2 + saltSize / 2 + aesBlockSize> drawn{};
  random(drawn);
  const Bytes parts = drawn;
  std::array<char, saltSize> salt{};
  std::array<char, saltSize> macSalt{};
  writeHex(salt.data(), parts.first(saltSize / 2));
  writeHex(macSalt.data(), parts.subspan(saltSize / 2, saltSize / 2));
  const auto iv = parts.last<aesBlockSize>();
  Secret<aesKeySize> aesKey;
  key.fe26.derive(aesKey.fill(), bytes({salt.data(), salt.size()}), 1);
  aesEncrypt(ciphertext, jsonSize, aesKey.expose(), iv);

  std::string text(overhead + base64urlSize(ciphertext.size()), '\0');
  char* end = putNumber(put(text.data(), fe26Prefix), key.id);
  end = put(put(put(end, "*"), {salt.data(), salt.size()}), "*");
  end = put(writeBase64url(end, iv), "*");
  end = put(writeBase64url(end, ciphertext), "*");
  end = putExpiry(end, options, facts);
  std::array<unsigned char, sha256Size> mac{};
  const std::string_view authenticated(text.data(), static_cast<std::size_t>(end - text.data()));
  authenticate(mac, key, {macSalt.data(), macSalt.size()}, authenticated, 1);
  end = put(put(put(end, "*"), {macSalt.data(), macSalt.size()}), "*");
  end = put(writeBase64url(end, mac), suffix);
  text.resize(static_cast<std::size_t>(end - text.data()));
  return text;
}

Result<Opened> openFe26(std::string_view text, const Keyring& keys, const SealOptions& options, const Attempt& attempt,
                        Scratch& memory) {
  const std::optional<Parts> parts = split(text);
  if (!parts) return fail(Errc::malformed, "not eight parts");
  const Result<Shape> shape = checkShape(*parts, memory);
  if (!shape) return shape.error();

  const Key* const known = findKey(parts->id, keys);
  const Key& key = known != nullptr ? *known : keys.decoy();
  const unsigned iterations = verify(*parts, *shape, key, attempt.fe26Iterations);
  if (known == nullptr) return fail(Errc::unknownKey, "no password with this id");
  if (iterations == 0) return fail(Errc::tampered, "the MAC does not verify");

  const std::int64_t skew = options.clockSkew.count() * 1000;
  if (shape->expires != 0 && unixMilliseconds(attempt.now) - skew >= shape->expires) {
    return fail(Errc::expired, "past its end");
  }
  Secret<aesKeySize> aesKey;
  key.fe26.derive(aesKey.fill(), bytes(parts->encryptionSalt), iterations);
  const std::ptrdiff_t size = aesDecrypt(shape->ciphertext, aesKey.expose(), shape->iv);
  if (size < 0) return fail(Errc::tampered, "the padding is wrong");

  const std::string_view json = detail::text(shape->ciphertext.first(static_cast<std::size_t>(size)));
  return Opened{json,
                {.format = SealFormat::fe26,
                 .isSealingKey = known == &keys.sealing(),
                 .expires = shape->expires,
                 .authenticated = parts->authenticated}};
}

std::string fe26KeyId(std::string_view text) {
  const std::size_t begin = text.find('*') + 1;
  const std::string_view id = text.substr(begin, text.find('*', begin) - begin);
  return parseDecimal<std::uint64_t>(id) && id.size() <= 10 ? std::string(id) : std::string();
}

std::int64_t claimedEndOfFe26(std::string_view text) {
  const std::optional<Parts> parts = split(text);
  return parts ? readExpiry(parts->expires).value_or(0) : 0;
}

}  // namespace ironjar::detail
