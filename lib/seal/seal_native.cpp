#include "seal/seal_native.hpp"

#include "base/base64url.hpp"
#include "base/hex.hpp"
#include "json/json.hpp"

#include <algorithm>
#include <array>

namespace ironjar::detail {
namespace {

constexpr std::size_t lineageIdSize = 16;
constexpr std::size_t headSize = 8 + 8 + 8 + lineageIdSize;  // iat, exp, start, id
constexpr std::size_t openSize = keyIdSize + aeadNonceSize;  // what travels in clear
constexpr std::size_t minSize = openSize + headSize + aeadTagSize;

unsigned char* putLe64(unsigned char* out, std::uint64_t value) {
  for (unsigned shift = 0; shift < 64; shift += 8) *out++ = static_cast<unsigned char>(value >> shift);
  return out;
}

std::uint64_t readLe64(Bytes in) {
  std::uint64_t value = 0;
  for (std::size_t i = 8; i-- > 0;) value = value << 8U | in[i];
  return value;
}

unsigned char* putPiece(unsigned char* out, Bytes piece) {
  return std::copy(piece.begin(), piece.end(), putLe64(out, piece.size()));
}

// Pre-authentication encoding,
// https://github.com/paseto-standard/paseto-spec/blob/master/docs/01-Protocol-Versions/Common.md
constexpr std::string_view version = nativePrefix.substr(0, 3);

std::size_t associatedSize(const SealOptions& options) {
  return 5 * 8 + version.size() + keyIdSize + options.purpose.size() + options.context.size();
}

void putAssociated(unsigned char* out, Bytes keyId, const SealOptions& options) {
  out = putLe64(out, 4);
  out = putPiece(out, bytes(version));
  out = putPiece(out, keyId);
  out = putPiece(out, bytes(options.purpose));
  putPiece(out, bytes(options.context));
}

std::int64_t expiry(std::int64_t now, Seconds ttl) {
  return ttl.count() == 0 ? 0 : std::max<std::int64_t>(1, now + ttl.count());
}

// The times are authentic here, but an older release or another program may have written anything into them.
Result<Provenance> checkTimes(Bytes head, const SealOptions& options, TimePoint time) {
  constexpr std::uint64_t latest = 1'000'000'000'000;  // the year 33658: far beyond any clock, far below any overflow
  const std::uint64_t issued = readLe64(head.subspan(0, 8));
  const std::uint64_t expires = readLe64(head.subspan(8, 8));
  const std::uint64_t start = readLe64(head.subspan(16, 8));
  if (issued > latest || expires > latest || start > latest) return fail(Errc::malformed, "times out of range");
  const std::int64_t now = unixSeconds(time);
  const std::int64_t skew = options.clockSkew.count();
  if (static_cast<std::int64_t>(issued) > now + skew) return fail(Errc::notYetValid, "check the clocks");
  if (expires != 0 && static_cast<std::int64_t>(expires) <= now - skew) return fail(Errc::expired, "past its end");
  Lineage lineage{.start = static_cast<std::int64_t>(start)};
  std::copy_n(head.begin() + 24, lineageIdSize, lineage.id.begin());
  return Provenance{.format = SealFormat::native,
                    .issued = static_cast<std::int64_t>(issued) * 1000,
                    .expires = static_cast<std::int64_t>(expires) * 1000,
                    .lineage = lineage};
}

// A nonce, and the identity of a new session, in one draw.
struct Drawn {
  std::array<unsigned char, aeadNonceSize + lineageIdSize> bytes;

