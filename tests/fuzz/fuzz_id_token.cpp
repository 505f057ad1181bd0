// ID tokens and logout tokens. As a text: one is accepted only if it is a recorded one, letter for letter. As a header
// and claims that are signed here: what is accepted is what the rules want, and an ID token is never a logout token.
#include "crypto/signing_key.hpp"
#include "fuzz.hpp"
#include "oauth/dpop.hpp"
#include "oauth/jwt.hpp"
#include "recorded_tokens.hpp"

using namespace ironjar;

namespace {

constexpr std::initializer_list<Errc> errors = {Errc::tooLarge,   Errc::malformed,   Errc::unsupported,
                                                Errc::notAllowed, Errc::unknownKey,  Errc::tampered,
                                                Errc::expired,    Errc::notYetValid, Errc::loginRequired};
constexpr const char* issuer = "https://id.example.com";

LogoutTokenRules logoutRules() { return {.issuer = issuer, .clientId = "web"}; }

std::string encoded(std::string_view text) { return detail::base64urlEncoded(detail::bytes(text)); }

bool isAudience(const Json& audience) {
  return audience == "web" ||
         (audience.is_array() && std::find(audience.begin(), audience.end(), "web") != audience.end());
}

void look(std::string_view token, const KeySet& keys) {
  const auto id = verifyIdToken(token, keys, fuzz::recordedRules(), fuzz::noon());
  const auto logout = verifyLogoutToken(token, keys, logoutRules(), fuzz::noon());
  fuzz::require(!id || !logout, "an ID token is no logout token");
  if (id) {
    const Json& claims = id->claims;
    fuzz::require(claims.at("iss") == issuer && isAudience(claims.at("aud")), "from the provider, for the client");
    fuzz::require(claims.at("sub") == id->subject && !id->subject.empty(), "somebody's");
    fuzz::require(claims.at("nonce") == fuzz::recordedRules().nonce, "of this attempt");
    fuzz::require(id->expiresAt > fuzz::noon() - Seconds{60}, "not over");
  } else {
    fuzz::requireError(id, errors);
  }
  if (logout) {
    fuzz::require(logout->issuer == issuer && !logout->id.empty(), "from the provider, once");
    fuzz::require(!logout->sub.empty() || !logout->sid.empty(), "of somebody");
  } else {
    fuzz::requireError(logout, errors);
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto signer = *detail::dpopSigningKey("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE");
  static const KeySet own = KeySet::parse(Json{{"keys", Json::array({detail::publicJwkOf(signer)})}}.dump()).value();
  static const KeySet recorded = KeySet::parse(fuzz::recordedKeys).value();
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::size_t split = text.find('\x1e');
  if (split == std::string_view::npos) {
    const auto token = verifyIdToken(text, recorded, fuzz::recordedRules(), fuzz::noon());
    const auto isRecorded = [&](const fuzz::RecordedToken& each) { return each.token == text; };
    fuzz::require(!token || std::any_of(fuzz::recordedTokens.begin(), fuzz::recordedTokens.end(), isRecorded),
                  "accepted only as it was recorded");
    look(text, recorded);
    return 0;
  }
  const std::string signedText = encoded(text.substr(0, split)) + "." + encoded(text.substr(split + 1));
  look(signedText + "." + encoded(signer.sign(signedText)), own);
  return 0;
}
