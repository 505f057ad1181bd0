// ID tokens of another program's (vectors/id_token.mjs): each claim altered once, each byte and each length.
#include "oauth/jws.hpp"
#include "oauth/jwt.hpp"
#include "support/support.hpp"

#include <ironjar/id_token.hpp>

namespace id_token_test {

using namespace ironjar;
using support::errorOf;

namespace {

const Json recorded = support::vectors("id_token.json");
const TimePoint now = support::at(recorded["now"].get<std::int64_t>() * 1000);
const KeySet keys = KeySet::parse(recorded["jwks"].dump()).value();
const IdTokenRules rules{.issuer = "https://id.example.com",
                         .clientId = "web",
                         .nonce = "n-0S6_WzA2Mj",
                         .accessToken = "at-1",
                         .maxAge = Seconds{600},
                         .audiences = {"api"}};

std::string tokenOf(const std::string& algorithm) {
  for (const Json& one : recorded["cases"]) {
    if (one["alg"] == algorithm && !one.contains("error")) return one["token"];
  }
  throw std::runtime_error("no token of that algorithm");
}
std::string encoded(std::string_view text) { return detail::base64urlEncoded(detail::bytes(text)); }
std::string headed(const std::string& header) {
  const std::string token = tokenOf("ES256");
  return encoded(header) + token.substr(token.find('.'));
}

}  // namespace

TEST_CASE("L01 recorded tokens are accepted, and those with one claim altered refused, each for its reason") {
  int accepted = 0;
  int refused = 0;
  for (const Json& one : recorded["cases"]) {
    CAPTURE(one["alg"].get<std::string>());
    CAPTURE(one["name"].get<std::string>());
    const auto token = verifyIdToken(one["token"].get<std::string>(), keys, rules, now);
    if (one.contains("error")) {
      ++refused;
      REQUIRE_FALSE(token);
      CHECK(nameOf(token.error().code) == one["error"].get<std::string>());
    } else {
      ++accepted;
      REQUIRE(token);
      CHECK(token->subject == "ada");
      CHECK(token->claims["iss"] == rules.issuer);
      CHECK(token->expiresAt > now - Seconds{60});
    }
  }
  CHECK(accepted == 32);
  CHECK(refused == 49);
  CHECK(keys.size() == 4);
}

TEST_CASE("L02 no byte of a token can be changed, and none left out") {
  for (const char* algorithm : {"ES256", "EdDSA"}) {
    const std::string token = tokenOf(algorithm);
    for (std::size_t i = 0; i < token.size(); ++i) {
      std::string other = token;
      other[i] = other[i] == 'A' ? 'B' : 'A';
      if (verifyIdToken(other, keys, rules, now)) FAIL_CHECK("byte " << i << " is not looked at");
      if (verifyIdToken(token.substr(0, i), keys, rules, now)) FAIL_CHECK("cut at " << i);
    }
    for (const char* more : {"A", ".", "=", "\n", " "}) {
      CHECK_FALSE(verifyIdToken(token + more, keys, rules, now));
      CHECK_FALSE(verifyIdToken(more + token, keys, rules, now));
    }
  }
}

TEST_CASE("L03 the algorithm is one of those that are accepted, whatever the token says") {
  for (const char* header :
       {R"({"alg":"none"})", R"({"alg":"None","kid":"es"})", R"({"alg":"nOnE","kid":"es"})", R"({"alg":"","kid":"es"})",
        R"({"kid":"es"})", R"({"alg":"HS256","kid":"es"})", R"({"alg":"es256","kid":"es"})",
        R"({"alg":"ES256 ","kid":"es"})", R"({"alg":"ES256","kid":"es","crit":[]})",
        R"({"alg":"ES256","kid":"es","crit":["b64"],"b64":false})"}) {
    CAPTURE(header);
    CHECK(errorOf(verifyIdToken(headed(header), keys, rules, now)) == Errc::unsupported);
    const std::string unsignedToken = headed(header).substr(0, headed(header).rfind('.') + 1);
    CHECK(errorOf(verifyIdToken(unsignedToken, keys, rules, now)) == Errc::unsupported);
  }
  IdTokenRules others = rules;
  others.algorithms = {"RS256", "none", "HS256"};
  CHECK(errorOf(verifyIdToken(tokenOf("ES256"), keys, others, now)) == Errc::unsupported);
  CHECK(errorOf(verifyIdToken(headed(R"({"alg":"none"})"), keys, others, now)) == Errc::unsupported);
  CHECK(errorOf(verifyIdToken(headed(R"({"alg":"HS256"})"), keys, others, now)) == Errc::unsupported);
  CHECK(verifyIdToken(tokenOf("RS256"), keys, others, now));
}

TEST_CASE("L03 a key of another type is not taken, nor one that the token brings along") {
  for (const char* header : {R"({"alg":"RS256","kid":"es"})", R"({"alg":"EdDSA","kid":"es"})",
                             R"({"alg":"PS256","kid":"rs"})", R"({"alg":"ES256","kid":"ES"})"}) {
    CAPTURE(header);
    CHECK(errorOf(verifyIdToken(headed(header), keys, rules, now)) == Errc::unknownKey);
  }
  const std::string own =
      R"({"alg":"ES256","jku":"https://evil.example/keys","jwk":)" + recorded["jwks"]["keys"][2].dump() + "}";
  CHECK(errorOf(verifyIdToken(headed(own), KeySet(), rules, now)) == Errc::unknownKey);
}

TEST_CASE("L04 hostile shapes: parts, headers, sizes") {
  const std::string token = tokenOf("ES256");
  for (const std::string& text : std::vector<std::string>{
           std::string(), std::string("."), std::string(".."), std::string("..."), token + ".x",
           token.substr(0, token.rfind('.')), "a.b.c.d.e", encoded("{}") + "." + encoded("{}") + "." + "!"}) {
    CAPTURE(text);
    CHECK(verifyIdToken(text, keys, rules, now).has_value() == false);
  }
  for (const char* header : {"", "x", "[]", "null", "7", "\"ES256\"", "{", R"({"alg":"none","alg":"ES256","kid":"es"})",
                             R"({"alg":["ES256"],"kid":"es"})", R"({"alg":"ES256","kid":7})",
                             R"({"alg":"ES256","kid":"es","typ":1})", "{\"alg\":\"ES256\"}\n{}"}) {
    CAPTURE(header);
    CHECK(errorOf(verifyIdToken(headed(header), keys, rules, now)) == Errc::malformed);
  }
  CHECK(
      errorOf(verifyIdToken(headed(R"({"alg":"ES256","kid":"es","typ":"JWT","x":")" + std::string(10'000, ' ') + "\"}"),
                            keys, rules, now)) == Errc::tampered);
  CHECK(errorOf(verifyIdToken(std::string(16 * 1024 + 1, 'A'), keys, rules, now)) == Errc::tooLarge);
  CHECK(errorOf(verifyIdToken(std::string(16 * 1024, '.'), keys, rules, now)) == Errc::malformed);
}