  explicit Drawn(bool withIdentity) : bytes() {
    random(withIdentity ? MutableBytes(bytes) : MutableBytes(bytes).first(aeadNonceSize));
  }
  [[nodiscard]] std::span<const unsigned char, aeadNonceSize> nonce() const {
    return std::span(bytes).first<aeadNonceSize>();
  }
  [[nodiscard]] std::span<const unsigned char, lineageIdSize> identity() const {
    return std::span(bytes).last<lineageIdSize>();
  }
};

}  // namespace

Result<std::string> sealNative(const Plain& plain, const Key& key, const SealOptions& options, const SealFacts& facts) {
  // All of it in one piece of memory: the associated data, then the seal, which is encrypted where it stands.
  const std::size_t associated = associatedSize(options);
  Scratch memory;
  const MutableBytes all = memory.take(associated + minSize + plain.bound());
  const MutableBytes sealed = all.subspan(associated);
  char* const json = writableText(sealed.subspan(openSize + headSize));
  const auto jsonSize = static_cast<std::size_t>(plain.write(json) - json);
  if (base64urlSize(minSize + jsonSize) + nativePrefix.size() > maxSealSize) {
    return fail(Errc::tooLarge, std::to_string(jsonSize) + " bytes of JSON");
  }
  const Drawn drawn(!facts.lineage);
  std::copy(key.nativeId.begin(), key.nativeId.end(), sealed.begin());
  std::copy(drawn.nonce().begin(), drawn.nonce().end(), sealed.begin() + keyIdSize);
  const std::int64_t now = unixSeconds(facts.now ? *facts.now : options.now());
  unsigned char* head = sealed.data() + openSize;
  head = putLe64(head, static_cast<std::uint64_t>(now));
  head = putLe64(head, static_cast<std::uint64_t>(expiry(now, facts.ttl)));
  head = putLe64(head, static_cast<std::uint64_t>(facts.lineage ? facts.lineage->start : now));
  const auto identity =
      facts.lineage ? std::span<const unsigned char, lineageIdSize>(facts.lineage->id) : drawn.identity();
  std::copy(identity.begin(), identity.end(), head);

  putAssociated(all.data(), key.nativeId, options);
  const MutableBytes body = sealed.subspan(openSize, headSize + jsonSize + aeadTagSize);
  aeadSeal(body, body.first(headSize + jsonSize), all.first(associated), drawn.nonce(), key.native.expose());

  std::string text(nativePrefix.size() + base64urlSize(minSize + jsonSize), '\0');
  writeBase64url(std::copy(nativePrefix.begin(), nativePrefix.end(), text.data()), sealed.first(minSize + jsonSize));
  return text;
}

Result<Opened> openNative(std::string_view text, const Keyring& keys, const SealOptions& options,
                          const Attempt& attempt, Scratch& memory) {
  text.remove_prefix(nativePrefix.size());
  const std::size_t size = base64urlDecodedSize(text.size());
  if (size < minSize) return fail(Errc::malformed, "shorter than any seal");
  const std::size_t associated = associatedSize(options);
  const MutableBytes all = memory.take(associated + size + jsonPadding);
  const MutableBytes sealed = all.subspan(associated, size);
  if (!decodeBase64url(text, sealed)) return fail(Errc::malformed, "not canonical base64url");
  const Bytes keyId = sealed.first(keyIdSize);
  const Key* const known = keys.byNativeId(keyId);
  const Key& key = known != nullptr ? *known : keys.decoy();

  putAssociated(all.data(), keyId, options);
  const MutableBytes body = sealed.subspan(openSize);
  const MutableBytes plaintext = body.first(body.size() - aeadTagSize);
  const bool verified =
      aeadOpen(plaintext, body, all.first(associated), sealed.subspan<keyIdSize, aeadNonceSize>(), key.native.expose());
  if (known == nullptr) return fail(Errc::unknownKey, "no password with this key id");
  if (!verified) return fail(Errc::tampered, "the tag does not verify");

  Result<Provenance> provenance = checkTimes(plaintext.first(headSize), options, attempt.now);
  if (!provenance) return std::move(provenance).error();
  provenance->isSealingKey = known == &keys.sealing();
  return Opened{detail::text(plaintext.subspan(headSize)), *provenance};
}

std::string nativeKeyId(std::string_view text) {
  constexpr std::size_t firstCharacters = 12;  // nine bytes
  std::array<unsigned char, 9> head{};
  text.remove_prefix(std::min(text.size(), nativePrefix.size()));
  return decodeBase64url(text.substr(0, firstCharacters), head) ? hex(Bytes(head).first(keyIdSize)) : std::string();
}

}  // namespace ironjar::detail
