// private_key_jwt and client_secret_jwt: what is signed, with which keys, and what is refused at start-up.
#include "base/base64url.hpp"
#include "base/handle.hpp"
#include "crypto/signing_key.hpp"
#include "support/support.hpp"

#include <atomic>
#include <thread>

#include <ironjar/client_assertion.hpp>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

namespace client_assertion_test {

using namespace ironjar;
using detail::SigningKey;
using support::at;

namespace {

// RFC 8037 appendix A.1, as PKCS #8.
const std::string ed25519 =
    "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE "
    "KEY-----\n";

std::string encoded(std::string_view data) {
  std::string text;
  detail::appendBase64url(text, detail::bytes(data));
  return text;
}
std::string decoded(std::string_view text) {
  std::string data(detail::base64urlDecodedSize(text.size()), '\0');
  REQUIRE(detail::decodeBase64url(text, detail::writable(data.data(), data.size())));
  return data;
}

using Key = detail::Handle<EVP_PKEY, EVP_PKEY_free>;
Key rsa(unsigned bits) { return Key(EVP_RSA_gen(bits)); }
Key ec(const char* curve) { return Key(EVP_EC_gen(curve)); }

std::string pemOf(const Key& key, const char* password = nullptr) {
  const detail::Handle<BIO, BIO_free_all> out(BIO_new(BIO_s_mem()));
  const auto* const bytes = reinterpret_cast<const unsigned char*>(password);
  const int size = password == nullptr ? 0 : static_cast<int>(std::string_view(password).size());
  REQUIRE(PEM_write_bio_PrivateKey(out.get(), key.get(), password == nullptr ? nullptr : EVP_aes_256_cbc(), bytes, size,
                                   nullptr, nullptr) == 1);
  char* text = nullptr;
  const long length = BIO_get_mem_data(out.get(), &text);
  return {text, static_cast<std::size_t>(length)};
}

// As the provider does: with the public key.
bool verifies(const Key& key, const std::string& algorithm, std::string_view message, std::string signature) {
  if (algorithm == "ES256") {
    if (signature.size() != 64) return false;
    const auto* const numbers = reinterpret_cast<const unsigned char*>(signature.data());
    const detail::Handle<ECDSA_SIG, ECDSA_SIG_free> both(ECDSA_SIG_new());
    ECDSA_SIG_set0(both.get(), BN_bin2bn(numbers, 32, nullptr), BN_bin2bn(numbers + 32, 32, nullptr));
    std::string der(80, '\0');
    auto* end = reinterpret_cast<unsigned char*>(der.data());
    der.resize(static_cast<std::size_t>(i2d_ECDSA_SIG(both.get(), &end)));
    signature = der;
  }
  const detail::Handle<EVP_MD_CTX, EVP_MD_CTX_free> context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* options = nullptr;
  REQUIRE(EVP_DigestVerifyInit(context.get(), &options, algorithm == "EdDSA" ? nullptr : EVP_sha256(), nullptr,
                               key.get()) == 1);
  if (algorithm == "PS256") {
    REQUIRE(EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) == 1);
    REQUIRE(EVP_PKEY_CTX_set_rsa_pss_saltlen(options, 32) == 1);  // RFC 7518 section 3.5: as the hash
  }
  return EVP_DigestVerify(context.get(), reinterpret_cast<const unsigned char*>(signature.data()), signature.size(),
                          reinterpret_cast<const unsigned char*>(message.data()), message.size()) == 1;
}

struct Token {
  Json header;
  Json claims;
  std::string message;
  std::string signature;
};
Token tokenOf(const ClientAuth& auth) {
  const ClientCredentials credentials = auth.credentials();
  const std::string text = std::string(findHeader(credentials.parameters, "client_assertion").value());
  const std::size_t first = text.find('.');
  const std::size_t second = text.rfind('.');
  return {Json::parse(decoded(text.substr(0, first))), Json::parse(decoded(text.substr(first + 1, second - first - 1))),
          text.substr(0, second), decoded(text.substr(second + 1))};
}

ClientAssertion web() {
  return {
      .clientId = "web", .audience = "https://id.example", .now = testing::VirtualClock(at(1'700'000'000'900)).wall()};
}

std::string refusal(const std::function<void()>& make) {
  try {
    make();
    return "";
  } catch (const std::invalid_argument& refused) {
    CHECK(ERR_peek_error() == 0);
    return refused.what();
  }
}

}  // namespace

