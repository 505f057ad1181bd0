// A JWK Set, as a provider's jwks_uri may answer it. It is read or refused whole; only keys that can verify are in it;
// and a recorded token verifies by it only if the key that has signed it is in the text.
#include "fuzz.hpp"
#include "json/json.hpp"
#include "oauth/jws.hpp"
#include "recorded_tokens.hpp"

using namespace ironjar;

namespace {

// Whether the set has a key with this member.
bool holds(const Json& set, const char* member, const std::string& value) {
  const Json& keys = set.at("keys");
  return std::any_of(keys.begin(), keys.end(), [&](const Json& key) {
    return key.is_object() && key.contains(member) && key.at(member) == value;
  });
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const Result<KeySet> keys = KeySet::parse(text);
  if (!keys) {
    fuzz::requireError(keys, {Errc::malformed, Errc::tooLarge});
    return 0;
  }
  const Result<Json> set = detail::parseJson(text);
  fuzz::require(set && set->at("keys").size() <= 100 && keys->size() <= set->at("keys").size(), "a set of keys");
  for (const detail::Jwk& jwk : keys->keys()) {
    const std::string& name = jwk.algorithm;
    fuzz::require(name.empty() || name == "RS256" || name == "PS256" || name == "ES256" || name == "EdDSA",
                  "a public key's algorithm");
  }
  for (const fuzz::RecordedToken& recorded : fuzz::recordedTokens) {
    const auto token = verifyIdToken(recorded.token, *keys, fuzz::recordedRules(), fuzz::noon());
    if (token) fuzz::require(holds(*set, recorded.member, recorded.number), "the key is the one that has signed");
  }
  return 0;
}
