#include "seal_native.hpp"

#include "detail/base64url.hpp"
#include "detail/json.hpp"

#include <algorithm>

namespace ironjar::detail {
namespace {

constexpr std::size_t lineageIdSize = 16;
constexpr std::size_t headSize = 8 + 8 + 8 + lineageIdSize;  // iat, exp, start, id
constexpr std::size_t openSize = keyIdSize + aeadNonceSize;  // what travels in clear
constexpr std::size_t minSize = openSize + headSize + aeadTagSize;

void appendLe64(std::string& out, std::uint64_t value) {
  for (unsigned shift = 0; shift < 64; shift += 8) out.push_back(static_cast<char>(value >> shift));
}

std::uint64_t readLe64(std::string_view in) {
  std::uint64_t value = 0;
  for (std::size_t i = 8; i-- > 0;) value = value << 8U | static_cast<unsigned char>(in[i]);
  return value;
}

void appendPiece(std::string& out, std::string_view piece) {
  appendLe64(out, piece.size());
  out += piece;
}

// Pre-authentication encoding,
// https://github.com/paseto-standard/paseto-spec/blob/master/docs/01-Protocol-Versions/Common.md
std::string associatedData(std::string_view keyId, const SealOptions& options) {
  std::string pae;
  pae.reserve(5 * 8 + 3 + keyId.size() + options.purpose.size() + options.context.size());
  appendLe64(pae, 4);
  appendPiece(pae, nativePrefix.substr(0, 3));
  appendPiece(pae, keyId);
  appendPiece(pae, options.purpose);
  appendPiece(pae, options.context);
  return pae;
}

std::int64_t expiry(std::int64_t now, Seconds ttl) {
  return ttl.count() == 0 ? 0 : std::max<std::int64_t>(1, now + ttl.count());
}

// The times are authentic here, but an older release or another program may have written anything into them.
Result<Unsealed> checkTimes(std::string_view head, const SealOptions& options) {
  constexpr std::uint64_t latest = 1'000'000'000'000;  // the year 33658: far beyond any clock, far below any overflow
  const std::uint64_t issued = readLe64(head.substr(0, 8));
  const std::uint64_t expires = readLe64(head.substr(8, 8));
  const std::uint64_t start = readLe64(head.substr(16, 8));
  if (issued > latest || expires > latest || start > latest) return fail(Errc::malformed, "times out of range");
  const std::int64_t now = unixSeconds(options.now());
  const std::int64_t skew = options.clockSkew.count();
  if (static_cast<std::int64_t>(issued) > now + skew) return fail(Errc::notYetValid, "check the clocks");
  if (expires != 0 && static_cast<std::int64_t>(expires) <= now - skew) return fail(Errc::expired, "past its end");
  Unsealed unsealed;
  unsealed.format = SealFormat::native;
  unsealed.expires = static_cast<std::int64_t>(expires) * 1000;
  unsealed.lineage.emplace().start = static_cast<std::int64_t>(start);
  std::copy_n(head.begin() + 24, lineageIdSize, unsealed.lineage->id.begin());
  return unsealed;
}

}  // namespace

Result<std::string> sealNative(const Json& data, const Key& key, const SealOptions& options, const Lineage& lineage) {
  Result<std::string> json = writeJson(data);
  if (!json) return json;
  const WipeAtExit wipedJson(*json);
  if (base64urlSize(minSize + json->size()) + nativePrefix.size() > maxSealSize) {
    return fail(Errc::tooLarge, std::to_string(json->size()) + " bytes of JSON");
  }
  const std::int64_t now = unixSeconds(options.now());
  std::string plaintext;
  const WipeAtExit wipedPlaintext(plaintext);
  plaintext.reserve(headSize + json->size());
  appendLe64(plaintext, static_cast<std::uint64_t>(now));
  appendLe64(plaintext, static_cast<std::uint64_t>(expiry(now, options.ttl)));
  appendLe64(plaintext, static_cast<std::uint64_t>(lineage.start));
  plaintext.append(lineage.id.begin(), lineage.id.end());
  plaintext += *json;

  std::string sealed(openSize + plaintext.size() + aeadTagSize, '\0');
  const MutableBytes out = writable(sealed.data(), sealed.size());
  std::copy(key.nativeId.begin(), key.nativeId.end(), out.begin());
  const MutableBytes nonce = out.subspan(keyIdSize, aeadNonceSize);
  random(nonce);
  const std::string ad = associatedData(std::string_view(sealed).substr(0, keyIdSize), options);
  aeadSeal(out.subspan(openSize), bytes(plaintext), bytes(ad), nonce.first<aeadNonceSize>(), key.native.expose());

  std::string text;
  text.reserve(nativePrefix.size() + base64urlSize(sealed.size()));
  text = nativePrefix;
  appendBase64url(text, bytes(sealed));
  return text;
}

Result<Unsealed> unsealNative(std::string_view text, const Keyring& keys, const SealOptions& options) {
  text.remove_prefix(nativePrefix.size());
  std::string sealed(base64urlDecodedSize(text.size()), '\0');
  if (sealed.size() < minSize) return fail(Errc::malformed, "shorter than any seal");
  if (!decodeBase64url(text, writable(sealed.data(), sealed.size()))) {
    return fail(Errc::malformed, "not canonical base64url");
  }
  const std::string_view keyId = std::string_view(sealed).substr(0, keyIdSize);
  const Key* const known = keys.byNativeId(bytes(keyId));
  const Key& key = known != nullptr ? *known : keys.decoy();

  const Bytes in = bytes(sealed);
  std::string plaintext(sealed.size() - openSize - aeadTagSize, '\0');
  const WipeAtExit wiped(plaintext);
  const std::string ad = associatedData(keyId, options);
  const bool verified = aeadOpen(writable(plaintext.data(), plaintext.size()), in.subspan(openSize), bytes(ad),
                                 in.subspan<keyIdSize, aeadNonceSize>(), key.native.expose());
  if (known == nullptr) return fail(Errc::unknownKey, "no password with this key id");
  if (!verified) return fail(Errc::tampered, "the tag does not verify");

  Result<Unsealed> unsealed = checkTimes(std::string_view(plaintext).substr(0, headSize), options);
  if (!unsealed) return unsealed;
  Result<Json> data = parseJson(std::string_view(plaintext).substr(headSize));
  if (!data) return std::move(data).error();
  unsealed->data = *std::move(data);
  unsealed->newestKey = known == &keys.newest();
  return unsealed;
}

}  // namespace ironjar::detail
