#include "seal_fe26.hpp"

#include "detail/base64url.hpp"
#include "detail/hex.hpp"
#include "detail/json.hpp"

#include <algorithm>
#include <array>
#include <charconv>

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

bool isHex(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

template <class Integer>
std::optional<Integer> readInteger(std::string_view digits) {
  Integer value = 0;
  const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (problem != std::errc() || end != digits.data() + digits.size() || digits.empty()) return std::nullopt;
  if (digits.front() == '-' || (digits.front() == '0' && digits.size() > 1)) return std::nullopt;
  return value;
}

struct Shape {
  std::array<unsigned char, aesBlockSize> iv{};
  std::array<unsigned char, sha256Size> mac{};
  std::string ciphertext;
  std::int64_t expires = 0;
};

// Every rule that needs no key. What other users of the format may write is told apart from what nobody writes.
Result<Shape> checkShape(const Parts& parts) {
  for (const std::string_view salt : {parts.encryptionSalt, parts.macSalt}) {
    if (!isHex(salt)) return fail(Errc::malformed, "a salt is not lower-case hex");
    if (salt.size() != saltSize) return fail(Errc::unsupported, "a salt does not have 64 characters");
  }
  Shape shape;
  if (!parts.expires.empty()) {
    const auto expires =
        parts.expires.size() <= maxExpiryDigits ? readInteger<std::int64_t>(parts.expires) : std::nullopt;
    if (!expires || *expires == 0) return fail(Errc::malformed, "the expiration is not a bounded number");
    shape.expires = *expires;
  }
  shape.ciphertext.resize(base64urlDecodedSize(parts.ciphertext.size()));
  if (!decodeBase64url(parts.iv, shape.iv) || !decodeBase64url(parts.mac, shape.mac) ||
      !decodeBase64url(parts.ciphertext, writable(shape.ciphertext.data(), shape.ciphertext.size()))) {
    return fail(Errc::malformed, "a part is not canonical base64url of its size");
  }
  if (shape.ciphertext.empty() || shape.ciphertext.size() % aesBlockSize != 0) {
    return fail(Errc::unsupported, "the ciphertext is not whole blocks of aes-256-cbc");
  }
  return shape;
}

// A seal without an id (plain @hapi/iron, h3) opens when there is no doubt which password is meant.
const Key* findKey(std::string_view id, const Keyring& keys) {
  if (id.empty()) return keys.only();
  const auto number = readInteger<std::uint32_t>(id);
  return number ? keys.byId(*number) : nullptr;
}

void authenticate(std::span<unsigned char, sha256Size> mac, const Key& key, std::string_view salt,
                  std::string_view text, unsigned iterations) {
  Secret<sha256Size> macKey;
  key.fe26.derive(macKey.fill(), bytes(salt), iterations);
  hmacSha256(mac, macKey.expose(), bytes(text));
}

// The iterations under which the MAC verifies; 0 for none.
unsigned verify(const Parts& parts, const Shape& shape, const Key& key, const SealOptions& options) {
  for (const unsigned iterations : options.fe26Iterations) {
    std::array<unsigned char, sha256Size> expected{};
    authenticate(expected, key, parts.macSalt, parts.authenticated, iterations);
    if (equal(expected, shape.mac)) return iterations;
  }
  return 0;
}

std::string hexSalt() {
  std::array<unsigned char, saltSize / 2> raw{};
  random(raw);
  return hex(raw);
}

std::string expiryText(const SealOptions& options) {
  if (options.ttl.count() == 0) return {};
  return std::to_string(std::max<std::int64_t>(1, unixMilliseconds(options.now()) + options.ttl.count() * 1000));
}

}  // namespace

Result<std::string> sealFe26(const Json& data, const Key& key, const SealOptions& options) {
  Result<std::string> json = writeJson(data);
  if (!json) return json;
  const WipeAtExit wiped(*json);
  const std::size_t size = aesPaddedSize(json->size());
  if (overhead + base64urlSize(size) > maxSealSize) {
    return fail(Errc::tooLarge, std::to_string(json->size()) + " bytes of JSON");
  }
  const std::string salt = hexSalt();
  const std::string macSalt = hexSalt();
  std::array<unsigned char, aesBlockSize> iv{};
  random(iv);
  Secret<aesKeySize> aesKey;
  key.fe26.derive(aesKey.fill(), bytes(salt), 1);
  std::string ciphertext(size, '\0');
  aesEncrypt(writable(ciphertext.data(), size), bytes(*json), aesKey.expose(), iv);

  std::string text;
  text.reserve(overhead + base64urlSize(size));
  text.append(fe26Prefix).append(std::to_string(key.id)).append("*").append(salt).append("*");
  appendBase64url(text, iv);
  text.append("*");
  appendBase64url(text, bytes(ciphertext));
  text.append("*").append(expiryText(options));
  std::array<unsigned char, sha256Size> mac{};
  authenticate(mac, key, macSalt, text, 1);
  text.append("*").append(macSalt).append("*");
  appendBase64url(text, mac);
  text.append(suffix);
  return text;
}

Result<Unsealed> unsealFe26(std::string_view text, const Keyring& keys, const SealOptions& options) {
  const std::optional<Parts> parts = split(text);
  if (!parts) return fail(Errc::malformed, "not eight parts");
  const Result<Shape> shape = checkShape(*parts);
  if (!shape) return shape.error();

  const Key* const known = findKey(parts->id, keys);
  const Key& key = known != nullptr ? *known : keys.decoy();
  const unsigned iterations = verify(*parts, *shape, key, options);
  if (known == nullptr) return fail(Errc::unknownKey, "no password with this id");
  if (iterations == 0) return fail(Errc::tampered, "the MAC does not verify");

  const std::int64_t skew = options.clockSkew.count() * 1000;
  if (shape->expires != 0 && unixMilliseconds(options.now()) - skew >= shape->expires) {
    return fail(Errc::expired, "past its end");
  }
  Secret<aesKeySize> aesKey;
  key.fe26.derive(aesKey.fill(), bytes(parts->encryptionSalt), iterations);
  std::string plaintext(shape->ciphertext.size(), '\0');
  const WipeAtExit wiped(plaintext);
  const std::ptrdiff_t size =
      aesDecrypt(writable(plaintext.data(), plaintext.size()), bytes(shape->ciphertext), aesKey.expose(), shape->iv);
  if (size < 0) return fail(Errc::tampered, "the padding is wrong");

  Result<Json> data = parseJson(std::string_view(plaintext).substr(0, static_cast<std::size_t>(size)));
  if (!data) return std::move(data).error();
  Unsealed unsealed;
  unsealed.data = *std::move(data);
  unsealed.format = SealFormat::fe26;
  unsealed.newestKey = known == &keys.newest();
  unsealed.expires = shape->expires;
  return unsealed;
}

}  // namespace ironjar::detail
