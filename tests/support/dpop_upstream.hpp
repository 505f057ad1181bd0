// An identity provider and an API that take DPoP (RFC 9449) alone, with nonces if a test wants them. They stand in
// front of the test kit's, to which they pass each request as one with a Bearer token.
#pragma once

#include "base/url.hpp"
#include "dpop.hpp"
#include "oauth/dpop.hpp"
#include "upstream.hpp"

#include <map>
#include <mutex>
#include <set>

namespace support {

struct DpopUpstream {
  explicit DpopUpstream(std::optional<ironjar::testing::VirtualClock> clock = {}) : upstream(std::move(clock)) {}

  ironjar::Transport transport() {
    return [this, inner = upstream.transport()](const ironjar::Request& request, ironjar::Deadline deadline) {
      return handle(request, deadline, inner);
    };
  }
  ironjar::FetchOptions options() {
    ironjar::FetchOptions options = fetchOptions(upstream);
    options.transport = transport();
    return options;
  }
  ironjar::TokenEndpoint endpoint() const {
    return {.url = upstream.provider.tokenUrl(), .clientAuth = ironjar::publicClient("web")};
  }
  ironjar::Headers code() {
    return {{"grant_type", "authorization_code"}, {"code", upstream.provider.authorize("ada")}};
  }
  // The next request has its tokens refreshed.
  void expire() { upstream.provider.expireAccessTokens(); }
  // A login, with its key.
  ironjar::TokenSet login() {
    ironjar::TokenSet tokens = upstream.provider.login("ada");
    tokens.dpopKey = ironjar::generateDpopKey();
    bind(tokens.refreshToken, ironjar::dpopThumbprint(tokens.dpopKey).value());
    return tokens;
  }

  void bind(const std::string& token, const std::string& thumbprint) {
    const std::lock_guard lock(mutex);
    boundTo[token] = thumbprint;
  }
  // What is wrong with a request's proof; empty: nothing.
  std::string refuses(const ironjar::Request& request, const std::string& accessToken, const std::string& bound) {
    const auto text = ironjar::findHeader(request.headers, "DPoP");
    if (!text) return "no proof";
    const Proof proof = proofIn(*text);
    const std::lock_guard lock(mutex);
    proofs.push_back(proof);
    if (!proof.isSigned || proof.header.at("typ") != "dpop+jwt") return "signature";
    if (!ids.insert(proof.claims.at("jti").get<std::string>()).second) return "replayed";
    if (proof.claims.at("htm") != request.method) return "method";
    if (proof.claims.at("htu") != request.url.substr(0, request.url.find('?'))) return "URL";
    const std::string hash = accessToken.empty() ? "" : ironjar::detail::accessTokenHash(accessToken);
    if (proof.claims.value("ath", "") != hash) return "access token";
    const auto known = boundTo.find(bound);
    if (known != boundTo.end() && known->second != ironjar::detail::thumbprintOf(proof.header.at("jwk"))) return "key";
    return "";
  }
  bool hasNonce(const ironjar::Request& request, const std::string& wanted) const {
    if (wanted.empty()) return true;
    return proofIn(*ironjar::findHeader(request.headers, "DPoP")).claims.value("nonce", "") == wanted;
  }

  static bool hasAnyNonce(const ironjar::Request& request) {
    return proofIn(*ironjar::findHeader(request.headers, "DPoP")).claims.contains("nonce");
  }

  ironjar::Result<ironjar::Response> handle(const ironjar::Request& request, ironjar::Deadline deadline,
                                            const ironjar::Transport& inner) {
    const bool isToken = request.url == upstream.provider.tokenUrl();
    if (!isToken && request.url.starts_with("https://id.example/")) {
      const std::lock_guard lock(mutex);
      others.push_back(request);
      return inner(request, deadline);
    }
    return isToken ? token(request, deadline, inner) : api(request, deadline, inner);
  }

