// What a token endpoint's answer means: one table, the first row that fits. Pure.
//
// | the answer                                                         | means        | shows of the endpoint        |
// | ------------------------------------------------------------------ | ------------ | ---------------------------- |
// | 1 2xx with usable tokens                                           | tokens       | well                         |
// | 2 2xx or 4xx but 408 and 429: JSON without an access token, whose  | loginOver    | well                         |
// |   error is one of grantErrors                                      |              |                              |
// | 3 none, though the request may have arrived; 2xx of a JSON or form | lost         | failing                      |
// |   type that cannot be read, or of more than 1 MiB                  |              |                              |
// | 4 5xx but 501, 503 and 505; 2xx without tokens or an error, of no  | possiblyUsed | failing                      |
// |   such type, or in a content coding other than gzip and deflate    |              |                              |
// | 5 4xx with invalid_client or unsupported_grant_type; tokens that   | client       | refusesClient                |
// |   need a proof, where none was sent                                |              |                              |
// |   none, since nothing could be sent                                | unreachable  | unreachable                  |
// | 6 anything else: 2xx or 4xx but 429 with a JSON error; tokens that | token        | well                         |
// |   are no DPoP ones, where a proof was sent                         |              |                              |
// |   4xx without one, 429, 3xx (TokenEndpoint::endsGrant says whether | token        | refusing                     |
// |   the login may be over)                                           |              |                              |
// |   501, 503, 505; 2xx with tokens that cannot be used; 2xx or 4xx   | token        | failing                      |
// |   with temporarily_unavailable or server_error                     |              |                              |
//
// An error is a JSON member's text or whole number; a form is an object of texts. loginOver ends the login. lost and
// possiblyUsed: the refresh token may have been spent (what then: TokenEndpoint::replay). token: an affair of this
// token's, for now.
#pragma once

#include <ironjar/token_endpoint.hpp>

namespace ironjar::detail {

enum class AnswerMeaning { tokens, loginOver, lost, possiblyUsed, client, unreachable, token };

struct TokenAnswer {
  AnswerMeaning meaning;
  Result<TokenSet> tokens;
  EndpointState endpoint;
  bool mayBeOver = false;  // as TokenEndpoint::endsGrant says
};

// `dpopKey` is that of the proof that was sent, and goes into the tokens; empty: none was sent.
[[nodiscard]] TokenAnswer meaningOf(const Result<Response>& answer, const TokenEndpoint& endpoint, TimePoint now,
                                    const std::string& dpopKey = {});

// Whether the answer is about the DPoP proof alone (RFC 9449 sections 5 and 8).
[[nodiscard]] bool refusesProof(const Response& answer, const TokenEndpoint& endpoint);

}  // namespace ironjar::detail
