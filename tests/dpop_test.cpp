// DPoP (RFC 9449): what a proof says, which key it is signed with, and which keys are none.
#include "support/dpop.hpp"

#include "oauth/dpop.hpp"
#include "oauth/jwt.hpp"

#include <algorithm>
#include <set>

#include <openssl/err.h>

namespace dpop_test {

using namespace ironjar;
using detail::DpopServer;
using support::at;
using support::errorOf;
using support::Proof;
using support::proofIn;

namespace {

// RFC 9449 sections 4.1, 6.1 and 7.1.
const std::string proofOfTheRfc =
    "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRj"
    "QyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19."
    "eyJqdGki"
    "OiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMj"
    "Y"
    "yNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg";
const Json jwkOfTheRfc = {{"kty", "EC"},
                          {"crv", "P-256"},
                          {"x", "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs"},
                          {"y", "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA"}};

// RFC 7517 appendix A.2: a key pair, to see that a private number has its public point.
constexpr const char* numberOfTheRfc = "870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE";
constexpr const char* xOfTheRfc = "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4";
constexpr const char* yOfTheRfc = "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM";

DpopProof about(std::string method, std::string url) {
  return {
      .method = std::move(method), .url = std::move(url), .now = testing::VirtualClock(at(1'700'000'000'900)).wall()};
}

}  // namespace

TEST_CASE("the RFC's own values: a proof, a thumbprint, an access token's hash") {
  const Proof proof = proofIn(proofOfTheRfc);
  CHECK(proof.isSigned);
  CHECK(proof.header["jwk"] == jwkOfTheRfc);
  CHECK_FALSE(support::verifiesEs256(jwkOfTheRfc, "another message", std::string(64, 'x')));
  CHECK(detail::thumbprintOf(jwkOfTheRfc) == "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
  CHECK(detail::accessTokenHash("Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU") ==
        "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo");
}

TEST_CASE("a JWT of one's own: signed, its key published, and neither for what is no key") {
  const Json jwk = publicJwk(numberOfTheRfc).value();
  CHECK(jwk == Json{{"kty", "EC"}, {"crv", "P-256"}, {"x", xOfTheRfc}, {"y", yOfTheRfc}});
  const std::string token = signJwt(numberOfTheRfc, {{"typ", "JWT"}, {"alg", "none"}}, {{"sub", "ada"}}).value();
  const std::size_t end = token.rfind('.');
  CHECK(detail::base64urlDecoded(token.substr(0, token.find('.'))) == R"({"alg":"ES256","typ":"JWT"})");
  CHECK(support::verifiesEs256(jwk, token.substr(0, end), detail::base64urlDecoded(token.substr(end + 1)).value()));
  for (const char* none : {"", "x", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}) {
    CHECK(errorOf(publicJwk(none)) == Errc::malformed);
    CHECK(errorOf(signJwt(none, Json::object(), Json::object())) == Errc::malformed);
  }
  CHECK(errorOf(signJwt(numberOfTheRfc, Json::array(), Json::object())) == Errc::malformed);
  CHECK(errorOf(signJwt(numberOfTheRfc, Json::object(), {{"sub", "\xff"}})) == Errc::malformed);
}

TEST_CASE("a private number has its public point") {
  const Result<std::string> text = dpopProof(numberOfTheRfc, about("GET", "https://a.example/"));
  const Proof proof = proofIn(text.value());
  CHECK(proof.isSigned);
  CHECK(proof.header["jwk"] == Json{{"kty", "EC"}, {"crv", "P-256"}, {"x", xOfTheRfc}, {"y", yOfTheRfc}});
  CHECK(dpopThumbprint(numberOfTheRfc).value() == detail::thumbprintOf(proof.header["jwk"]));
}

TEST_CASE("a proof says to whom, how and when, for which token, and is another one each time") {
  const std::string key = generateDpopKey();
  DpopProof what = about("POST", "https://api.example/items");
  const Proof bare = proofIn(dpopProof(key, what).value());
  CHECK(bare.isSigned);
  CHECK(bare.header.size() == 3);
  CHECK(bare.header["typ"] == "dpop+jwt");
  CHECK(bare.header["alg"] == "ES256");
  CHECK(bare.header["jwk"].size() == 4);  // nothing private
  CHECK(bare.claims.size() == 4);
  CHECK(bare.claims["htm"] == "POST");
  CHECK(bare.claims["htu"] == "https://api.example/items");
  CHECK(bare.claims["iat"] == 1'700'000'000);
  CHECK(bare.claims["jti"].get<std::string>().size() == 22);

  what.accessToken = "at-1";
  what.nonce = "n-1";
  const Proof full = proofIn(dpopProof(key, what).value());
  CHECK(full.claims.size() == 6);
  CHECK(full.claims["ath"] == detail::accessTokenHash("at-1"));
  CHECK(full.claims["nonce"] == "n-1");
  CHECK(full.claims["jti"] != bare.claims["jti"]);
  CHECK(full.header["jwk"] == bare.header["jwk"]);
}

TEST_CASE("the URL of a proof has neither query nor second spellings") {
  const std::string key = generateDpopKey();
  const auto htu = [&](const char* url) {
    return proofIn(dpopProof(key, about("GET", url)).value()).claims["htu"].get<std::string>();
  };
  CHECK(htu("https://api.example/items?user=ada&x=?") == "https://api.example/items");
  CHECK(htu("https://api.example") == "https://api.example/");
  CHECK(htu("https://api.example?x=1") == "https://api.example/");
  CHECK(htu("HTTPS://API.Example:443/Items/%7e") == "https://api.example/Items/%7e");
  CHECK(htu("http://127.0.0.1:8080/a") == "http://127.0.0.1:8080/a");
  CHECK(htu("https://[::1]:8443/a//b/../c;v=1") == "https://[::1]:8443/a//b/../c;v=1");
}

TEST_CASE("keys are new each time, and what is no key makes no proof") {
  std::set<std::string> keys;
  for (int i = 0; i < 50; ++i) {
    const std::string key = generateDpopKey();
    CHECK(key.size() == 43);
    CHECK(proofIn(dpopProof(key, about("GET", "https://a.example/")).value()).isSigned);
    keys.insert(key);
  }
  CHECK(keys.size() == 50);
  // The curve's order, one less, and the largest number.
  constexpr const char* order = "_____wAAAAD__________7zm-q2nF56E87nKwvxjJVE";
  constexpr const char* largest = "_____wAAAAD__________7zm-q2nF56E87nKwvxjJVA";
  CHECK(dpopThumbprint(largest));
  const std::string good = generateDpopKey();
  for (const std::string& bad :
       {std::string(), std::string("x"), std::string(43, 'A'), std::string(43, '_'), std::string(order), good.substr(1),
        good + "A", good + "=", good + std::string(1, '\0'), good.substr(0, 42) + "*",
        std::string("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB"), std::string(1'000'000, 'A'),
        std::string(43, '\xff')}) {
    CAPTURE(bad.size());
    const auto proof = dpopProof(bad, about("GET", "https://a.example/"));
    CHECK(errorOf(proof) == Errc::malformed);
    CHECK(errorOf(dpopThumbprint(bad)) == Errc::malformed);
    if (!bad.empty()) CHECK(proof.error().detail.find(bad) == std::string::npos);
    CHECK(ERR_peek_error() == 0);
  }
}

TEST_CASE("text that cannot stand in a proof is an error") {
  const std::string key = generateDpopKey();
  CHECK(errorOf(dpopProof(key, about("GET", "/items"))) == Errc::malformed);
  CHECK(errorOf(dpopProof(key, about("GET", "https://a.example/\xff"))) == Errc::malformed);
  CHECK(errorOf(dpopProof(key, about("G\xff", "https://a.example/"))) == Errc::malformed);
  DpopProof odd = about("GET", "https://a.example/");
  odd.nonce = "\xff";
  CHECK(errorOf(dpopProof(key, odd)) == Errc::malformed);
}

TEST_CASE("nonces: the newest of each origin, of the characters and the length that are allowed") {
  detail::DpopNonces nonces;
  const auto takes = [&](const std::string& nonce, const char* name = "DPoP-Nonce",
                         const char* origin = "https://a.example") {
    return nonces.take(origin, {.status = 200, .headers = {{name, nonce}}}, DpopServer::api);
  };
  CHECK(nonces.of("https://a.example").empty());
  CHECK(takes("n-1"));
  CHECK(takes("n-2", "dpop-nonce"));
  CHECK(takes("other", "DPoP-Nonce", "https://b.example"));
  for (const std::string& bad : {std::string(), std::string("a b"), std::string("a\"b"), std::string("a\\b"),
                                 std::string("a\r\nX: y"), std::string("a\0b", 3), std::string("\xc3\xa9"),
                                 std::string("\x7f"), std::string(1025, 'n'), std::string(10'000'000, 'n')}) {
    CHECK_FALSE(takes(bad));
  }
  CHECK_FALSE(nonces.take("https://a.example", {.status = 200}, DpopServer::api));
  CHECK(nonces.of("https://a.example") == "n-2");
  CHECK(nonces.of("https://b.example") == "other");
  CHECK(takes(std::string(1024, 'n')));
}

TEST_CASE("a nonce is forgotten when a proof with it is refused and no other is given") {
  const std::string origin = "https://a.example";
  const Headers challenge = {{"WWW-Authenticate", R"(DPoP error="invalid_dpop_proof")"}};
  const Headers given = {{"DPoP-Nonce", "n-1"}};
  detail::DpopNonces nonces;
  const auto keeps = [&](const Response& response, DpopServer server = DpopServer::api) {
    CHECK(nonces.take(origin, {.status = 200, .headers = given}, DpopServer::api));
    CHECK(nonces.take("https://b.example", {.status = 200, .headers = given}, DpopServer::api));
    static_cast<void>(nonces.take(origin, response, server));
    CHECK(nonces.of("https://b.example") == "n-1");
    return nonces.of(origin) == "n-1";
  };
  CHECK(nonces.take(origin, {.status = 200, .headers = given}, DpopServer::api));
  CHECK(nonces.take(origin, {.status = 401, .headers = challenge}, DpopServer::api));
  CHECK_FALSE(
      nonces.take(origin, {.status = 401, .headers = challenge}, DpopServer::api));  // there is none to forget any more
  CHECK_FALSE(keeps({.status = 401, .headers = challenge}));
  CHECK_FALSE(keeps({.status = 400, .body = R"({"error":"invalid_dpop_proof"})"}, DpopServer::tokenEndpoint));
  // What an API's user makes it say is no reason.
  CHECK(keeps({.status = 400, .body = R"({"error":"invalid_dpop_proof"})"}));
  CHECK(keeps({.status = 400, .body = R"({"x":"invalid_dpop_proof"})"}, DpopServer::tokenEndpoint));
  CHECK(keeps({.status = 401, .headers = {{"WWW-Authenticate", R"(DPoP realm="invalid_dpop_proof")"}}}));
  CHECK(keeps({.status = 200, .headers = challenge}));
  CHECK(keeps({.status = 401, .headers = {{"WWW-Authenticate", R"(DPoP error="invalid_token")"}}}));
  CHECK(keeps({.status = 400, .body = R"({"error":"invalid_grant"})"}));
  CHECK(keeps({.status = 400, .headers = given, .body = R"({"error":"invalid_dpop_proof"})"}));
}

}  // namespace dpop_test
