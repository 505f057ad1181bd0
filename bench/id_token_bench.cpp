// What an ID token costs to verify beside the bare EVP_DigestVerify of the same key over the same text: `bare` begins
// and verifies with a context that is kept, `idToken` is verifyIdToken(), header, claims and rules included.
#include <array>
#include <benchmark/benchmark.h>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <ironjar/id_token.hpp>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

namespace {

using ironjar::Json;

constexpr std::int64_t issuedAt = 1'700'000'000;
constexpr std::size_t coordinateSize = 32;

const Json claims = {{"iss", "https://id.example.com"},
                     {"sub", "248289761001"},
                     {"aud", "web"},
                     {"iat", issuedAt},
                     {"exp", issuedAt + 300},
                     {"auth_time", issuedAt - 30},
                     {"nonce", "n-0S6_WzA2Mj"},
                     {"sid", "08a5019c-17e1-4977-8f42-65a12843ea02"},
                     {"at_hash", "Y4Xp2CBZ2Bw8mhEBUKBjSA"},
                     {"name", "Ada Lovelace"},
                     {"email", "ada@example.com"}};

using Key = std::shared_ptr<EVP_PKEY>;
using Context = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;

void require(bool isDone) {
  if (!isDone) throw std::runtime_error("libcrypto refuses");
}

std::string base64url(std::string_view bytes) {
  std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  const int size =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                      reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(size));
  while (text.ends_with('=')) text.pop_back();
  for (char& c : text) c = c == '+' ? '-' : c == '/' ? '_' : c;
  return text;
}

std::string number(const Key& key, const char* name, std::size_t size) {
  BIGNUM* taken = nullptr;
  require(EVP_PKEY_get_bn_param(key.get(), name, &taken) == 1);
  const std::unique_ptr<BIGNUM, decltype(&BN_free)> value(taken, BN_free);
  if (size == 0) size = static_cast<std::size_t>(BN_num_bytes(value.get()));
  std::string bytes(size, '\0');
  require(BN_bn2binpad(value.get(), reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(size)) > 0);
  return base64url(bytes);
}

// One key, one token that it has signed, and the signature as EVP_DigestVerify takes it.
struct Signed {
  explicit Signed(std::string name) : algorithm(std::move(name)) {
    Json jwk = {{"kid", "k-1"}, {"use", "sig"}, {"alg", algorithm}};
    if (algorithm == "ES256") {
      key.reset(EVP_EC_gen("P-256"), EVP_PKEY_free);
      jwk.update({{"kty", "EC"},
                  {"crv", "P-256"},
                  {"x", number(key, OSSL_PKEY_PARAM_EC_PUB_X, coordinateSize)},
                  {"y", number(key, OSSL_PKEY_PARAM_EC_PUB_Y, coordinateSize)}});
    } else if (algorithm == "EdDSA") {
      key.reset(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"), EVP_PKEY_free);
      std::string point(coordinateSize, '\0');
      std::size_t size = point.size();
      require(EVP_PKEY_get_raw_public_key(key.get(), reinterpret_cast<unsigned char*>(point.data()), &size) == 1);
      jwk.update({{"kty", "OKP"}, {"crv", "Ed25519"}, {"x", base64url(point)}});
    } else {
      key.reset(EVP_RSA_gen(2048), EVP_PKEY_free);
      jwk.update(
          {{"kty", "RSA"}, {"n", number(key, OSSL_PKEY_PARAM_RSA_N, 0)}, {"e", number(key, OSSL_PKEY_PARAM_RSA_E, 0)}});
    }
    require(key != nullptr);
    keys = ironjar::KeySet::parse(Json{{"keys", Json::array({jwk})}}.dump()).value();
    text = base64url(Json{{"alg", algorithm}, {"kid", "k-1"}, {"typ", "JWT"}}.dump()) + "." + base64url(claims.dump());
    sign();
    token = text + "." + base64url(joseSignature());
  }

  void begin(EVP_MD_CTX* context, int (*init)(EVP_MD_CTX*, EVP_PKEY_CTX**, const EVP_MD*, ENGINE*, EVP_PKEY*)) const {
    EVP_PKEY_CTX* options = nullptr;
    require(init(context, &options, algorithm == "EdDSA" ? nullptr : EVP_sha256(), nullptr, key.get()) == 1);
    if (algorithm != "PS256") return;
    require(EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) == 1 &&
            EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST) == 1);
  }
  void sign() {
    const Context context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    begin(context.get(), EVP_DigestSignInit);
    const auto* const data = reinterpret_cast<const unsigned char*>(text.data());
    std::size_t size = 0;
    require(EVP_DigestSign(context.get(), nullptr, &size, data, text.size()) == 1);
    signature.resize(size);
    require(EVP_DigestSign(context.get(), signature.data(), &size, data, text.size()) == 1);
    signature.resize(size);
  }
  // RFC 7518 section 3.4: ES256 has r and s, one behind the other.
  [[nodiscard]] std::string joseSignature() const {
    if (algorithm != "ES256") return {signature.begin(), signature.end()};
    const unsigned char* der = signature.data();
    const std::unique_ptr<ECDSA_SIG, decltype(&ECDSA_SIG_free)> parts(
        d2i_ECDSA_SIG(nullptr, &der, static_cast<long>(signature.size())), ECDSA_SIG_free);
    std::array<unsigned char, 2 * coordinateSize> numbers{};
    BN_bn2binpad(ECDSA_SIG_get0_r(parts.get()), numbers.data(), coordinateSize);
    BN_bn2binpad(ECDSA_SIG_get0_s(parts.get()), numbers.data() + coordinateSize, coordinateSize);
    return {numbers.begin(), numbers.end()};
  }

  const std::string algorithm;
  Key key;
  ironjar::KeySet keys;
  std::string text;
  std::vector<unsigned char> signature;
  std::string token;
};

void bare(benchmark::State& state, const Signed& sample) {
  const Context context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  const auto* const data = reinterpret_cast<const unsigned char*>(sample.text.data());
  for (auto _ : state) {
    require(EVP_MD_CTX_reset(context.get()) == 1);
    sample.begin(context.get(), EVP_DigestVerifyInit);
    require(EVP_DigestVerify(context.get(), sample.signature.data(), sample.signature.size(), data,
                             sample.text.size()) == 1);
  }
}

void idToken(benchmark::State& state, const Signed& sample) {
  const ironjar::IdTokenRules rules{.issuer = "https://id.example.com", .clientId = "web", .nonce = "n-0S6_WzA2Mj"};
  const ironjar::TimePoint now{std::chrono::seconds{issuedAt}};
  for (auto _ : state) {
    const auto token = ironjar::verifyIdToken(sample.token, sample.keys, rules, now);
    if (!token) return state.SkipWithError("not verified");
  }
}

}  // namespace

int main(int count, char** arguments) {
  std::vector<std::unique_ptr<Signed>> samples;
  for (const char* algorithm : {"RS256", "PS256", "ES256", "EdDSA"}) {
    samples.push_back(std::make_unique<Signed>(algorithm));
    const Signed& sample = *samples.back();
    benchmark::RegisterBenchmark(("bare/" + sample.algorithm).c_str(), bare, std::cref(sample));
    benchmark::RegisterBenchmark(("idToken/" + sample.algorithm).c_str(), idToken, std::cref(sample));
  }
  benchmark::Initialize(&count, arguments);
  benchmark::RunSpecifiedBenchmarks();
}
