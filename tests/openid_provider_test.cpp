// A provider's metadata and keys: what is accepted, when they are asked for, and how often.
#include "crypto/signing_key.hpp"
#include "oauth/jwt.hpp"
#include "oauth/shared_document.hpp"
#include "support/support.hpp"

#include <atomic>
#include <latch>
#include <map>
#include <mutex>
#include <thread>

#include <ironjar/openid_provider.hpp>
#include <openssl/evp.h>

namespace openid_provider_test {

using namespace ironjar;
using namespace std::chrono_literals;
using detail::Freshness;
using support::errorOf;

namespace {

const Json recorded = support::vectors("id_token.json");
const TimePoint wallNow = support::at(recorded["now"].get<std::int64_t>() * 1000);
const std::string issuer = "https://id.example.com";
const std::string discovery = issuer + "/.well-known/openid-configuration";
const std::string jwks = issuer + "/keys";

Json document(const Json& change = Json::object()) {
  Json json = {{"issuer", issuer},
               {"authorization_endpoint", issuer + "/authorize"},
               {"token_endpoint", issuer + "/token"},
               {"jwks_uri", jwks}};
  json.update(change);
  return json;
}

std::string tokenOf(const std::string& algorithm) {
  for (const Json& one : recorded["cases"]) {
    if (one["alg"] == algorithm && !one.contains("error")) return one["token"];
  }
  throw std::runtime_error("no such token");
}

// Keys of the recorded set, by their ids.
std::string keysNamed(const std::vector<std::string>& ids) {
  Json keys = Json::array();
  for (const Json& key : recorded["jwks"]["keys"]) {
    if (std::find(ids.begin(), ids.end(), key["kid"]) != ids.end()) keys.push_back(key);
  }
  return Json{{"keys", keys}}.dump();
}

struct Site {
  Site() {
    answers[discovery] = Response{.status = 200, .body = document().dump()};
    answers[jwks] = Response{.status = 200, .body = keysNamed({"es"})};
  }
  OpenIdProvider provider() {
    return OpenIdProvider({.issuer = issuer,
                           .transport =
                               [this](const Request& request, Deadline) {
                                 const std::lock_guard lock(mutex);
                                 ++asked[request.url];
                                 return answers.at(request.url);
                               },
                           .now = [this] { return MonotonicTime(now.load()); }});
  }

