#include "oauth/token_request.hpp"

#include "oauth/token_answer.hpp"
#include "oauth/token_endpoint.hpp"

namespace ironjar::detail {

Result<Request> TokenRequest::made() const {
  Result<Request> request = authenticated(write);
  if (!request || dpopKey.empty()) return request;
  if (auto problem = prove(*request, dpopKey, {}, nonces.of(endpoint.url), now)) return *problem;
  return request;
}

Result<Response> TokenRequest::sent(const Request& request, Deadline deadline) const {
  Result<Response> answer = transport(request, deadline);
  if (dpopKey.empty() || !answer || !nonces.take(endpoint.url, *answer, DpopServer::tokenEndpoint)) return answer;
  if (!refusesProof(*answer, endpoint)) return answer;
  const Result<Request> second = made();
  if (!second) return answer;
  Result<Response> result = transport(*second, deadline);
  const bool isSent = result || result.error().code != Errc::unreachable;
  if (isSent) answer = std::move(result);
  if (answer) static_cast<void>(nonces.take(endpoint.url, *answer, DpopServer::tokenEndpoint));
  return answer;
}

}  // namespace ironjar::detail