  ironjar::Result<ironjar::Response> token(const ironjar::Request& request, ironjar::Deadline deadline,
                                           const ironjar::Transport& inner) {
    ++tokenRequests;
    const auto fields = ironjar::testing::detail::bodyFields(request);
    const auto spent = fields.find("refresh_token");
    const std::string bound = spent == fields.end() ? "" : spent->second;
    const std::string problem = refuses(request, "", bound);
    if (!problem.empty()) return refused(400, "invalid_dpop_proof", problem);
    if (takesNoNonce && hasAnyNonce(request)) return refused(400, "invalid_dpop_proof", "");
    if (neverPleased || !hasNonce(request, tokenNonce)) {
      ironjar::Response answer = refused(400, "use_dpop_nonce", "");
      answer.headers.emplace_back("DPoP-Nonce", tokenNonce);
      return answer;
    }
    auto answer = inner(request, deadline);
    if (!answer || answer->status != 200) return answer;
    Json body = Json::parse(answer->body);
    body["token_type"] = tokenType;
    answer->body = body.dump();
    bind(body.value("refresh_token", bound),
         ironjar::detail::thumbprintOf(proofIn(*ironjar::findHeader(request.headers, "DPoP")).header.at("jwk")));
    if (!nextTokenNonce.empty()) answer->headers.emplace_back("dpop-nonce", tokenNonce = nextTokenNonce);
    return answer;
  }

  ironjar::Result<ironjar::Response> api(ironjar::Request request, ironjar::Deadline deadline,
                                         const ironjar::Transport& inner) {
    ++apiRequests;
    const std::string authorization(ironjar::findHeader(request.headers, "Authorization").value_or(""));
    const bool isBound = authorization.starts_with("DPoP ");
    const std::string problem = isBound ? refuses(request, authorization.substr(5), "") : "scheme";
    if (takesNoNonce && hasAnyNonce(request)) {
      ironjar::Response answer = refused(401, "invalid_dpop_proof", "");
      answer.headers.emplace_back("WWW-Authenticate", "DPoP error=\"invalid_dpop_proof\"");
      return answer;
    }
    const std::string origin = ironjar::detail::parseUrl(request.url)->origin;
    const std::string wanted = nonceOf.contains(origin) ? nonceOf[origin] : apiNonce;
    if (!problem.empty() || neverPleased || !hasNonce(request, wanted)) {
      const char* error = problem.empty() ? "use_dpop_nonce" : "invalid_dpop_proof";
      ironjar::Response answer = refused(401, error, problem);
      answer.headers.emplace_back("WWW-Authenticate", std::string("DPoP error=\"") + error + "\", algs=\"ES256\"");
      if (problem.empty()) answer.headers.emplace_back("DPoP-Nonce", wanted);
      return answer;
    }
    request.url = "https://api.example/items";
    ironjar::eraseHeader(request.headers, "Authorization");
    request.headers.emplace_back("Authorization", "Bearer " + authorization.substr(5));
    auto answer = inner(request, deadline);
    if (answer && !nextApiNonce.empty()) answer->headers.emplace_back("DPoP-Nonce", apiNonce = nextApiNonce);
    return answer;
  }

  ironjar::Response refused(int status, const std::string& error, const std::string& problem) {
    const std::lock_guard lock(mutex);
    if (!problem.empty()) problems.push_back(problem);
    return {.status = status, .body = Json{{"error", error}}.dump()};
  }

  Upstream upstream;
  std::string tokenNonce;      // asked for; empty: none is
  std::string nextTokenNonce;  // given with tokens, and asked for from then on
  std::string apiNonce;
  std::string nextApiNonce;
  std::map<std::string, std::string> nonceOf;  // of an API's origin, in place of apiNonce
  bool neverPleased = false;                   // whatever the nonce
  bool takesNoNonce = false;                   // it is not asked for, and whoever brings one is refused
  std::string tokenType = "DPoP";
  std::atomic<int> tokenRequests{0};
  std::atomic<int> apiRequests{0};

  mutable std::mutex mutex;  // of all below
  std::vector<std::string> problems;
  std::vector<Proof> proofs;
  std::vector<ironjar::Request> others;  // for the provider, but not its token endpoint
  std::set<std::string> ids;
  std::map<std::string, std::string> boundTo;  // refresh tokens, to their key's thumbprint
};

}  // namespace support