TEST_CASE("signatures of others' vectors: HS256 of RFC 7515 A.1, Ed25519 of RFC 8037 A.4") {
  const std::string secret =
      decoded("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow");
  const std::string joe =
      "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9."
      "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNv"
      "bS9pc19yb290Ijp0cnVlfQ";
  CHECK(encoded(SigningKey::ofSecret(secret).sign(joe)) == "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
  const SigningKey key = SigningKey::ofPem(ed25519, "");
  CHECK(key.algorithm() == "EdDSA");
  CHECK(encoded(key.sign("eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc")) ==
        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg");
}

TEST_CASE("an assertion says who the client is, to whom and how long, and is another one each time") {
  ClientAssertion assertion = web();
  assertion.keyId = "2026-11";
  assertion.lifetime = Seconds{90};
  const ClientAuth auth = privateKeyJwt(assertion, ed25519.c_str());
  CHECK(auth.clientId == "web");
  const ClientCredentials credentials = auth.credentials();
  CHECK(findHeader(credentials.parameters, "client_id") == "web");
  CHECK(findHeader(credentials.parameters, "client_assertion_type") ==
        "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
  const Token token = tokenOf(auth);
  CHECK(token.header == Json{{"alg", "EdDSA"}, {"typ", "JWT"}, {"kid", "2026-11"}});
  Json claims = token.claims;
  CHECK(claims["jti"].get<std::string>().size() == 22);
  claims.erase("jti");
  CHECK(claims == Json{{"iss", "web"},
                       {"sub", "web"},
                       {"aud", "https://id.example"},
                       {"iat", 1'700'000'000},
                       {"exp", 1'700'000'090}});
  CHECK(tokenOf(auth).claims["jti"] != token.claims["jti"]);
  CHECK_FALSE(tokenOf(privateKeyJwt(web(), ed25519.c_str())).header.contains("kid"));
}

TEST_CASE("each kind of key signs what its public key verifies, and nothing else") {
  const Key long2048 = rsa(2048);
  const Key p256 = ec("P-256");
  struct Kind {
    const Key* key;
    std::string asked;
    std::string algorithm;
  };
  const std::vector<Kind> kinds = {{&long2048, "", "RS256"},
                                   {&long2048, "RS256", "RS256"},
                                   {&long2048, "PS256", "PS256"},
                                   {&p256, "", "ES256"},
                                   {&p256, "ES256", "ES256"}};
  for (const Kind& kind : kinds) {
    CAPTURE(kind.algorithm);
    ClientAssertion assertion = web();
    assertion.algorithm = kind.asked;
    const ClientAuth auth = privateKeyJwt(assertion, pemOf(*kind.key).c_str());
    for (int i = 0; i < 20; ++i) {  // ES256: numbers that begin with zeros keep their size
      const Token token = tokenOf(auth);
      CHECK(token.header["alg"] == kind.algorithm);
      CHECK(verifies(*kind.key, kind.algorithm, token.message, token.signature));
      CHECK_FALSE(verifies(*kind.key, kind.algorithm, token.message + "x", token.signature));
    }
  }
  const Token secret = tokenOf(clientSecretJwt(web(), "a-secret-of-the-client-with-32-bytes"));
  CHECK(secret.header["alg"] == "HS256");
  CHECK(secret.signature == SigningKey::ofSecret("a-secret-of-the-client-with-32-bytes").sign(secret.message));
}

TEST_CASE("keys that cannot be are refused at start-up, with what to change and nothing of the key") {
  const auto with = [](const std::string& pem, const std::string& algorithm = "") {
    return refusal([&] {
      ClientAssertion assertion = web();
      assertion.algorithm = algorithm;
      static_cast<void>(privateKeyJwt(assertion, pem.c_str()));
    });
  };
  const auto has = [](const std::string& text, const char* part) { return text.find(part) != std::string::npos; };
  CHECK(has(with(""), "PEM"));
  CHECK(has(with("a-secret-0123"), "PEM"));
  CHECK_FALSE(has(with("a-secret-0123"), "0123"));
  CHECK(has(with(ed25519.substr(0, 60)), "PEM"));
  CHECK(has(with(pemOf(ec("P-256"), "password")), "encrypted"));
  CHECK(has(with(pemOf(rsa(1024))), "2048"));
  CHECK(has(with(pemOf(ec("P-384"))), "P-256"));
  CHECK(has(with(ed25519, "ES256"), "algorithm"));
  CHECK(has(with(ed25519, "none"), "algorithm"));
  CHECK(has(with(ed25519, "HS256"), "algorithm"));
  CHECK(has(with(pemOf(ec("P-256")), "RS256"), "algorithm"));
  CHECK(
      has(refusal([] { static_cast<void>(privateKeyJwt(web(), static_cast<const char*>(nullptr))); }), "environment"));
  CHECK(has(refusal([] { static_cast<void>(clientSecretJwt(web(), nullptr)); }), "environment"));
  CHECK(has(refusal([] { static_cast<void>(clientSecretJwt(web(), "thirty-one-bytes-are-too-few-xx")); }), "32 bytes"));
}

TEST_CASE("assertions that cannot be are refused at start-up") {
  const auto why = [](const std::function<void(ClientAssertion&)>& change) {
    ClientAssertion assertion = web();
    change(assertion);
    return refusal([&] { static_cast<void>(clientSecretJwt(assertion, "a-secret-of-the-client-with-32-bytes")); });
  };
  CHECK(why([](ClientAssertion&) {}).empty());
  CHECK_FALSE(why([](ClientAssertion& a) { a.clientId = ""; }).empty());
  CHECK_FALSE(why([](ClientAssertion& a) { a.audience = ""; }).empty());
  CHECK_FALSE(why([](ClientAssertion& a) { a.audience = "\xff"; }).empty());
  CHECK_FALSE(why([](ClientAssertion& a) { a.keyId = "\xff"; }).empty());
  CHECK_FALSE(why([](ClientAssertion& a) { a.lifetime = Seconds{0}; }).empty());
  CHECK_FALSE(why([](ClientAssertion& a) { a.lifetime = Seconds{3601}; }).empty());
  CHECK_FALSE(why([](ClientAssertion& a) { a.now = nullptr; }).empty());
  CHECK_FALSE(why([](ClientAssertion& a) { a.algorithm = "RS256"; }).empty());
  CHECK_FALSE(refusal([] { static_cast<void>(privateKeyJwt(web(), std::function<std::string()>())); }).empty());
}

TEST_CASE("a key by a function changes while the program runs, and one that is none fails the refresh alone") {
  const Key other = ec("P-256");
  std::string key = ed25519;
  const ClientAuth auth = privateKeyJwt(web(), [&key] { return key; });
  CHECK(tokenOf(auth).header["alg"] == "EdDSA");
  key = pemOf(other);
  CHECK(tokenOf(auth).header["alg"] == "ES256");
  key = "gone";
  const auto sendsNothing = [](const Request&, Deadline) -> Result<Response> {
    FAIL("was sent");
    return fail(Errc::transport);
  };
  const TokenEndpoint endpoint{.url = "https://id.example/token", .clientAuth = auth};
  const auto answer = requestTokens(sendsNothing, endpoint, {});
  CHECK(support::errorOf(answer) == Errc::notAllowed);
  CHECK(ERR_peek_error() == 0);
}

TEST_CASE("one key signs on many threads") {
  const ClientAuth auth = privateKeyJwt(web(), ed25519.c_str());
  std::atomic<int> signedWell = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 50; ++n) signedWell += auth.credentials().parameters.size() == 3 ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(signedWell == 200);
}

}  // namespace client_assertion_test