  std::mutex mutex;
  std::map<std::string, Result<Response>> answers;
  std::map<std::string, int> asked;
  std::atomic<MonotonicTime::duration> now{1h};
};

const IdTokenRules rules{.clientId = "web", .nonce = "n-0S6_WzA2Mj"};

}  // namespace

TEST_CASE("metadata are read, and what they leave out is empty") {
  const auto bare = readProviderMetadata(document().dump(), issuer);
  CHECK(bare->authorizationEndpoint == issuer + "/authorize");
  CHECK(bare->tokenEndpoint == issuer + "/token");
  CHECK(bare->jwksUri == jwks);
  CHECK(bare->endSessionEndpoint.empty());
  CHECK_FALSE(bare->requiresPushedRequests);
  CHECK_FALSE(bare->namesItself);
  const Json more = {{"end_session_endpoint", issuer + "/logout"},
                     {"pushed_authorization_request_endpoint", issuer + "/par"},
                     {"require_pushed_authorization_requests", true},
                     {"authorization_response_iss_parameter_supported", true},
                     {"claims_supported", {"sub"}}};
  const auto full = readProviderMetadata(document(more).dump(), issuer);
  CHECK(full->endSessionEndpoint == issuer + "/logout");
  CHECK(full->pushedAuthorizationRequestEndpoint == issuer + "/par");
  CHECK(full->requiresPushedRequests);
  CHECK(full->namesItself);
}

TEST_CASE("L05 metadata of another issuer, with endpoints in clear, or that are none are refused") {
  for (const Json& change : std::vector<Json>{{{"issuer", "https://id.example.org"}},
                                              {{"issuer", issuer + "/"}},
                                              {{"issuer", nullptr}},
                                              {{"issuer", {issuer}}},
                                              {{"authorization_endpoint", ""}},
                                              {{"authorization_endpoint", "http://id.example.com/authorize"}},
                                              {{"authorization_endpoint", "javascript:alert(1)"}},
                                              {{"token_endpoint", "http://id.example.com/token"}},
                                              {{"token_endpoint", "https://id.example.com/token#x"}},
                                              {{"token_endpoint", "https://a@id.example.com/token"}},
                                              {{"token_endpoint", 7}},
                                              {{"jwks_uri", "http://127.0.0.1/keys"}},
                                              {{"jwks_uri", "file:///etc/passwd"}},
                                              {{"end_session_endpoint", "http://id.example.com/logout"}},
                                              {{"pushed_authorization_request_endpoint", "par"}}}) {
    CAPTURE(change.dump());
    CHECK(errorOf(readProviderMetadata(document(change).dump(), issuer)) == Errc::malformed);
  }
  for (const char* text : {"", "null", "[]", "{}", "<html>", R"({"issuer":"a","issuer":"https://id.example.com"})"}) {
    CHECK(errorOf(readProviderMetadata(text, issuer)) == Errc::malformed);
  }
  CHECK(readProviderMetadata(document({{"revocation_endpoint", "http://a.example"}}).dump(), issuer));  // not used
  const Json local = {{"jwks_uri", "http://127.0.0.1:8080/keys"}};
  CHECK(readProviderMetadata(document(local).dump(), issuer, true));
  CHECK(errorOf(readProviderMetadata(document({{"jwks_uri", "http://a.example/keys"}}).dump(), issuer, true)) ==
        Errc::malformed);
}

TEST_CASE("when a document is asked for: the table") {
  using Step = Freshness::Step;
  using Wanted = Freshness::Wanted;
  Freshness state(1h);
  MonotonicTime now{100h};
  CHECK(state.ask(Wanted::any, now) == Step::fetch);
  CHECK(state.ask(Wanted::any, now) == Step::wait);
  state.fetched(false, now);
  CHECK(state.ask(Wanted::any, now + 4999ms) == Step::refuse);
  CHECK(state.ask(Wanted::newer, now + 4999ms) == Step::refuse);
  now += 5s;
  CHECK(state.ask(Wanted::any, now) == Step::fetch);
  state.fetched(true, now + 1s);
  CHECK(state.ask(Wanted::any, now + 1h) == Step::use);
  CHECK(state.ask(Wanted::newer, now + 59s) == Step::use);
  now += 1min;
  CHECK(state.ask(Wanted::newer, now) == Step::fetch);
  CHECK(state.ask(Wanted::any, now) == Step::use);
  CHECK(state.ask(Wanted::newer, now) == Step::wait);
  state.fetched(false, now);
  CHECK(state.ask(Wanted::any, now + 59s) == Step::use);
  CHECK(state.ask(Wanted::newer, now + 59s) == Step::refuse);
  now += 1h;
  CHECK(state.ask(Wanted::any, now) == Step::fetch);  // older than it is kept
  state.fetched(false, now);
  CHECK(state.ask(Wanted::any, now + 59s) == Step::use);
  CHECK(state.serves(now));
  now += 23h;
  CHECK_FALSE(state.serves(now));
  CHECK(state.ask(Wanted::any, now) == Step::fetch);
  CHECK(state.ask(Wanted::any, now) == Step::wait);
  state.fetched(true, now);
  CHECK(state.ask(Wanted::any, now) == Step::use);
}

TEST_CASE("the provider is asked at first use, once, and anew after an hour") {
  Site site;
  const OpenIdProvider provider = site.provider();
  CHECK(site.asked.empty());
  for (int i = 0; i < 3; ++i) CHECK(provider.metadata()->tokenEndpoint == issuer + "/token");
  for (int i = 0; i < 3; ++i) CHECK(provider.verify(tokenOf("ES256"), rules, wallNow)->subject == "ada");
  CHECK(site.asked[discovery] == 1);
  CHECK(site.asked[jwks] == 1);
  site.now = 2h + 1s;
  site.answers[discovery] = Response{.status = 200, .body = document({{"token_endpoint", issuer + "/t2"}}).dump()};
  CHECK(provider.metadata()->tokenEndpoint == issuer + "/t2");
  CHECK(provider.keys()->size() == 1);
  CHECK(site.asked[discovery] == 2);
  CHECK(site.asked[jwks] == 2);
}

TEST_CASE("a provider that is down is asked again after a pause, and what it said before serves for a day") {
  Site site;
  const auto up = site.answers;
  for (auto& entry : site.answers) entry.second = fail(Errc::unreachable);
  const OpenIdProvider provider = site.provider();
  CHECK(errorOf(provider.metadata()) == Errc::unreachable);
  CHECK(errorOf(provider.verify(tokenOf("ES256"), rules, wallNow)) == Errc::unreachable);
  CHECK(site.asked[discovery] == 1);
  site.answers = up;
  site.now = 1h + 5s;
  CHECK(provider.verify(tokenOf("ES256"), rules, wallNow));
  for (auto& entry : site.answers) entry.second = Response{.status = 503};
  site.now = 10h;
  CHECK(provider.metadata());
  CHECK(provider.verify(tokenOf("ES256"), rules, wallNow));
  site.now = 30h;
  CHECK(errorOf(provider.metadata()) == Errc::transport);
  CHECK(errorOf(provider.verify(tokenOf("ES256"), rules, wallNow)) == Errc::transport);
}

TEST_CASE("L06 an unknown key is asked for once a minute, however many tokens name one") {
  Site site;
  const OpenIdProvider provider = site.provider();
  CHECK(errorOf(provider.verify(tokenOf("EdDSA"), rules, wallNow)) == Errc::unknownKey);
  CHECK(site.asked[jwks] == 1);  // the keys have only just come
  site.now = 1h + 1min;
  for (int i = 0; i < 100; ++i) {
    CHECK(errorOf(provider.verify(tokenOf("EdDSA"), rules, wallNow)) == Errc::unknownKey);
  }
  CHECK(site.asked[jwks] == 2);
  site.answers[jwks] = Response{.status = 200, .body = keysNamed({"es", "ed"})};  // it has rotated
  site.now = 1h + 2min;
  CHECK(provider.verify(tokenOf("EdDSA"), rules, wallNow));
  CHECK(provider.verify(tokenOf("ES256"), rules, wallNow));
  CHECK(site.asked[jwks] == 3);
  CHECK(site.asked[discovery] == 1);
  site.answers[jwks] = Response{.status = 200, .body = keysNamed({"ed"})};  // and drops the old one
  site.now = 3h;
  CHECK(errorOf(provider.verify(tokenOf("ES256"), rules, wallNow)) == Errc::unknownKey);
}

TEST_CASE("L06 a key that was renewed under its old id is found, by one request a minute") {
  Site site;
  const auto keyNamedEs = [](const Json& change) {
    Json set = Json::parse(keysNamed({"es"}));
    set["keys"][0].update(change);
    return Response{.status = 200, .body = set.dump()};
  };
  const Json es = Json::parse(keysNamed({"es"}))["keys"][0];
  const auto other = detail::SigningKey::ofP256(detail::bytes("0123456789abcdef0123456789abcdef"))->p256Point();
  const auto half = [&](std::size_t at) {
    return detail::base64urlEncoded(detail::bytes(std::string_view(other).substr(at, 32)));
  };
  site.answers[jwks] = keyNamedEs({{"x", half(0)}, {"y", half(32)}});
  const OpenIdProvider provider = site.provider();
  CHECK(errorOf(provider.verify(tokenOf("ES256"), rules, wallNow)) == Errc::tampered);
  site.answers[jwks] = keyNamedEs(es);
  CHECK(errorOf(provider.verify(tokenOf("ES256"), rules, wallNow)) == Errc::tampered);
  CHECK(site.asked[jwks] == 1);
  site.now = 1h + 1min;
  CHECK(provider.verify(tokenOf("ES256"), rules, wallNow));
  CHECK(site.asked[jwks] == 2);
}

TEST_CASE("where newer keys are wanted and cannot be had, that is the error, and no verdict on the token") {
  Site site;
  const OpenIdProvider provider = site.provider();
  CHECK(errorOf(provider.verify(tokenOf("EdDSA"), rules, wallNow)) == Errc::unknownKey);
  site.answers[jwks] = fail(Errc::timeout);
  site.now = 1h + 1min;
  for (int i = 0; i < 3; ++i) CHECK(errorOf(provider.verify(tokenOf("EdDSA"), rules, wallNow)) == Errc::timeout);
  CHECK(provider.verify(tokenOf("ES256"), rules, wallNow));  // the old ones serve
  CHECK(site.asked[jwks] == 2);
}

TEST_CASE("answers that are no documents are errors, bounded") {
  Site site;
  const OpenIdProvider provider = site.provider();
  const auto metadataOf = [&](Result<Response> answer) {
    site.answers.at(discovery) = std::move(answer);
    site.now = site.now.load() + 5s;
    return provider.metadata();
  };
  CHECK(errorOf(metadataOf(Response{.status = 404, .body = document().dump()})) == Errc::transport);
  CHECK(errorOf(metadataOf(Response{.status = 302, .headers = {{"Location", discovery}}})) == Errc::transport);
  CHECK(errorOf(metadataOf(Response{.status = 200, .body = "<html>"})) == Errc::malformed);
  CHECK(errorOf(metadataOf(Response{.status = 200, .body = std::string(256 * 1024 + 1, ' ')})) == Errc::tooLarge);
  CHECK(metadataOf(Response{.status = 200, .body = document().dump()}));
}

TEST_CASE("threads that want a document at once share one request") {
  Site site;
  constexpr int many = 8;
  std::latch ready(many);
  const OpenIdProvider provider = site.provider();
  std::atomic<int> verified = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < many; ++i) {
    threads.emplace_back([&] {
      ready.arrive_and_wait();
      if (provider.verify(tokenOf("ES256"), rules, wallNow)) ++verified;
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(verified == many);
  CHECK(site.asked[discovery] == 1);
  CHECK(site.asked[jwks] == 1);
}

TEST_CASE("without blocking: whoever waits is called when the answer comes, once, also when it never comes") {
  Site site;
  std::vector<ResponseHandler> pending;
  {
    const OpenIdProvider provider(
        {.issuer = issuer,
         .asyncTransport = [&](const Request&, Deadline, const std::stop_token&, ResponseHandler done) {
           pending.push_back(std::move(done));
         }});
    int called = 0;
    for (int i = 0; i < 3; ++i) {
      provider.startVerify(tokenOf("ES256"), rules, wallNow,
                           [&](const Result<IdToken>& token) { called += token ? 1 : 100; });
    }
    REQUIRE(pending.size() == 1);
    std::exchange(pending.back(), nullptr)(site.answers.at(discovery));
    REQUIRE(pending.size() == 2);
    CHECK(called == 0);
    std::exchange(pending.back(), nullptr)(site.answers.at(jwks));
    CHECK(called == 3);
  }
  pending.clear();
  std::optional<Errc> code;
  const OpenIdProvider provider({.issuer = issuer, .asyncTransport = [](const auto&, auto, const auto&, auto) {}});
  provider.startMetadata([&](const Result<ProviderMetadata>& metadata) { code = metadata.error().code; });
  CHECK(code == Errc::transport);
}

TEST_CASE("a document that cannot be read for an exception is asked for again, and nobody waits for ever") {
  enum class Throws { fetch, answer, clock, nothing };
  Throws what = Throws::nothing;
  int asked = 0;
  MonotonicTime now{1h};
  bool isFetching = false;
  using Document = detail::SharedDocument<int>;
  const auto document = std::make_shared<Document>(
      [&](const detail::Completion<Result<int>>& done) {
        ++asked;
        isFetching = true;
        if (what == Throws::fetch) throw std::runtime_error("fetch");
        const detail::Completion<int> read = [&, done](int number) {
          if (what == Throws::answer) throw std::runtime_error("reading");
          done(number);
        };
        detail::completeSafely(read, 7);
      },
      1h, [&] { return what == Throws::clock && isFetching ? throw std::runtime_error("clock") : now; });
  const auto wanted = [&] {
    std::optional<Errc> code;
    isFetching = false;
    document->start(Freshness::Wanted::any, [&](const Document::Answer& answer) {
      code = answer ? Errc::unknownKey : answer.error().code;
      throw std::runtime_error("whoever waits");
    });
    return code;
  };
  int expected = 0;
  for (const Throws thrown : {Throws::fetch, Throws::answer}) {
    what = thrown;
    CHECK(wanted() == Errc::transport);
    CHECK(asked == ++expected);
    CHECK(wanted() == Errc::transport);  // within the pause
    CHECK(asked == expected);
    now += 5s;
  }
  what = Throws::clock;
  CHECK(wanted() == Errc::unknownKey);  // it is there
  CHECK(asked == 3);
  what = Throws::nothing;
  CHECK(wanted() == Errc::unknownKey);
  now += 2h;
  CHECK(wanted() == Errc::unknownKey);
  CHECK(asked == 4);
}

TEST_CASE("keys that libcrypto cannot have are left out of the set") {
  const std::string keys = keysNamed({"es", "ed"});
  const std::size_t all = KeySet::parse(keys)->size();
  REQUIRE(EVP_set_default_properties(nullptr, "provider=nobody") == 1);
  const Result<KeySet> none = KeySet::parse(keys);
  EVP_set_default_properties(nullptr, "");
  CHECK(all == 2);
  CHECK(none->size() == 0);
  CHECK(KeySet::parse(keys)->size() == 2);
}

TEST_CASE("options that cannot be are refused at start-up") {
  const Transport transport = [](const Request&, Deadline) { return Result<Response>(fail(Errc::unreachable)); };
  for (const char* text : {"", "id.example.com", "http://id.example.com", "http://127.0.0.1", "https://a/?b"}) {
    CHECK_THROWS_AS(OpenIdProvider({.issuer = text, .transport = transport}), std::invalid_argument);
  }
  CHECK_THROWS_AS(OpenIdProvider({.issuer = issuer}), std::invalid_argument);
  CHECK_THROWS_AS(OpenIdProvider({.issuer = issuer, .transport = transport, .timeout = 0s}), std::invalid_argument);
  CHECK_THROWS_AS(OpenIdProvider({.issuer = issuer, .transport = transport, .keep = 59s}), std::invalid_argument);
  CHECK_THROWS_AS(OpenIdProvider({.issuer = issuer, .transport = transport, .keep = 25h}), std::invalid_argument);
  CHECK_NOTHROW(OpenIdProvider({.issuer = "http://127.0.0.1:80", .transport = transport, .allowHttpOnLoopback = true}));
}

}  // namespace openid_provider_test
