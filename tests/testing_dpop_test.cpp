// The test kit's provider and API with tokens that are bound to a key (RFC 9449).
#include "support/support.hpp"
#include "support/upstream.hpp"

namespace testing_dpop_test {

using namespace ironjar;
using support::errorOf;
using support::get;
using support::sessionWith;

namespace {

// A request that takes a token to the API with this proof.
Request with(const std::string& scheme, const TokenSet& tokens, const Result<std::string>& proof = std::string()) {
  Request request = get();
  request.headers = {{"Authorization", scheme + " " + tokens.accessToken}};
  if (!proof->empty()) request.headers.emplace_back("DPoP", *proof);
  return request;
}

}  // namespace

TEST_CASE("a login with a key, and one by a code with a proof: bound tokens, nonces on the way") {
  support::Upstream upstream;
  upstream.provider.behave({.dpopNonce = "n-1"});
  upstream.api.behave({.dpopNonce = "n-2"});
  const FetchOptions options = support::fetchOptions(upstream);
  const Fetcher fetcher(options);
  const std::string key = generateDpopKey();
  const Headers code = {{"grant_type", "authorization_code"}, {"code", upstream.provider.authorize("ada")}};
  for (const bool byCode : {false, true}) {
    const TokenSet tokens =
        byCode ? requestTokens(options.transport, options.tokenEndpoint, code, {.dpopKey = key}).value()
               : upstream.provider.login("ada", key);
    CHECK(tokens.dpopKey == key);
    CHECK_FALSE(upstream.provider.keyOf(tokens.accessToken).empty());
    CHECK(upstream.provider.keyOf(tokens.accessToken) == upstream.provider.keyOf(tokens.refreshToken));
    Session session = sessionWith(tokens);
    CHECK(fetcher.performFetch(session, get())->body == "ada");
    upstream.provider.expireAccessTokens();
    CHECK(fetcher.performFetch(session, get())->body == "ada");
    CHECK(session.tokens()->refreshToken != tokens.refreshToken);
  }
  CHECK(upstream.provider.counts().refreshes == 2);
  CHECK(upstream.provider.keyOf("nobody's").empty());
}

TEST_CASE("bound tokens are good with proofs of their key alone, each once, and others as Bearer alone") {
  support::Upstream upstream;
  const std::string key = generateDpopKey();
  const TokenSet bound = upstream.provider.login("ada", key);
  const TokenSet plain = upstream.provider.login("eve");
  const auto status = [&](const Request& request) { return upstream.transport()(request, Deadline::max())->status; };
  const DpopProof good{.method = "GET", .url = get().url + "?x=1", .accessToken = bound.accessToken};
  const auto proof = dpopProof(key, good);
  CHECK(status(with("DPoP", bound, proof)) == 200);
  CHECK(status(with("DPoP", bound, proof)) == 401);
  CHECK(status(with("dpop", bound, dpopProof(key, good))) == 200);
  CHECK(status(with("DPoP", bound)) == 401);
  CHECK(status(with("Bearer", bound)) == 401);
  CHECK(status(with("Bearer", plain)) == 200);
  CHECK(status(with("DPoP", plain, dpopProof(key, good))) == 401);
  CHECK(status(with("DPoP", bound, dpopProof(generateDpopKey(), good))) == 401);
  CHECK(status(with("DPoP", bound,
                    dpopProof(key, {.method = "POST", .url = good.url, .accessToken = bound.accessToken}))) == 401);
  CHECK(status(with("DPoP", bound, dpopProof(key, {.method = "GET", .url = good.url}))) == 401);
  Request nowhere = with("DPoP", bound, proof);
  nowhere.url = "/items";
  CHECK(upstream.api.handle(nowhere, Deadline::max())->status == 401);
  for (const char* odd :
       {".", "..", "x", "e30", "e30.e30.e30", "W10.W10.", "\xff.\xff.\xff", "e30.eyJodG0iOjF9.x", ""}) {
    CHECK(status(with("DPoP", bound, std::string(odd))) == 401);
  }
}

TEST_CASE("a refresh token that is bound is not spent by others") {
  support::Upstream upstream;
  const TokenSet bound = upstream.provider.login("ada", generateDpopKey());
  const TokenEndpoint endpoint{.url = upstream.provider.tokenUrl()};
  const Headers fields = {{"grant_type", "refresh_token"}, {"refresh_token", bound.refreshToken}};
  CHECK(errorOf(requestTokens(upstream.transport(), endpoint, fields)) == Errc::refreshFailed);
  CHECK(errorOf(requestTokens(upstream.transport(), endpoint, fields, {.dpopKey = generateDpopKey()})) ==
        Errc::refreshFailed);
  CHECK(requestTokens(upstream.transport(), endpoint, fields, {.dpopKey = bound.dpopKey})->dpopKey == bound.dpopKey);
  CHECK(upstream.provider.counts().reuses == 0);
}

}  // namespace testing_dpop_test
