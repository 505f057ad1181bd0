// Logout tokens (OpenID Connect Back-Channel Logout 1.0): what is accepted, each claim altered once, each byte changed.
#include "support/logout_tokens.hpp"

#include <ironjar/logout_token.hpp>

namespace logout_token_test {

using namespace ironjar;
using support::errorOf;

namespace {

constexpr std::int64_t seconds = 1'700'000'000;
const TimePoint now = support::at(seconds * 1000);
const LogoutTokenRules rules{.issuer = "https://id.example", .clientId = "web", .audiences = {"api"}};

KeySet keysOf(const support::LogoutTokens& id) {
  return KeySet::parse(Json{{"keys", Json::array({id.jwk()})}}.dump()).value();
}

// What the provider sends, with these members set, or left out where they are null.
std::string tokenWith(const support::LogoutTokens& id, const Json& change, const Json& header = Json::object()) {
  return id.token(now, change, header);
}

struct Case {
  const char* name;
  Json change;
  Errc error;
};

}  // namespace

TEST_CASE("logout tokens that name a session, a user, or both are accepted") {
  const support::LogoutTokens id;
  const KeySet keys = keysOf(id);
  for (const Json& change : std::vector<Json>{
           Json::object(),
           {{"sub", nullptr}},
           {{"sid", nullptr}},
           {{"exp", nullptr}},
           {{"aud", {"web"}}},
           {{"aud", {"web", "api"}}},
           {{"iat", seconds + 60}},
           {{"exp", seconds - 59}, {"iat", seconds - 300}},
           {{"exp", nullptr}, {"iat", seconds - 179}},
           {{"exp", seconds + 90'000}, {"iat", seconds - 3659}},
           {{"sid", std::string(255, 's')}},
           {{"events", {{"http://schemas.openid.net/event/backchannel-logout", {{"more", 1}}}, {"urn:x", 1}}}}}) {
    CAPTURE(change.dump());
    const auto token = verifyLogoutToken(tokenWith(id, change), keys, rules, now);
    REQUIRE(token);
    CHECK(token->issuer == "https://id.example");
    CHECK(token->id == "jti-1");
    CHECK(token->sub == (change.contains("sub") ? "" : "ada"));
    if (!change.contains("sid")) CHECK(token->sid == "s-1");
  }
  for (const char* type : {"logout+jwt", "Logout+JWT", "JWT"}) {
    CHECK(verifyLogoutToken(tokenWith(id, Json::object(), {{"typ", type}}), keys, rules, now));
  }
  CHECK(verifyLogoutToken(tokenWith(id, Json::object(), {{"typ", nullptr}}), keys, rules, now));
}

TEST_CASE("L21 a logout token with one claim altered is refused, each for its reason") {
  const support::LogoutTokens id;
  const KeySet keys = keysOf(id);
  const std::string event = "http://schemas.openid.net/event/backchannel-logout";
  for (const Case& one :
       std::vector<Case>{{"another issuer", {{"iss", "https://evil.example"}}, Errc::notAllowed},
                         {"the issuer with a slash", {{"iss", "https://id.example/"}}, Errc::notAllowed},
                         {"no issuer", {{"iss", nullptr}}, Errc::notAllowed},
                         {"a list of issuers", {{"iss", {"https://id.example"}}}, Errc::notAllowed},
                         {"another audience", {{"aud", "mobile"}}, Errc::notAllowed},
                         {"no audience", {{"aud", nullptr}}, Errc::notAllowed},
                         {"an empty audience", {{"aud", Json::array()}}, Errc::notAllowed},
                         {"an audience besides", {{"aud", {"web", "mobile"}}}, Errc::notAllowed},
                         {"no time of issue", {{"iat", nullptr}}, Errc::malformed},
                         {"a time of issue in a text", {{"iat", "now"}}, Errc::malformed},
                         {"issued in the future", {{"iat", seconds + 61}}, Errc::notYetValid},
                         {"not before later", {{"nbf", seconds + 61}}, Errc::notYetValid},
                         {"over", {{"exp", seconds - 60}}, Errc::expired},
                         {"an end in a text", {{"exp", "never"}}, Errc::malformed},
                         {"an end beyond all calendars", {{"exp", 1e300}}, Errc::malformed},
                         {"without an end, and old", {{"exp", nullptr}, {"iat", seconds - 180}}, Errc::expired},
                         {"older than may be", {{"exp", seconds + 90'000}, {"iat", seconds - 3660}}, Errc::expired},
                         {"no events", {{"events", nullptr}}, Errc::malformed},
                         {"events that are a list", {{"events", {event}}}, Errc::malformed},
                         {"events that are a text", {{"events", event}}, Errc::malformed},
                         {"other events", {{"events", {{"urn:x", Json::object()}}}}, Errc::notAllowed},
                         {"an event that is no object", {{"events", {{event, true}}}}, Errc::notAllowed},
                         {"an event that is null", {{"events", {{event, nullptr}}}}, Errc::notAllowed},
                         {"a nonce", {{"nonce", "n"}}, Errc::notAllowed},
                         {"an empty nonce", {{"nonce", ""}}, Errc::notAllowed},
                         {"no jti", {{"jti", nullptr}}, Errc::malformed},
                         {"an empty jti", {{"jti", ""}}, Errc::malformed},
                         {"a jti that is a number", {{"jti", 7}}, Errc::malformed},
                         {"a jti of 256 characters", {{"jti", std::string(256, 'j')}}, Errc::malformed},
                         {"neither sub nor sid", {{"sub", nullptr}, {"sid", nullptr}}, Errc::malformed},
                         {"an empty sid", {{"sid", ""}}, Errc::malformed},
                         {"a sid that is a list", {{"sid", {"s-1"}}}, Errc::malformed},
                         {"an empty sub", {{"sub", ""}}, Errc::malformed},
                         {"a sub that is a number", {{"sub", 7}}, Errc::malformed}}) {
    CAPTURE(one.name);
    CHECK(errorOf(verifyLogoutToken(tokenWith(id, one.change), keys, rules, now)) == one.error);
  }
}

TEST_CASE("L22 an ID token is no logout token, nor the other way round; nor is a token of another type") {
  const support::LogoutTokens id;
  const KeySet keys = keysOf(id);
  const Json idTokens = {{"events", nullptr}, {"jti", nullptr}, {"sid", nullptr}, {"nonce", "n"}};
  CHECK(errorOf(verifyLogoutToken(tokenWith(id, idTokens, {{"typ", "JWT"}}), keys, rules, now)) == Errc::malformed);
  for (const char* type : {"at+jwt", "secevent+jwt", "dpop+jwt", "logout", "application/x"}) {
    CHECK(errorOf(verifyLogoutToken(tokenWith(id, Json::object(), {{"typ", type}}), keys, rules, now)) ==
          Errc::notAllowed);
  }
  const IdTokenRules wanted{.issuer = "https://id.example", .clientId = "web", .nonce = "n"};
  CHECK(errorOf(verifyIdToken(tokenWith(id, Json::object()), keys, wanted, now)) == Errc::notAllowed);
  CHECK(errorOf(verifyIdToken(tokenWith(id, Json::object(), {{"typ", "JWT"}}), keys, wanted, now)) == Errc::notAllowed);
}

TEST_CASE("L23 a logout token's algorithm is one of those that are accepted, and its key one of the provider's") {
  const support::LogoutTokens id;
  const KeySet keys = keysOf(id);
  for (const char* algorithm : {"none", "None", "HS256", "HS512", "ES384", "", "es256"}) {
    CAPTURE(algorithm);
    CHECK(errorOf(verifyLogoutToken(tokenWith(id, Json::object(), {{"alg", algorithm}}), keys, rules, now)) ==
          Errc::unsupported);
  }
  LogoutTokenRules rsaAlone = rules;
  rsaAlone.algorithms = {"RS256"};
  CHECK(errorOf(verifyLogoutToken(tokenWith(id, Json::object()), keys, rsaAlone, now)) == Errc::unsupported);
  CHECK(errorOf(verifyLogoutToken(tokenWith(id, Json::object(), {{"kid", "other"}}), keys, rules, now)) ==
        Errc::unknownKey);
  support::LogoutTokens eve;
  eve.key = detail::SigningKey::ofP256(detail::bytes("fedcba9876543210fedcba9876543210")).value();
  CHECK(errorOf(verifyLogoutToken(tokenWith(eve, Json::object()), keys, rules, now)) == Errc::tampered);
  const Json own = eve.jwk();
  CHECK(errorOf(verifyLogoutToken(tokenWith(eve, Json::object(), {{"jwk", own}}), keys, rules, now)) == Errc::tampered);
  CHECK(errorOf(verifyLogoutToken(tokenWith(id, Json::object(), {{"crit", {"exp"}}}), keys, rules, now)) ==
        Errc::unsupported);
}

TEST_CASE("L24 no byte of a logout token can be changed, and none left out") {
  const support::LogoutTokens id;
  const KeySet keys = keysOf(id);
  const std::string token = tokenWith(id, Json::object());
  for (std::size_t i = 0; i < token.size(); ++i) {
    std::string other = token;
    other[i] = other[i] == 'A' ? 'B' : 'A';
    if (verifyLogoutToken(other, keys, rules, now)) FAIL_CHECK("byte " << i << " is not looked at");
    if (verifyLogoutToken(token.substr(0, i), keys, rules, now)) FAIL_CHECK("cut at " << i);
  }
  CHECK(errorOf(verifyLogoutToken(std::string(16'385, 'a'), keys, rules, now)) == Errc::tooLarge);
}

}  // namespace logout_token_test
