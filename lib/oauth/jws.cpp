#include "oauth/jws.hpp"

#include "base/ascii.hpp"
#include "json/json.hpp"
#include "oauth/jwt.hpp"
#include "oauth/policy.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace ironjar::detail {
namespace {

constexpr std::array<std::pair<std::string_view, SignatureAlgorithm>, 4> known = {
    {{"RS256", SignatureAlgorithm::rs256},
     {"PS256", SignatureAlgorithm::ps256},
     {"ES256", SignatureAlgorithm::es256},
     {"EdDSA", SignatureAlgorithm::edDsa}}};

std::optional<SignatureAlgorithm> algorithmNamed(std::string_view name) {
  for (const auto& [text, algorithm] : known) {
    if (text == name) return algorithm;
  }
  return std::nullopt;
}

// A member's text; empty when there is none. Nothing for a member of another type.
std::optional<std::string> textOf(const Json& object, const char* name) {
  const auto member = object.find(name);
  if (member == object.end()) return std::string();
  return member->is_string() ? std::optional(member->get<std::string>()) : std::nullopt;
}

// The bytes of a number or point; empty when it is not there, or not base64url.
std::string numberOf(const Json& jwk, const char* name) {
  const auto text = textOf(jwk, name);
  return text ? base64urlDecoded(*text).value_or("") : std::string();
}

std::optional<VerifyingKey> publicKeyOf(const Json& jwk) {
  const auto type = textOf(jwk, "kty");
  const auto curve = textOf(jwk, "crv");
  if (type == "RSA") return VerifyingKey::ofRsa(bytes(numberOf(jwk, "n")), bytes(numberOf(jwk, "e")));
  if (type == "EC" && curve == "P-256") {
    return VerifyingKey::ofP256(bytes(numberOf(jwk, "x")), bytes(numberOf(jwk, "y")));
  }
  if (type == "OKP" && curve == "Ed25519") return VerifyingKey::ofEd25519(bytes(numberOf(jwk, "x")));
  return std::nullopt;
}

// RFC 7517 sections 4.2 and 4.3.
bool isForVerifying(const Json& jwk) {
  const auto use = textOf(jwk, "use");
  if (!use || (!use->empty() && use != "sig")) return false;
  const auto operations = jwk.find("key_ops");
  if (operations == jwk.end()) return true;
  return operations->is_array() && std::find(operations->begin(), operations->end(), "verify") != operations->end();
}

struct Header {
  SignatureAlgorithm algorithm;
  std::string algorithmName;
  std::string keyId;
};

Result<Header> readHeader(std::string_view part, const std::vector<std::string>& algorithms,
                          const std::vector<std::string_view>& types) {
  const auto text = base64urlDecoded(part);
  if (!text) return fail(Errc::malformed, "a header that is no base64url");
  const Result<Json> header = parseJson(*text);
  if (!header || !header->is_object()) return fail(Errc::malformed, "a header that is no JSON object");
  const auto name = textOf(*header, "alg");
  const auto id = textOf(*header, "kid");
  const auto type = textOf(*header, "typ");
  if (!name || !id || !type) return fail(Errc::malformed, "a header whose alg, kid or typ is no text");
  const auto algorithm = algorithmNamed(*name);
  if (!algorithm || std::find(algorithms.begin(), algorithms.end(), *name) == algorithms.end()) {
    return fail(Errc::unsupported, "an algorithm that is not accepted");
  }
  if (header->contains("crit")) return fail(Errc::unsupported, "an extension that must be understood");
  if (!type->empty() && std::find(types.begin(), types.end(), lower(*type)) == types.end()) {
    return fail(Errc::notAllowed, "a token of another type");
  }
  return Header{*algorithm, *name, *id};
}

std::vector<const VerifyingKey*> candidates(const KeySet& keys, const Header& header) {
  std::vector<const VerifyingKey*> fitting;
  for (const Jwk& jwk : keys.keys()) {
    if (jwk.key.type() != keyTypeOf(header.algorithm)) continue;
    if (!jwk.algorithm.empty() && jwk.algorithm != header.algorithmName) continue;
    if (header.keyId.empty() || jwk.id == header.keyId) fitting.push_back(&jwk.key);
  }
  // OpenID Connect Core section 10.1: of several keys the token has to name one.
  if (header.keyId.empty() && fitting.size() > 1) fitting.clear();
  return fitting;
}

}  // namespace

std::optional<Jwk> readJwk(const Json& jwk) {
  if (!jwk.is_object() || jwk.contains("d") || !isForVerifying(jwk)) return std::nullopt;
  auto id = textOf(jwk, "kid");
  auto name = textOf(jwk, "alg");
  if (!id || !name) return std::nullopt;
  auto key = publicKeyOf(jwk);
  if (!key) return std::nullopt;
  if (!name->empty()) {
    const auto algorithm = algorithmNamed(*name);
    if (!algorithm || keyTypeOf(*algorithm) != key->type()) return std::nullopt;
  }
  return Jwk{*std::move(id), *std::move(name), *std::move(key)};
}

Result<VerifiedJwt> verifiedJwt(std::string_view token, const KeySet& keys, const std::vector<std::string>& algorithms,
                                const std::vector<std::string_view>& types) {
  if (token.size() > maxTokenSize) return fail(Errc::tooLarge, "a token of more than 16 KiB");
  const auto parts = splitJwt(token);
  if (!parts) return fail(Errc::malformed, "not three parts");
  const Result<Header> header = readHeader(parts->header, algorithms, types);
  if (!header) return header.error();
  const auto signature = base64urlDecoded(parts->signature);
  const auto payload = base64urlDecoded(parts->payload);
  if (!signature || !payload) return fail(Errc::malformed, "a part that is no base64url");
  const auto fitting = candidates(keys, *header);
  if (fitting.empty()) return fail(Errc::unknownKey, "no key, or more than one, fits the token");
  const bool isSigned = std::any_of(fitting.begin(), fitting.end(), [&](const VerifyingKey* key) {
    return key->verifies(header->algorithm, parts->signedText, *signature);
  });
  if (!isSigned) return fail(Errc::tampered, "the signature does not verify");
  Result<Json> claims = parseJson(*payload);
  if (!claims || !claims->is_object()) return fail(Errc::malformed, "claims that are no JSON object");
  return VerifiedJwt{header->algorithm, *std::move(claims)};
}

}  // namespace ironjar::detail

namespace ironjar {
namespace {

constexpr std::size_t mostKeys = 100;

}  // namespace

Result<KeySet> KeySet::parse(std::string_view jwks) {
  if (jwks.size() > detail::maxDocumentSize) return fail(Errc::tooLarge, "a JWK Set of more than 256 KiB");
  const Result<Json> set = detail::parseJson(jwks);
  if (!set) return set.error();
  if (!set->is_object() || !set->contains("keys") || !set->at("keys").is_array()) {
    return fail(Errc::malformed, "no JWK Set");
  }
  const Json& listed = set->at("keys");
  if (listed.size() > mostKeys) return fail(Errc::tooLarge, "a JWK Set of more than 100 keys");
  auto keys = std::make_shared<std::vector<detail::Jwk>>();
  for (const Json& jwk : listed) {
    if (auto key = detail::readJwk(jwk)) keys->push_back(*std::move(key));
  }
  KeySet read;
  read.keys_ = std::move(keys);
  return read;
}

std::size_t KeySet::size() const { return keys().size(); }

const std::vector<detail::Jwk>& KeySet::keys() const {
  static const std::vector<detail::Jwk> none;
  return keys_ ? *keys_ : none;
}

}  // namespace ironjar