TEST_CASE("a rule that is left empty is not asked for") {
  IdTokenRules bare{.issuer = rules.issuer, .clientId = rules.clientId};
  int accepted = 0;
  for (const Json& one : recorded["cases"]) {
    const std::string name = one["name"];
    if (name != "another nonce" && name != "no nonce" && name != "signed in too long ago" &&
        name != "no time of signing in" && name != "the hash of another access token") {
      continue;
    }
    CAPTURE(name);
    CHECK(verifyIdToken(one["token"].get<std::string>(), keys, bare, now));
    ++accepted;
  }
  CHECK(accepted == 8);
}

TEST_CASE("the times are those of the clock that is given, to the second and the skew") {
  const std::string token = tokenOf("EdDSA");
  CHECK(verifyIdToken(token, keys, rules, now + Seconds{359}));
  CHECK(errorOf(verifyIdToken(token, keys, rules, now + Seconds{360})) == Errc::expired);
  CHECK(verifyIdToken(token, keys, rules, now - Seconds{60}));
  CHECK(errorOf(verifyIdToken(token, keys, rules, now - Seconds{61})) == Errc::notYetValid);
  CHECK(errorOf(verifyIdToken(token, keys, rules, support::at(0))) == Errc::notYetValid);
  CHECK(verifyIdToken(token, keys, rules, now)->expiresAt == now + Seconds{300});
}

}  // namespace id_token_test
