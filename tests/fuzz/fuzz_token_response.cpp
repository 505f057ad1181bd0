// A token endpoint's answer: status, fields and body. It is read as tokens, a dead login, a refused client or a passing
// failure; and a session that performFetch refreshes with it is changed by the first two only.
#include "fuzz.hpp"

using namespace ironjar;

namespace {

constexpr const char* api = "https://api.example";

Response answerFrom(fuzz::Input& input) {
  static constexpr std::array<int, 12> statuses = {200, 400, 401, 200, 403, 429, 500, 503, 302, 204, 408, 201};
  Response answer{.status = statuses[input.byte() % statuses.size()]};
  for (unsigned fields = input.byte() % 4U; fields > 0; --fields) {
    const std::string name(input.text());
    answer.headers.emplace_back(name, input.text());
  }
  answer.body = input.rest();
  return answer;
}

TokenEndpoint endpointFor(unsigned variant) {
  TokenEndpoint endpoint{.url = "https://id.example/token", .clientAuth = basicAuth("web", "secret")};
  if ((variant & 1U) != 0)
    endpoint.answer = {.accessToken = "/data/authorization/access_token",
                       .refreshToken = "/data/authorization/refresh_token"};
  if ((variant & 2U) != 0) endpoint.cookies = {"sso_session"};
  if ((variant & 4U) != 0) endpoint.answer.extra = {{"instance", "/instance_url"}};
  return endpoint;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const unsigned variant = input.byte();
  const TokenEndpoint endpoint = endpointFor(variant);
  const std::string dpopKey = (variant & 4U) != 0 ? "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE" : "";
  const Response answer = answerFrom(input);
  const Result<TokenSet> read = readTokenAnswer(answer, endpoint, fuzz::noon(), dpopKey);
  for (const Challenge& challenge : challengesIn(answer)) fuzz::require(!challenge.scheme.empty(), "it has a scheme");
  const auto pause = retryAfter(answer, fuzz::noon());
  fuzz::require(!pause || *pause >= Seconds{0}, "a pause is not negative");
  if (read) {
    fuzz::require(answer.status >= 200 && answer.status < 300, "tokens come with success only");
    const auto isVisible = [](char c) { return c > ' ' && c < '\x7f'; };
    const std::string& token = read->accessToken;
    fuzz::require(!token.empty() && std::all_of(token.begin(), token.end(), isVisible), "a token fits a header");
    fuzz::require(!read->expiresAt || *read->expiresAt > fuzz::noon(), "new tokens have not ended");
  } else {
    fuzz::requireError(read, {Errc::loginRequired, Errc::notAllowed, Errc::refreshFailed});
    const bool isCoded = findHeader(answer.headers, "Content-Encoding").has_value();
    if (read.error().end) {
      const int status = answer.status;
      const bool refuses = status >= 400 && status < 500 && status != 408 && status != 429;
      const bool mayTell = refuses || (status >= 200 && status < 300);
      fuzz::require(mayTell && (isCoded || answer.body.find('"') != std::string::npos),
                    "only a well-formed invalid_grant ends a login");
    }
  }

  const Fetcher fetcher({.transport = [&](const Request& request, Deadline) -> Result<Response> {
                           fuzz::require(findHeader(request.headers, "DPoP").has_value() != dpopKey.empty(),
                                         "each request has a proof, where there is a key");
                           if (request.url.starts_with("https://id.example/")) return answer;
                           const std::string nonce(findHeader(answer.headers, "DPoP-Nonce").value_or(""));
                           return Response{.status = 401, .headers = {{"DPoP-Nonce", nonce}}};
                         },
                         .allowedOrigins = {api},
                         .tokenEndpoint = endpoint,
                         .now = fuzz::noon});
  Session session;
  session.setTokens({.accessToken = "at-1", .refreshToken = "rt-1", .dpopKey = dpopKey});
  session.set("user", "ada");
  const Json before = session.data();
  const Result<Response> got = fetcher.performFetch(session, {.url = std::string(api) + "/x"});
  if (read) {
    const auto tokens = session.tokens();
    fuzz::require(session.destroyed() || (tokens && tokens->accessToken == read->accessToken),
                  "the new tokens are in the session");
  } else if (read.error().end) {
    fuzz::require(!got && got.error().end == RefreshEnd::invalidGrant && session.destroyed(),
                  "a dead login ends the session");
  } else {
    fuzz::require(!session.destroyed() && session.data() == before, "a passing failure leaves it as it was");
  }
  return 0;
}
