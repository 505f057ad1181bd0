// Signatures of JSON Web Tokens: the RFCs' own examples, which keys are taken and which are passed over.
#include "oauth/jws.hpp"

#include "base/bytes.hpp"
#include "oauth/jwt.hpp"
#include "support/support.hpp"

#include <array>

#include <openssl/err.h>

namespace jws_test {

using namespace ironjar;
using detail::SignatureAlgorithm;
using support::errorOf;

namespace {

const std::string payloadOfTheRfc =
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";

struct Example {
  const char* rfc;
  Json jwk;
  const char* algorithm;
  SignatureAlgorithm own;
  std::string signedText;
  std::string signature;
};

// RFC 7515 appendices A.2 and A.3, RFC 8037 appendix A.4.
const std::array<Example, 3> examples = {
    {{"7515 A.2",
      {{"kty", "RSA"},
       {"n",
        "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-"
        "pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-"
        "UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-"
        "DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"},
       {"e", "AQAB"}},
      "RS256",
      SignatureAlgorithm::rs256,
      "eyJhbGciOiJSUzI1NiJ9." + payloadOfTheRfc,
      "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_"
      "lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_"
      "nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7"
      "K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-"
      "eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_"
      "IoypGlUPQGe77Rw"},
     {"7515 A.3",
      {{"kty", "EC"},
       {"crv", "P-256"},
       {"x", "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"},
       {"y", "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}},
      "ES256",
      SignatureAlgorithm::es256,
      "eyJhbGciOiJFUzI1NiJ9." + payloadOfTheRfc,
      "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"},
     {"8037 A.4",
      {{"kty", "OKP"}, {"crv", "Ed25519"}, {"x", "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}},
      "EdDSA",
      SignatureAlgorithm::edDsa,
      "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
      "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"}}};
const Json& rsa = examples[0].jwk;
const Json& ec = examples[1].jwk;
const Json& okp = examples[2].jwk;

const std::vector<std::string> all = {"RS256", "PS256", "ES256", "EdDSA"};

KeySet keySet(const Json& jwk) { return KeySet::parse(Json{{"keys", {jwk}}}.dump()).value(); }
auto verified(const Example& example, const KeySet& keys, const std::vector<std::string>& algorithms = all) {
  return detail::verifiedJwt(example.signedText + "." + example.signature, keys, algorithms, {"jwt"});
}

Json with(Json jwk, const Json& change) {
  jwk.update(change);
  return jwk;
}
std::string number(std::size_t size, unsigned char first, unsigned char last) {
  std::string bytes(size, '\x5a');
  bytes.front() = static_cast<char>(first);
  bytes.back() = static_cast<char>(last);
  return detail::base64urlEncoded(detail::bytes(bytes));
}

}  // namespace

TEST_CASE("the RFCs' own signatures verify, under their own algorithm and key alone") {
  for (const Example& example : examples) {
    CAPTURE(example.rfc);
    const auto key = detail::readJwk(example.jwk).value().key;
    const std::string signature = detail::base64urlDecoded(example.signature).value();
    for (const auto algorithm :
         {SignatureAlgorithm::rs256, SignatureAlgorithm::ps256, SignatureAlgorithm::es256, SignatureAlgorithm::edDsa}) {
      CHECK(key.verifies(algorithm, example.signedText, signature) == (algorithm == example.own));
    }
    CHECK_FALSE(key.verifies(SignatureAlgorithm::rs256, example.signedText + ".", signature));
    CHECK_FALSE(key.verifies(SignatureAlgorithm::es256, example.signedText + ".", signature));
    CHECK_FALSE(key.verifies(SignatureAlgorithm::edDsa, example.signedText + ".", signature));
  }
  CHECK(verified(examples[0], keySet(rsa))->claims["iss"] == "joe");
  CHECK(verified(examples[1], keySet(ec))->claims["exp"] == 1300819380);
  CHECK(errorOf(verified(examples[2], keySet(okp))) == Errc::malformed);  // its payload is no JSON
}

TEST_CASE("every bit of a signature counts, and so does its length") {
  for (const Example& example : examples) {
    CAPTURE(example.rfc);
    const auto key = detail::readJwk(example.jwk).value().key;
    const std::string signature = detail::base64urlDecoded(example.signature).value();
    for (std::size_t bit = 0; bit < 8 * signature.size(); ++bit) {
      std::string other = signature;
      other[bit / 8] = static_cast<char>(static_cast<unsigned char>(other[bit / 8]) ^ (1U << bit % 8));
      if (key.verifies(example.own, example.signedText, other)) FAIL_CHECK("bit " << bit << " is not looked at");
    }
    for (std::size_t size = 0; size < signature.size(); ++size) {
      if (key.verifies(example.own, example.signedText, signature.substr(0, size))) FAIL_CHECK("cut at " << size);
    }
    CHECK_FALSE(key.verifies(example.own, example.signedText, signature + '\0'));
    CHECK_FALSE(key.verifies(example.own, example.signedText, std::string(signature.size(), '\0')));
    CHECK_FALSE(key.verifies(example.own, example.signedText, std::string(signature.size(), '\xff')));
  }
  CHECK(ERR_peek_error() == 0);
}

TEST_CASE("an algorithm that is not accepted is not tried") {
  for (const Example& example : {examples[0], examples[1]}) {
    CHECK(errorOf(verified(example, keySet(example.jwk), {"PS256", "EdDSA"})) == Errc::unsupported);
    CHECK(errorOf(verified(example, keySet(example.jwk), {})) == Errc::unsupported);
    CHECK(errorOf(verified(example, keySet(with(example.jwk, {{"alg", example.algorithm}})))) == std::nullopt);
  }
  CHECK(errorOf(verified(examples[0], keySet(with(rsa, {{"alg", "PS256"}})))) == Errc::unknownKey);
}

TEST_CASE("a token without a key id needs that one key alone fits") {
  const Json two = {{"keys", {rsa, ec}}};
  CHECK(verified(examples[1], KeySet::parse(two.dump()).value()));
  const Json same = {{"keys", {ec, with(ec, {{"kid", "b"}})}}};
  CHECK(errorOf(verified(examples[1], KeySet::parse(same.dump()).value())) == Errc::unknownKey);
  CHECK(errorOf(verified(examples[1], KeySet())) == Errc::unknownKey);
}

TEST_CASE("keys that cannot verify here are passed over, and the others of the set are there") {
  const std::vector<Json> useless = {
      nullptr,
      7,
      Json::object(),
      {{"kty", "oct"}, {"k", "c2VjcmV0"}},
      {{"kty", 7}},
      with(rsa, {{"n", ""}}),
      with(rsa, {{"n", nullptr}}),
      with(rsa, {{"n", rsa["n"].get<std::string>() + "="}}),
      with(rsa, {{"n", number(255, 0xc3, 1)}}),   // less than 2,048 bits
      with(rsa, {{"n", number(256, 0x7f, 1)}}),   // by one
      with(rsa, {{"n", number(257, 0, 1)}}),      // a zero in front
      with(rsa, {{"n", number(256, 0xc3, 2)}}),   // even
      with(rsa, {{"n", number(1025, 0x01, 1)}}),  // more than 8,192 bits
      with(rsa, {{"n", number(100'000, 0xc3, 1)}}),
      with(rsa, {{"e", ""}}),
      with(rsa, {{"e", "AA"}}),
      with(rsa, {{"e", "AQ"}}),      // 1
      with(rsa, {{"e", "AAEAAQ"}}),  // a zero in front
      with(rsa, {{"e", "AQAC"}}),    // even
      with(rsa, {{"e", number(9, 1, 1)}}),
      with(rsa, {{"use", "enc"}}),
      with(rsa, {{"use", 7}}),
      with(rsa, {{"key_ops", {"encrypt"}}}),
      with(rsa, {{"key_ops", "verify"}}),
      with(rsa, {{"alg", "RS384"}}),
      with(rsa, {{"alg", "ES256"}}),
      with(rsa, {{"alg", "none"}}),
      with(rsa, {{"alg", 7}}),
      with(rsa, {{"kid", 7}}),
      with(rsa, {{"d", "AQAB"}}),
      with(ec, {{"crv", "P-384"}}),
      with(ec, {{"crv", "secp256k1"}}),
      with(ec, {{"x", ec["y"]}}),  // not on the curve
      with(ec, {{"x", number(31, 1, 1)}}),
      with(ec, {{"y", number(33, 1, 1)}}),
      with(ec, {{"x", number(32, 0xff, 0xff)}}),
      with(okp, {{"crv", "X25519"}}),
      with(okp, {{"crv", "Ed448"}}),
      with(okp, {{"x", number(31, 1, 1)}}),
      with(okp, {{"x", number(33, 1, 1)}}),
      with(okp, {{"kty", "EC"}}),
      with(ec, {{"kty", "OKP"}}),
  };
  for (const Json& one : useless) {
    CAPTURE(one.dump().substr(0, 200));
    CHECK(KeySet::parse(Json{{"keys", Json::array({one, ec})}}.dump())->size() == 1);
  }
  CHECK(ERR_peek_error() == 0);
  CHECK(KeySet::parse(Json{{"keys", useless}}.dump())->size() == 0);
  for (const Json& good :
       {with(rsa, {{"n", number(256, 0x80, 1)}}), with(rsa, {{"n", number(1024, 0xff, 1)}}), with(rsa, {{"e", "Aw"}}),
        with(rsa, {{"use", "sig"}, {"x5c", {"MIIB"}}}), with(ec, {{"key_ops", {"verify"}}}), okp}) {
    CHECK(keySet(good).size() == 1);
  }
}

TEST_CASE("what is no JWK Set is none, and a set has its bounds") {
  for (const char* text : {"", "null", "[]", "{}", R"({"keys":{}})", R"({"keys":null})", R"({"keys":[],"keys":[]})",
                           R"({"keys":[]} x)", "\xef\xbb\xbf{\"keys\":[]}"}) {
    CAPTURE(text);
    CHECK(errorOf(KeySet::parse(text)) == Errc::malformed);
  }
  CHECK(KeySet::parse(R"({"keys":[]})")->size() == 0);
  CHECK(KeySet().size() == 0);
  CHECK(KeySet::parse(Json{{"keys", std::vector<Json>(100, okp)}}.dump())->size() == 100);
  CHECK(errorOf(KeySet::parse(Json{{"keys", std::vector<Json>(101, okp)}}.dump())) == Errc::tooLarge);
  CHECK(errorOf(KeySet::parse(R"({"keys":[],"x":")" + std::string(256 * 1024, 'x') + "\"}")) == Errc::tooLarge);
}

}  // namespace jws_test
