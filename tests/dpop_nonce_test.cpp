// DPoP (RFC 9449): the nonces that token endpoints and APIs ask for.
#include "support/dpop_upstream.hpp"

namespace dpop_nonce_test {

using namespace ironjar;
using support::DpopUpstream;
using support::errorOf;
using support::get;
using support::sessionWith;

TEST_CASE("an API's nonce: one more request the first time, none while it is known, no refresh and no retry") {
  DpopUpstream upstream;
  upstream.apiNonce = "n-1";
  std::vector<std::string> told;
  FetchOptions options = upstream.options();
  options.maxRetries = 0;
  options.observer = [&](const Event& event) { told.push_back(toLine(event)); };
  const Fetcher fetcher(options);
  Session session = sessionWith(upstream.login());
  const auto first = fetcher.performFetch(session, get());
  CHECK(first->status == 200);
  CHECK(first->trace.attempts == 2);
  CHECK(first->trace.refreshedBy == RefreshedBy::none);
  CHECK(told.empty());
  CHECK(fetcher.performFetch(session, get())->trace.attempts == 1);

  upstream.nextApiNonce = "n-2";  // comes with an answer that is none about nonces (section 8.2)
  CHECK(fetcher.performFetch(session, get())->trace.attempts == 1);
  upstream.nextApiNonce.clear();
  CHECK(fetcher.performFetch(session, get())->trace.attempts == 1);
  CHECK(upstream.proofs.back().claims["nonce"] == "n-2");
  CHECK(upstream.apiRequests == 5);
  CHECK(upstream.tokenRequests == 0);
  CHECK(upstream.problems.empty());
}

TEST_CASE("each origin has a nonce of its own") {
  DpopUpstream upstream;
  upstream.nonceOf = {{"https://api.example", "ours"}, {"https://other.example", "theirs"}};
  FetchOptions options = upstream.options();
  options.allowedOrigins = {"https://api.example", "https://other.example"};
  const Fetcher fetcher(options);
  Session session = sessionWith(upstream.login());
  const Request other{.url = "https://other.example/items"};
  CHECK(fetcher.performFetch(session, get())->trace.attempts == 2);
  CHECK(fetcher.performFetch(session, other)->trace.attempts == 2);
  CHECK(fetcher.performFetch(session, get())->trace.attempts == 1);
  CHECK(fetcher.performFetch(session, other)->trace.attempts == 1);
  for (const support::Proof& proof : upstream.proofs) {
    const bool isOurs = proof.claims["htu"] == "https://api.example/items";
    if (proof.claims.contains("nonce")) CHECK(proof.claims["nonce"] == (isOurs ? "ours" : "theirs"));
  }
}

TEST_CASE("the token endpoint's nonce: one more request, and neither the token nor the endpoint has failed") {
  DpopUpstream upstream;
  upstream.tokenNonce = "n-1";
  upstream.apiNonce = "n-api";
  const FetchOptions options = upstream.options();
  const Fetcher fetcher(options);
  const TokenSet tokens = upstream.login();
  Session session = sessionWith(tokens);
  upstream.expire();
  CHECK(fetcher.performFetch(session, get())->status == 200);
  CHECK(upstream.tokenRequests == 2);
  CHECK(upstream.upstream.provider.counts().refreshes == 1);
  CHECK(upstream.upstream.provider.counts().reuses == 0);
  CHECK(session.tokens()->dpopKey == tokens.dpopKey);
  CHECK(session.tokens()->refreshToken != tokens.refreshToken);

  upstream.nextTokenNonce = "n-2";
  for (int i = 0; i < 2; ++i) {
    upstream.expire();
    CHECK(fetcher.performFetch(session, get())->status == 200);
  }
  CHECK(upstream.tokenRequests == 4);
  upstream.tokenNonce = "n-3";  // asked for, and the next one is given with the tokens
  upstream.nextTokenNonce = "n-4";
  for (int i = 0; i < 2; ++i) {
    upstream.expire();
    CHECK(fetcher.performFetch(session, get())->status == 200);
  }
  CHECK(upstream.tokenRequests == 7);
  CHECK(upstream.problems.empty());
  CHECK(options.coordinator->stats().openCircuits == 0);
}

TEST_CASE("servers that never take a nonce are asked twice, and their answer is the answer") {
  DpopUpstream upstream;
  upstream.neverPleased = true;
  upstream.tokenNonce = upstream.apiNonce = "n-1";
  const FetchOptions options = upstream.options();
  const Fetcher fetcher(options);
  Session session = sessionWith(upstream.login());
  const auto answer = fetcher.performFetch(session, get());
  CHECK(answer->status == 401);
  CHECK(findHeader(answer->headers, "WWW-Authenticate").value().find("use_dpop_nonce") != std::string_view::npos);
  CHECK(upstream.apiRequests == 2);
  CHECK(upstream.tokenRequests == 0);

  const Json before = session.data();
  CHECK(errorOf(fetcher.refresh(session)) == Errc::refreshFailed);
  CHECK(upstream.tokenRequests == 2);
  CHECK(session.data() == before);
  CHECK(options.coordinator->stats().openCircuits == 0);
  CHECK(errorOf(requestTokens(upstream.transport(), upstream.endpoint(), upstream.code(),
                              {.dpopKey = generateDpopKey()})) == Errc::refreshFailed);
  CHECK(upstream.tokenRequests == 4);
}

TEST_CASE("a second request that is not sent leaves the first one's answer, which says nothing of the endpoint") {
  DpopUpstream upstream;
  upstream.tokenNonce = "n-1";
  FetchOptions options = upstream.options();
  options.transport = [&, inner = upstream.transport()](const Request& request, Deadline deadline) -> Result<Response> {
    if (upstream.tokenRequests == 1) return fail(Errc::unreachable);
    return inner(request, deadline);
  };
  const Fetcher fetcher(options);
  Session session = sessionWith(upstream.login());
  CHECK(errorOf(fetcher.refresh(session)) == Errc::refreshFailed);
  CHECK(upstream.tokenRequests == 1);
  CHECK(options.coordinator->stats().openCircuits == 0);
}

TEST_CASE("an API that asks for a nonce before and after a refresh gets one both times") {
  DpopUpstream upstream;
  upstream.apiNonce = "n-1";
  FetchOptions options = upstream.options();
  options.transport = [&, inner = upstream.transport()](const Request& request, Deadline deadline) {
    if (request.url == upstream.upstream.provider.tokenUrl()) upstream.apiNonce = "n-2";
    return inner(request, deadline);
  };
  const Fetcher fetcher(options);
  Session session = sessionWith(upstream.login());
  upstream.expire();
  const auto answer = fetcher.performFetch(session, get());
  CHECK(answer->status == 200);
  CHECK(answer->trace.attempts == 4);  // without a nonce, with it, with new tokens, with the new nonce
  CHECK(upstream.tokenRequests == 1);
}

TEST_CASE(
    "servers that take no nonce any more are asked without one, and a proof that is refused for good is the answer") {
  DpopUpstream upstream;
  upstream.tokenNonce = upstream.apiNonce = "n-1";
  const Fetcher fetcher(upstream.options());
  Session session = sessionWith(upstream.login());
  upstream.expire();
  CHECK(fetcher.performFetch(session, get())->status == 200);
  upstream.tokenNonce = upstream.apiNonce = "";
  upstream.takesNoNonce = true;
  upstream.expire();
  const int before = upstream.tokenRequests;
  CHECK(fetcher.performFetch(session, get())->status == 200);
  CHECK(upstream.tokenRequests == before + 2);
  CHECK(upstream.problems.empty());

  FetchOptions options = upstream.options();
  options.transport = [&](const Request&, Deadline) -> Result<Response> {
    ++upstream.apiRequests;
    return Response{.status = 401, .headers = {{"WWW-Authenticate", R"(DPoP error="invalid_dpop_proof")"}}};
  };
  upstream.apiRequests = 0;
  CHECK(Fetcher(options).performFetch(session, get())->status == 401);
  CHECK(upstream.apiRequests == 1);
}

TEST_CASE("nonces that cannot stand in a proof are none") {
  for (const std::string& bad : {std::string("a\r\nX-Evil: 1"), std::string("a b"), std::string(1'000'000, 'n'),
                                 std::string("\xff"), std::string("a\"b"), std::string()}) {
    DpopUpstream upstream;
    upstream.apiNonce = upstream.tokenNonce = bad.empty() ? "?" : bad;
    upstream.neverPleased = true;
    FetchOptions options = upstream.options();
    options.transport = [&bad, inner = upstream.transport()](const Request& request, Deadline deadline) {
      auto answer = inner(request, deadline);
      if (bad.empty()) eraseHeader(answer->headers, "DPoP-Nonce");  // asks for one, and gives none
      return answer;
    };
    const Fetcher fetcher(options);
    Session session = sessionWith(upstream.login());
    CHECK(fetcher.performFetch(session, get())->status == 401);
    CHECK(upstream.apiRequests == 1);
    CHECK(errorOf(fetcher.refresh(session)) == Errc::refreshFailed);
    CHECK(upstream.tokenRequests == 1);
  }
}

TEST_CASE("a body that is there only once is not sent again for a nonce, but the next time") {
  DpopUpstream upstream;
  upstream.apiNonce = "n-1";
  FetchOptions options = upstream.options();
  options.maxReplayBody = 10;
  const Fetcher fetcher(options);
  Session session = sessionWith(upstream.login());
  const Request large{.method = "POST", .url = "https://api.example/items", .body = std::string(11, 'x')};
  const auto refused = fetcher.performFetch(session, large);
  CHECK(refused->status == 401);
  CHECK(refused->trace.retryable);
  CHECK(fetcher.performFetch(session, large)->status == 200);

  upstream.apiNonce = "n-2";
  int opened = 0;
  Request stream{.method = "POST", .url = "https://api.example/items"};
  stream.openBody = [&opened] {
    ++opened;
    return [left = 1]() mutable -> Result<std::string> { return std::string(left-- > 0 ? "piece" : ""); };
  };
  CHECK(fetcher.performFetch(session, stream)->status == 200);
  CHECK(opened == 2);
}

}  // namespace dpop_nonce_test
